# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An Ollama that was installed in another way: where its unit has its models, and how they are used in place."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
from collections.abc import Iterable

from ..host.host import Host
from . import store

VARIABLE = "OLLAMA_MODELS="


def properties(host: Host, unit: str) -> dict[str, str]:
    code, output = host.systemd.run(["systemctl", "show", unit, "--property", "Environment,User,LoadState"])
    pairs = (line.partition("=") for line in output.splitlines()) if code == 0 else ()
    return {key: value for key, _separator, value in pairs}


def models_of(host: Host, unit: str) -> str:
    """The folder with the models of a unit; empty where there is no such unit, or it has none."""
    shown = properties(host, unit)
    if shown.get("LoadState") != "loaded":
        return ""
    given = [word for word in shlex.split(shown.get("Environment", "")) if word.startswith(VARIABLE)]
    if given:
        folder = given[-1].removeprefix(VARIABLE)
    else:
        try:
            home = pwd.getpwnam(shown.get("User") or "root").pw_dir
        except KeyError:
            return ""
        folder = os.path.join(home, ".ollama", "models")
    return folder if os.path.isdir(os.path.join(folder, "manifests")) else ""


def link_blobs(folder: str, parent: str, texts: Iterable[str], owner: tuple[int, int]) -> None:
    """Let stores have the layers of these manifests: the same files, so they need no space, and stay where they are.

    They get the owner, because Ollama sets their time. Its user may write the folder, so no path in it is followed.
    """
    here = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if store.BLOBS not in os.listdir(here):
            os.mkdir(store.BLOBS, 0o755, dir_fd=here)
            os.chown(store.BLOBS, *owner, dir_fd=here, follow_symlinks=False)
        blobs = os.open(store.BLOBS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
    finally:
        os.close(here)
    try:
        there = set(os.listdir(blobs))
        for layer in {layer for text in texts for layer in store.layers(text)}:
            if layer not in there:
                link_or_copy(os.path.join(folder, store.BLOBS, layer), layer, blobs)
            os.chown(layer, *owner, dir_fd=blobs, follow_symlinks=False)
    finally:
        os.close(blobs)


def link_or_copy(path: str, name: str, folder: int) -> None:
    """Give a file another name in a folder; a folder on another file system gets a copy."""
    try:
        os.link(path, name, dst_dir_fd=folder, follow_symlinks=False)
    except OSError:
        partial = name + "-partial"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with open(path, "rb") as source, os.fdopen(os.open(partial, flags, 0o644, dir_fd=folder), "wb") as target:
            shutil.copyfileobj(source, target)
        os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
