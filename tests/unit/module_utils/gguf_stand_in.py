"""GGUF files of any shape, without weights: holes in a sparse file stand for them."""

from __future__ import annotations

import pathlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any

UINT32, FLOAT32, BOOL, TEXT, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
F32, F16, Q8_0, Q4_K = 0, 1, 8, 12
BLOCK = {F32: (1, 4), F16: (1, 2), Q8_0: (32, 34), Q4_K: (256, 144)}
ALIGNMENT = 32


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def typed(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return UINT32, struct.pack("<I", value)
    if isinstance(value, float):
        return FLOAT32, struct.pack("<f", value)
    if isinstance(value, str):
        return TEXT, text(value)
    kind = typed(value[0])[0]
    return ARRAY, struct.pack("<IQ", kind, len(value)) + b"".join(typed(each)[1] for each in value)


def size_of(shape: Sequence[int], kind: int) -> int:
    block, width = BLOCK[kind]
    count = 1
    for length in shape:
        count *= length
    return count // block * width


def head(values: Mapping[str, Any], tensors: Mapping[str, tuple[Sequence[int], int]]) -> tuple[bytes, int]:
    """(the bytes before the weights, the size of the whole file)."""
    found = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for key, value in values.items():
        kind, data = typed(value)
        found += text(key) + struct.pack("<I", kind) + data
    offset = 0
    for name, (shape, kind) in tensors.items():
        found += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        found += struct.pack("<IQ", kind, offset)
        offset += -(-size_of(shape, kind) // ALIGNMENT) * ALIGNMENT
    found += b"\0" * (-len(found) % ALIGNMENT)
    return found, len(found) + offset


def write(
    path: pathlib.Path, values: Mapping[str, Any], tensors: Mapping[str, tuple[Sequence[int], int]]
) -> pathlib.Path:
    """A file that is as large as it claims, and takes no space."""
    data, size = head(values, tensors)
    with path.open("wb") as handle:
        handle.write(data)
        handle.truncate(size)
    return path


def llama(layers: int = 2, width: int = 256, kv: int = 64, words: int = 512, **more: Any) -> dict[str, Any]:
    """(values, tensors) of a small model with grouped heads."""
    values = {
        "general.architecture": "llama",
        "tokenizer.ggml.tokens": [f"w{index}" for index in range(words)],
        "llama.block_count": layers,
        "llama.context_length": 8192,
        "llama.embedding_length": width,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 1,
        **more,
    }
    tensors: dict[str, tuple[Sequence[int], int]] = {
        "token_embd.weight": ((width, words), Q8_0),
        "output_norm.weight": ((width,), F32),
        "output.weight": ((width, words), F16),
    }
    for layer in range(layers):
        tensors[f"blk.{layer}.attn_q.weight"] = ((width, width), Q4_K)
        tensors[f"blk.{layer}.attn_k.weight"] = ((width, kv), Q4_K)
        tensors[f"blk.{layer}.attn_v.weight"] = ((width, kv), Q4_K)
    return {"values": values, "tensors": tensors}
