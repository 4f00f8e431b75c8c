# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""GPU memory that a model needs: its weights, and the KV cache at the declared context.

An estimate from names and sizes only, without the model's file: good for "this can never fit", not for the last
gigabyte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Bits per weight, including the scales of its block (llama.cpp, tools/quantize/README.md; AWQ and GPTQ at group size
# 128).
_BITS = {
    "f32": 32.0,
    "f16": 16.0,
    "bf16": 16.0,
    "fp16": 16.0,
    "fp8": 8.0,
    "int8": 8.0,
    "q8": 8.5,
    "q6": 6.6,
    "q5": 5.7,
    "q4": 4.9,
    "q3": 3.9,
    "q2": 3.2,
    "iq4": 4.5,
    "iq3": 3.5,
    "iq2": 2.5,
    "iq1": 1.8,
    "awq": 4.3,
    "gptq": 4.3,
    "int4": 4.3,
    "mxfp4": 4.3,
}
# GGUF files and Ollama's models usually have 4.9 bits; other servers load 16 bits.
GGUF_BITS, SIXTEEN_BITS = 4.9, 16.0
# (up to billions of parameters, bytes of K and V in 16 bits for one token): layers x KV heads x 128 x 2 x 2, from
# the config.json of published models of that size (Llama 3.2 1B and 3B, Llama 3.1 8B and 70B, Qwen2.5 14B
# and 32B, Llama 3.1 405B).
_KV_BYTES = ((1.9, 32768), (4.9, 114688), (11.0, 131072), (20.0, 196608), (40.0, 262144), (110.0, 327680))
_KV_BYTES_LARGEST = 516096
_CACHE_BITS = {"f32": 32.0, "f16": 16.0, "bf16": 16.0, "q8_0": 8.5, "q5_1": 6.0, "q5_0": 5.5}
_CACHE_BITS_SMALLEST = 4.5


@dataclass(frozen=True)
class Need:
    """GPU memory that one model needs, in bytes."""

    weights: int
    kv_cache: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.weights + self.kv_cache


def need(billions: float, quantization: str, usual_bits: float, context: int, cache_share: float = 1.0) -> Need:
    """Memory of a model of so many billions of parameters with a context of so many tokens.

    `quantization` is any text that may contain one; `usual_bits` are used if it contains none. `cache_share` is the
    size of its KV cache, relative to one in 16 bits.
    """
    words = re.split(r"[^a-z0-9]+", quantization.lower())
    bits = next((_BITS[word] for word in words if word in _BITS), usual_bits)
    kv_bytes = next((size for limit, size in _KV_BYTES if billions <= limit), _KV_BYTES_LARGEST)
    return Need(int(billions * 1e9 * bits / 8), int(kv_bytes * context * cache_share))


def cache_share(kind_k: str | None, kind_v: str | None) -> float:
    """Size of a KV cache of these types, relative to one in 16 bits."""
    return sum(_CACHE_BITS.get(kind or "f16", _CACHE_BITS_SMALLEST) for kind in (kind_k, kind_v)) / 32
