# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A part of a bundle: packages and wheels for one kind of host, in one file."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from typing import Any

from ..host.layout import Layout
from ..host.state import describe
from ..host.systemd import Run, run_command
from . import packages, wheels
from .packages import BundleError

PACKAGES, WHEELS = "packages", "wheels"


def platform_of(facts: dict[str, Any]) -> str:
    """`debian-trixie-x86_64-python3.13`: hosts of the same platform can install the same packages and wheels.

    facts: distribution, codename, architecture, python, as host/state.py describes a host.
    """
    return f"{facts['distribution']}-{facts['codename']}-{facts['architecture']}-python{facts['python']}"


def this_host(python: str, layout: Layout | None = None, run: Run = run_command) -> dict[str, Any]:
    """Facts of this host, as host/state.py describes it, without what it runs: others will run what is bundled.

    Raises BundleError if its Python can't run.
    """
    facts = describe(layout or Layout(), python, run)
    if not facts["python"]:
        raise BundleError(f"{python} can't run there: install Python, or set host_python")
    return {**facts, "published": [], "serving": {}}


def pack(folder: str, path: str) -> None:
    """All below a folder as one file, which has its name only when it is whole."""
    part = f"{path}.part"
    with tarfile.open(part, "w") as tar:
        for name in (PACKAGES, WHEELS):
            tar.add(os.path.join(folder, name), name)
    os.chmod(part, 0o644)
    os.rename(part, path)


def make(names: Sequence[str], locks: Sequence[str], python: str, path: str, run: Run = run_command) -> dict[str, Any]:
    """Write the part to path. Returns {packages, wheels}: what it has. Raises BundleError; then path is as it was."""
    if not shutil.which("apt-get"):
        raise BundleError("there is no apt-get: a part is made on a Debian, or a distribution made from it")
    work = tempfile.mkdtemp(prefix=".bundle-", dir=os.path.dirname(path))
    try:
        content = os.path.join(work, "content")
        os.makedirs(content)
        found = {
            PACKAGES: packages.collect(names, work, os.path.join(content, PACKAGES), run),
            WHEELS: wheels.collect(locks, python, work, os.path.join(content, WHEELS), run),
        }
        pack(content, path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return found
