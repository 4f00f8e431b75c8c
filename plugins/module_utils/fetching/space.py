# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether there is space for all that a host lacks, before the first byte comes."""

from __future__ import annotations

import http.client
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .download import RESERVE_BYTES, STALLED_SECONDS, SameServer, ask, bytes_in, part_of
from .progress import size

File = Mapping[str, Any]


def published_size(url: str, token: str = "") -> int:
    """Bytes of a file, as its server tells; 0 where it does not. What is wrong with the server, the download tells."""
    asked = ask(url, token, {}, "HEAD")
    try:
        with urllib.request.build_opener(SameServer()).open(asked, timeout=STALLED_SECONDS) as answer:
            return max(0, int(answer.headers.get("Content-Length") or 0))
    except (OSError, ValueError, http.client.HTTPException):
        return 0


def there(path: str) -> str:
    """The nearest folder above a path that exists."""
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def without_space(
    files: Sequence[File],
    size_of: Callable[[File], int],
    free: Callable[[str], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Iterator[str]:
    """A line for each file system that is too small for the sum of what is lacking on it.

    files: {path, url, sha256}. Of one that was begun only the rest counts, and of one that is there nothing.
    """
    lacking: dict[int, list[tuple[str, str, int]]] = {}
    for file in files:
        folder, path = there(file["path"]), file["path"]
        rest = 0 if os.path.exists(path) else max(0, size_of(file) - bytes_in(part_of(path)))
        lacking.setdefault(os.stat(folder).st_dev, []).append((folder, os.path.basename(path), rest))
    for rows in lacking.values():
        folder, total = rows[0][0], sum(rest for _folder, _name, rest in rows)
        room = free(folder)
        if total and total + RESERVE_BYTES > room:
            parts = ", ".join(f"{name} {size(rest)}" for _folder, name, rest in rows if rest)
            yield f"{folder} needs {size(total)} more ({parts}), and {size(room)} are free: free some space"
