# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The records of requests, as the gateway's hook wrote them: the file and the ones before it."""

from __future__ import annotations

import json
import os
import time
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]
# How much of a file is read at once, from its end.
BLOCK = 1 << 16


class RecordsError(Exception):
    """Why there is nothing to read, in words."""


@dataclass(frozen=True)
class Wanted:
    """Which records; an empty value stands for all. `since` is a time of the clock."""

    model: str = ""
    client: str = ""
    id: str = ""
    slow: bool = False
    errors: bool = False
    since: float = 0

    def has(self, record: Record) -> bool:
        """Whether a record is one of them."""
        return (
            (not self.model or record.get("model") == self.model)
            and (not self.client or record.get("client") == self.client)
            and (not self.id or record.get("id") == self.id)
            and (not self.slow or bool(record.get("slow")))
            and (not self.errors or record.get("error") is not None)
            and (not self.since or moment(record) >= self.since)
        )


def moment(record: Record) -> float:
    """When a request began; 0 for what is no time."""
    text = str(record.get("time", ""))
    try:
        return timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + int(text[20:23] or 0) / 1000
    except ValueError:
        return 0.0


def record_of(line: bytes) -> Record | None:
    """A line's record, or None for what is none."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "time" in found and "id" in found else None


def opened(path: str) -> int:
    """A descriptor. Raises RecordsError; a link is not followed, since the folder belongs to the gateway."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RecordsError(f"there are no records yet: {path} does not exist") from None
    except PermissionError:
        raise RecordsError(f"only root and the group ai-backend-records may read {path}: use sudo") from None
    except OSError as error:
        raise RecordsError(f"{path}: {error.strerror}") from None


def backwards(descriptor: int) -> Iterator[bytes]:
    """The lines of a file from its last one to its first one."""
    position, rest = os.fstat(descriptor).st_size, b""
    while position:
        size = min(BLOCK, position)
        position -= size
        block = os.pread(descriptor, size, position) + rest
        rest, *lines = block.split(b"\n")
        yield from (line for line in reversed(lines) if line)
    if rest:
        yield rest


def newest_first(path: str) -> Iterator[Record]:
    """The records of all files. They end about in this order: a long request is written after a shorter, later one."""
    descriptor, number = opened(path), 0
    while True:
        try:
            yield from (record for line in backwards(descriptor) if (record := record_of(line)))
        finally:
            os.close(descriptor)
        number += 1
        try:
            descriptor = opened(f"{path}.{number}")
        except RecordsError:
            return


# A request that began this long before it was written may be among later ones; LiteLLM's longest is shorter.
LONGEST_SECONDS = 3600


def found(path: str, wanted: Wanted, most: int = 0) -> list[Record]:
    """The wanted records by time, the newest `most` of them, 0 for all. Raises RecordsError."""
    chosen = []
    for record in newest_first(path):
        if 0 < moment(record) < wanted.since - LONGEST_SECONDS:
            break
        if wanted.has(record):
            chosen.append(record)
            if len(chosen) == most:
                break
    return sorted(chosen, key=moment)


class Tail:
    """What is added to the records from now on, also after the file was turned over."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = opened(path)
        self.position = os.fstat(self.descriptor).st_size
        self.rest = b""

    def new(self) -> list[Record]:
        """Since the last call."""
        lines = self._lines()
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return lines
        mine = os.fstat(self.descriptor)
        if (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            # What came between the two looks.
            lines += self._lines()
            try:
                after = opened(self.path)
            except RecordsError:
                return lines
            os.close(self.descriptor)
            self.descriptor, self.position, self.rest = after, 0, b""
            lines += self._lines()
        return lines

    def _lines(self) -> list[Record]:
        parts = [self.rest]
        while part := os.pread(self.descriptor, BLOCK, self.position):
            self.position += len(part)
            parts.append(part)
        *lines, self.rest = b"".join(parts).split(b"\n")
        return [record for line in lines if (record := record_of(line))]

    def wait(self, identifier: str, seconds: float) -> Record | None:
        """The record of a request that was made since the tail began, as soon as it is written."""
        end = time.monotonic() + seconds
        while True:
            for record in self.new():
                if record["id"] == identifier:
                    return record
            if time.monotonic() > end:
                return None
            time.sleep(0.05)

    def close(self) -> None:
        """Give the file back."""
        os.close(self.descriptor)
