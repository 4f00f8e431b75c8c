# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The header of a GGUF file, without its weights (format: ggml's docs/gguf.md; types: ggml/src/ggml.c).

The file may be of anybody: each count and length is compared with what real headers have and with the size of the
file, before anything is read.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import BinaryIO, Union

from .facts import UnreadableError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# Real headers have up to some 20 MB: a vocabulary of 262144 words with its merges.
LONGEST_HEADER = 256 << 20
MOST_PAIRS, MOST_TENSORS, MOST_TEXTS = 10_000, 100_000, 4_000_000
LONGEST_KEY, LONGEST_ARRAY = 65_535, 4096
DIMENSIONS = 4
# (code, bytes) of each number in the metadata.
NUMBERS = {
    0: ("B", 1),
    1: ("b", 1),
    2: ("H", 2),
    3: ("h", 2),
    4: ("I", 4),
    5: ("i", 4),
    6: ("f", 4),
    7: ("?", 1),
    10: ("Q", 8),
    11: ("q", 8),
    12: ("d", 8),
}
TEXT, ARRAY = 8, 9
# (name, weights in a block, bytes of a block) of each type of tensor.
TYPES = {
    0: ("f32", 1, 4),
    1: ("f16", 1, 2),
    2: ("q4_0", 32, 18),
    3: ("q4_1", 32, 20),
    6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24),
    8: ("q8_0", 32, 34),
    9: ("q8_1", 32, 36),
    10: ("q2_k", 256, 84),
    11: ("q3_k", 256, 110),
    12: ("q4_k", 256, 144),
    13: ("q5_k", 256, 176),
    14: ("q6_k", 256, 210),
    15: ("q8_k", 256, 292),
    16: ("iq2_xxs", 256, 66),
    17: ("iq2_xs", 256, 74),
    18: ("iq3_xxs", 256, 98),
    19: ("iq1_s", 256, 50),
    20: ("iq4_nl", 32, 18),
    21: ("iq3_s", 256, 110),
    22: ("iq2_s", 256, 82),
    23: ("iq4_xs", 256, 136),
    24: ("i8", 1, 1),
    25: ("i16", 1, 2),
    26: ("i32", 1, 4),
    27: ("i64", 1, 8),
    28: ("f64", 1, 8),
    29: ("iq1_m", 256, 56),
    30: ("bf16", 1, 2),
    34: ("tq1_0", 256, 54),
    35: ("tq2_0", 256, 66),
    39: ("mxfp4", 32, 17),
    40: ("nvfp4", 64, 36),
    41: ("q1_0", 128, 18),
    42: ("q2_0", 64, 18),
}

# Not with `|`, which ansible-test takes for an operation on types.
Value = Union[str, float, bool, list[float]]  # noqa: UP007


@dataclass(frozen=True)
class Tensor:
    """A tensor: its shape with the fastest dimension first, its type, its size in bytes."""

    name: str
    shape: tuple[int, ...]
    type: str
    bytes: int


@dataclass
class Header:
    """What is before the weights. Texts, numbers and short lists of numbers are kept, vocabularies are not."""

    values: dict[str, Value] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)


def read_header(path: str) -> Header:
    """Raises UnreadableError, also if the file ends before its last tensor, and OSError."""
    with open(path, "rb", buffering=1 << 16) as handle:
        return _Reader(handle, os.fstat(handle.fileno()).st_size).header()


class _Reader:
    def __init__(self, handle: BinaryIO, size: int) -> None:
        self.handle = handle
        self.size = size
        self.texts = 0

    def header(self) -> Header:
        if self.bytes(4) != MAGIC:
            raise UnreadableError("is not a GGUF file")
        version = self.number("I", 4)
        if version not in VERSIONS:
            swapped = struct.unpack(">I", struct.pack("<I", version))[0] in VERSIONS
            what = "is a GGUF file for machines of another byte order" if swapped else f"is GGUF of version {version}"
            raise UnreadableError(f"{what}; it is read in little endian, of version 2 or 3")
        tensors, pairs = self.number("Q", 8), self.number("Q", 8)
        if tensors > MOST_TENSORS or pairs > MOST_PAIRS:
            raise UnreadableError(f"claims {tensors} tensors and {pairs} values, more than any model has")
        found = Header()
        for _index in range(int(pairs)):
            key = self.text(LONGEST_KEY)
            value = self.value()
            if value is not None:
                found.values[key] = value
        ends = [0]
        for _index in range(int(tensors)):
            tensor, offset = self.tensor()
            found.tensors.append(tensor)
            ends.append(offset + tensor.bytes)
        alignment = found.values.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise UnreadableError("has a wrong alignment")
        start = -(-self.handle.tell() // alignment) * alignment
        if found.tensors and start + max(ends) > self.size:
            raise UnreadableError(f"is cut off: it has {self.size} bytes, its header describes {start + max(ends)}")
        return found

    def bytes(self, count: int) -> bytes:
        found = self.handle.read(count)
        if len(found) < count:
            raise UnreadableError(f"is cut off inside its header, after {self.size} bytes")
        return found

    def skip(self, count: int) -> None:
        place = self.handle.tell() + count
        if place > min(self.size, LONGEST_HEADER):
            raise UnreadableError(f"is cut off inside its header, or describes one that ends at byte {place}")
        self.handle.seek(count, os.SEEK_CUR)

    def number(self, code: str, width: int) -> int:
        found: int = struct.unpack(f"<{code}", self.bytes(width))[0]
        return found

    def text(self, longest: int) -> str:
        length = self.number("Q", 8)
        if length > longest:
            raise UnreadableError(f"has a text of {length} bytes where at most {longest} are expected")
        return self.bytes(length).decode("utf-8", "replace")

    def value(self) -> Value | None:
        kind = self.number("I", 4)
        if kind == TEXT:
            return self._short_text()
        if kind == ARRAY:
            return self._array()
        return self._one(kind)

    def _one(self, kind: int) -> float | bool:
        if kind not in NUMBERS:
            raise UnreadableError(f"has a value of the unknown type {kind}")
        return self.number(*NUMBERS[kind])

    def _short_text(self) -> str | None:
        """A chat template may be long, and is not needed."""
        length = self.number("Q", 8)
        if length > LONGEST_ARRAY:
            self.skip(length)
            return None
        return self.bytes(length).decode("utf-8", "replace")

    def _array(self) -> list[float] | None:
        kind, count = self.number("I", 4), self.number("Q", 8)
        if kind == TEXT:
            self.texts += count
            if self.texts > MOST_TEXTS:
                raise UnreadableError(f"claims {count} texts in a list, more than any vocabulary has")
            for _index in range(count):
                self.skip(self.number("Q", 8))
            return None
        if kind not in NUMBERS:
            raise UnreadableError(f"has a list of the unknown type {kind}")
        if count > LONGEST_ARRAY:
            self.skip(count * NUMBERS[kind][1])
            return None
        return [self._one(kind) for _index in range(count)]

    def tensor(self) -> tuple[Tensor, int]:
        """(tensor, where it begins in the data)."""
        name = self.text(LONGEST_KEY)
        dimensions = self.number("I", 4)
        if dimensions > DIMENSIONS:
            raise UnreadableError(f"has a tensor of {dimensions} dimensions")
        shape = tuple(self.number("Q", 8) for _index in range(dimensions))
        kind, offset = self.number("I", 4), self.number("Q", 8)
        if kind not in TYPES:
            raise UnreadableError(f"has a tensor of the unknown type {kind}")
        word, block, width = TYPES[kind]
        elements = 1
        for length in shape:
            elements *= length
        if elements % block:
            raise UnreadableError(f"has a tensor of {elements} elements in blocks of {block}")
        return Tensor(name, shape, word, elements // block * width), offset
