# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages of the distribution with all that they depend on, as a folder that apt can install from."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from ..host.systemd import Run
from ..releases.file_list import sha256_of

# What Ansible's own module for packages needs on a host.
ALWAYS = ("python3-apt",)
SECONDS = 3600
FIELD = re.compile(r"^(Package|Version|Architecture): (.*)$", re.MULTILINE)


class BundleError(Exception):
    pass


def apt_options(folder: str) -> list[str]:
    """An apt with the sources of this host and a state of its own: it needs no root and installs nothing."""
    for name in ("lists/partial", "archives/partial"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    nothing = os.path.join(folder, "status")
    with open(nothing, "w", encoding="utf-8"):
        pass
    settings = {
        "Dir::State::status": nothing,
        "Dir::State::extended_states": os.path.join(folder, "extended_states"),
        "Dir::State::lists": os.path.join(folder, "lists"),
        "Dir::Cache::archives": os.path.join(folder, "archives"),
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Install-Recommends": "false",
        # The user that root's apt downloads as could not write the folder.
        "APT::Sandbox::User": "root",
    }
    return ["-q", *(f"-o{name}={text}" for name, text in settings.items())]


def call(run: Run, words: Sequence[str], why: str) -> str:
    code, output = run(list(words), SECONDS)
    if code:
        raise BundleError(f"{why}: {output.strip()[-1500:]}")
    return output


def entry_of(path: str, folder: str, run: Run) -> tuple[str, dict[str, Any]]:
    """(its paragraph of the index, {name, version, architecture, sha256}) of a package file."""
    fields = call(run, ["dpkg-deb", "--field", path], f"{os.path.basename(path)} is no package").strip()
    digest = sha256_of(path)
    place = os.path.relpath(path, folder)
    known = {name.lower(): text for name, text in FIELD.findall(fields)}
    text = f"{fields}\nFilename: ./{place}\nSize: {os.path.getsize(path)}\nSHA256: {digest}\n"
    return text, {"name": known["package"], **known, "sha256": digest}


def collect(names: Sequence[str], work: str, target: str, run: Run) -> list[dict[str, Any]]:
    """Download packages with all that they depend on into a folder with an index. Returns what it has.

    All of it, also what this host has already: another host may have less. Raises BundleError.
    """
    options = apt_options(work)
    call(run, ["apt-get", *options, "update", "--error-on=any"], "apt can't read its sources")
    wanted = sorted({*names, *ALWAYS})
    words = ["apt-get", *options, "--yes", "--download-only", "--no-install-recommends", "install", *wanted]
    call(run, words, f"apt can't download {', '.join(wanted)}")
    os.makedirs(target)
    archives, index, found = os.path.join(work, "archives"), [], []
    for name in sorted(os.listdir(archives)):
        if name.endswith(".deb"):
            # A version may have a colon, which apt writes in another way and a file name need not have.
            path = os.path.join(target, name.replace("%3a", "-"))
            os.rename(os.path.join(archives, name), path)
            text, row = entry_of(path, target, run)
            index.append(text)
            found.append(row)
    with open(os.path.join(target, "Packages"), "w", encoding="utf-8") as handle:
        handle.write("\n".join(index))
    return found
