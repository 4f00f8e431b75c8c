# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a model that its publisher lists with sizes and sums: each has its name only with that content."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from typing import TypedDict

from ..host.layout import sync_folder
from ..releases.file_list import sha256_of
from .download import RESERVE_BYTES, DownloadError, get, part_of
from .progress import size


class File(TypedDict):
    """`name` is its path in the model's folder. It has a `sha256`, or else a `blob`, git's name for it."""

    name: str
    bytes: int
    sha256: str
    blob: str


def blob_of(path: str) -> str:
    """Git's name for a file."""
    digest = hashlib.sha1(f"blob {os.path.getsize(path)}\0".encode(), usedforsecurity=False)
    with open(path, "rb") as handle:
        digest.update(handle.read())
    return digest.hexdigest()


def right(path: str, one: File) -> bool:
    """Whether a file is there with the content that is listed."""
    if not os.path.isfile(path) or os.path.getsize(path) != one["bytes"]:
        return False
    return sha256_of(path) == one["sha256"] if one["sha256"] else blob_of(path) == one["blob"]


def bytes_there(path: str, one: File) -> int:
    """How much of a file the folder has."""
    target = os.path.join(path, one["name"])
    return next((os.path.getsize(name) for name in (target, part_of(target)) if os.path.isfile(name)), 0)


def check_room(path: str, files: Iterable[File]) -> None:
    """Raises DownloadError if the files that are not there yet do not fit."""
    lacking = sum(max(0, one["bytes"] - bytes_there(path, one)) for one in files)
    free = shutil.disk_usage(path).free
    if lacking + RESERVE_BYTES > free:
        raise DownloadError(
            f"it needs {size(lacking)} more in {path}, and {size(free)} are free: free some space. What has come so "
            "far is kept"
        )


def get_one(path: str, one: File, url: str, token: str, report: Callable[[object], None]) -> None:
    """One file under its name in the folder, if it is not there yet. Raises DownloadError."""
    target = os.path.join(path, one["name"])
    if right(target, one):
        return
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    part = part_of(target)
    if one["bytes"]:
        get({"url": url, "path": target, "sha256": "", "token": token, "environment": {}}, report)
    else:
        open(part, "wb").close()
    report(f"{one['name']} is checked")
    if not right(part, one):
        os.unlink(part)
        raise DownloadError(f"{one['name']} is not what its publisher lists. Nothing of it was kept")
    os.chmod(part, 0o644)
    os.rename(part, target)
    sync_folder(os.path.dirname(target))
