# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The list of what was installed: the files of an artifact, or one model. What differs from it was changed since.

An artifact has its list in its marker, a model in `.<name>.list` next to it. A look compares names, sizes and times,
and reads no file; on request it compares the SHA-256 of each.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypedDict, cast

from ..host.layout import ARTIFACT_MARKER, Layout, folders_in, read_json, write_atomic
from ..host.ownership import OWNER, misowned

SCHEMA = 1
PIECE = 1 << 20
# Usual modes of files that only their owner may write.
SOUND = (stat.S_IFREG | 0o644, stat.S_IFREG | 0o755)


class FileList(TypedDict):
    """`files` = {path: [bytes, time in nanoseconds, SHA-256 or empty if unknown]}, `links` = {path: target}."""

    schema: int
    files: dict[str, list[Any]]
    links: dict[str, str]


def list_of(path: str) -> str:
    """Where the list of an artifact's folder or of a model is."""
    if os.path.isdir(path):
        return os.path.join(path, ARTIFACT_MARKER)
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.list")


def entries(path: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """(name, path, status) of a file itself, or of all that is below a folder except its marker."""
    if not os.path.isdir(path):
        yield os.path.basename(path), path, os.stat(path)
        return
    start = len(path) + 1
    waiting = [path]
    while waiting:
        with os.scandir(waiting.pop()) as found:
            for entry in found:
                place = entry.path
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(place)
                if place[start:] != ARTIFACT_MARKER:
                    yield place[start:], place, entry.stat(follow_symlinks=False)


def sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        for piece in iter(lambda: handle.read(PIECE), b""):
            digest.update(piece)
    return digest.hexdigest()


def make(path: str, sums: bool = True) -> FileList:
    """The list of what is there now; without `sums` no file is read."""
    made: FileList = {"schema": SCHEMA, "files": {}, "links": {}}
    for name, place, status in entries(path):
        if stat.S_ISLNK(status.st_mode):
            made["links"][name] = os.readlink(place)
        elif stat.S_ISREG(status.st_mode):
            made["files"][name] = [status.st_size, status.st_mtime_ns, sha256_of(place) if sums else ""]
    return made


def write(path: str, content: FileList, time_of: str = "") -> None:
    """Keep a list. With `time_of` it gets the time of that file: processes are compared with the time of the list."""
    target = list_of(path)
    times = os.stat(time_of) if time_of else None
    # Names that are no UTF-8 stay what they are: JSON escapes them.
    write_atomic(target, json.dumps(content, sort_keys=True, separators=(",", ":")) + "\n")
    if times:
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def read(path: str) -> FileList | None:
    """The list of an artifact or a model; None where there is none, as in artifacts of version 0.1.0."""
    try:
        status = os.stat(list_of(path))
    except OSError:
        return None
    return parsed(list_of(path), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def parsed(file: str, _time: int, _size: int) -> FileList | None:
    """A list's content, read once in a look: the one of an environment has megabytes."""
    found = read_json(file)
    shape = isinstance(found, dict) and found.get("schema") == SCHEMA
    if not shape or not all(isinstance(found.get(key), dict) for key in ("files", "links")):
        return None
    return cast(FileList, found)


def of_entry(place: str, name: str, status: os.stat_result, known: FileList, sums: bool) -> str:
    """What is different about one entry, in words; empty where nothing is."""
    wrong = misowned(status)
    if wrong:
        return wrong
    if stat.S_ISDIR(status.st_mode):
        return ""
    if stat.S_ISLNK(status.st_mode):
        return "" if known["links"].get(name) == os.readlink(place) else "is another link"
    listed = known["files"].get(name)
    if listed is None or not stat.S_ISREG(status.st_mode):
        return "was added"
    if status.st_size != listed[0]:
        return f"has {status.st_size} bytes instead of {listed[0]}"
    if status.st_mtime_ns != listed[1]:
        return "was written again"
    if sums and listed[2] and sha256_of(place) != listed[2]:
        return "has another SHA-256, with the same size and time"
    return ""


def differences(path: str, known: FileList, sums: bool = False) -> Iterator[str]:
    """What is not as it was installed, in words. With `sums` every file is read."""
    seen = set()
    files = known["files"]
    for name, place, status in entries(path):
        seen.add(name)
        # As nearly all are: this loop has tens of thousands of rounds in every deploy.
        listed = files.get(name)
        if (
            listed
            and not sums
            and status.st_mtime_ns == listed[1]
            and status.st_size == listed[0]
            and status.st_mode in SOUND
            and status.st_uid == OWNER
        ):
            continue
        wrong = of_entry(place, name, status, known, sums)
        if wrong:
            yield f"{name} {wrong}"
    yield from (f"{name} is gone" for name in sorted({*known["files"], *known["links"]} - seen))


def installed(layout: Layout, manifests: Iterable[Mapping[str, Any]], everything: bool = False) -> list[str]:
    """The artifacts and models on this host that these releases run from, sorted; with `everything` all artifacts."""
    wanted = {os.path.join(layout.artifacts, name) for name in folders_in(layout.artifacts)} if everything else set()
    for manifest in manifests:
        wanted |= {manifest.get("artifact", "")} - {""}
        needed = manifest.get("requires", ())
        wanted |= {path for path in needed if os.path.dirname(path) == layout.models and os.path.isfile(path)}
        markers = (path for path in needed if os.path.basename(path) == ARTIFACT_MARKER)
        wanted |= {os.path.dirname(path) for path in markers if path.startswith(f"{layout.hub}/")}
    return sorted(
        path for path in wanted if os.path.isfile(path) or os.path.exists(os.path.join(path, ARTIFACT_MARKER))
    )


def note(paths: Iterable[str]) -> None:
    """List what is there now of artifacts and models without a list. A model is not read: that may take minutes."""
    for path in paths:
        folder = os.path.isdir(path)
        write(path, make(path, sums=folder), time_of=list_of(path) if folder else path)
