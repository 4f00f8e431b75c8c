#!/usr/bin/env python3
"""Fill .cache/collections: this checkout as lab.ai_backend, and the collections it needs.

Those are unpacked out of the PyPI "ansible" wheel that fits the installed ansible-core (requirements/downloads.toml
names it with its sha256), so Galaxy is not needed. Runs with the Python of the venv.
"""

from __future__ import annotations

import importlib.metadata
import pathlib
import shutil
import sys
import tempfile
import tomllib
import zipfile

from toolcache import ROOT, cache_dir, key_of, only_one, pip_download, say, sha256_of

WANTED = (
    "ansible.posix",
    "community.docker",
    "community.general",
    "community.library_inventory_filtering_v1",
)


def pinned_wheel() -> tuple[str, str]:
    """Version and sha256 of the wheel for the ansible-core that is installed."""
    core = ".".join(importlib.metadata.version("ansible-core").split(".")[:2])
    downloads = tomllib.loads((ROOT / "requirements/downloads.toml").read_text())
    for entry in downloads["collections"]:
        if entry["core"] == core:
            return entry["ansible"], entry["sha256"]
    sys.exit(f"fetch_collections: requirements/downloads.toml has no collections for ansible-core {core}")


def unpacked(version: str, sha256: str) -> pathlib.Path:
    """The cached folder that holds the wanted collections; made now if it is not there."""
    final = cache_dir() / f"collections-{version}-{key_of(sha256, *WANTED)}"
    with only_one("collections"):
        if final.exists():
            return final
        say(f"fetching the collections of ansible {version}")
        with tempfile.TemporaryDirectory(dir=cache_dir()) as tmp:
            pip_download(tmp, "--no-deps", f"ansible=={version}")
            (wheel,) = pathlib.Path(tmp).glob("*.whl")
            if sha256_of(wheel) != sha256:
                sys.exit(f"fetch_collections: {wheel.name} has sha256 {sha256_of(wheel)}, expected {sha256}")
            prefixes = tuple(f"ansible_collections/{name.replace('.', '/')}/" for name in WANTED)
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(f"{tmp}/out", [n for n in archive.namelist() if n.startswith(prefixes)])
            pathlib.Path(tmp, "out").rename(final)
    return final


def link(path: pathlib.Path, target: str) -> None:
    """Make path a link to target, whatever link was there."""
    if path.is_symlink() and str(path.readlink()) == target:
        return
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def main() -> None:
    """Unpack once, link from the checkout: a link is followed everywhere but by ansible-test."""
    source = unpacked(*pinned_wheel()) / "ansible_collections"
    home = ROOT / ".cache/collections/ansible_collections"
    link(home / "lab/ai_backend", "../../../..")
    for name in WANTED:
        folder = name.replace(".", "/")
        link(home / folder, str(source / folder))


if __name__ == "__main__":
    main()
