# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New lines of a file that is renamed when it is large: none is read twice, none is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

# Bytes at once, so that a large rest does not fill the memory.
PIECE = 1 << 20


class Followed:
    """A file from its end on, or, where it is not there yet, from its beginning."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file: BinaryIO | None = None
        self.rest = b""
        self._open(at_end=True)

    def _open(self, at_end: bool = False) -> None:
        try:
            self.file = open(self.path, "rb")  # noqa: SIM115  # it stays open until another one has its name
        except OSError:
            self.file = None
            return
        if at_end:
            self.file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[str]:
        """Those that are complete now. Who writes may still have the file of before, so it is read to its end."""
        if self.file is None:
            self._open()
        while self.file is not None:
            yield from self._read(self.file)
            if not self._renamed(self.file):
                return
            yield from self._read(self.file)
            self.file.close()
            self.rest = b""
            self._open()

    def _read(self, file: BinaryIO) -> Iterator[str]:
        while piece := file.read(PIECE):
            *lines, self.rest = (self.rest + piece).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines if line)

    def _renamed(self, file: BinaryIO) -> bool:
        try:
            there = os.stat(self.path)
        except OSError:
            return False
        here = os.fstat(file.fileno())
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)
