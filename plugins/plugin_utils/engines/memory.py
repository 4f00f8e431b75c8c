# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Memory that a model needs: its weights, its KV cache at the declared context, and what its engine needs besides.

Without the model's file it is an estimate from names and sizes: good for "this can never fit", not for the last
gigabyte. With the facts of the file (module_utils/model_files/facts.py) weights and cache are counted, and only the
engine's own part is an estimate. tests/unit/plugin_utils/test_published_memory.py compares it with what was published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .load import Load

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
# llama.cpp rounds the length of a cache up to this.
_CELLS = 256
# Without a declared context llama.cpp takes what fits, and not less than this (common/common.h, fit_params_min_ctx).
_SHORTEST_CONTEXT = 4096
# What a process has on a card before its first model: CUDA's context and its libraries (Ollama, discover/gpu.go,
# cudaMinimumMemory).
RUNTIME = 457 << 20


@dataclass(frozen=True)
class Need:
    """Memory that one model needs, in bytes. `exact`: weights and cache were counted from its file."""

    weights: int
    kv_cache: int
    engine: int = 0
    exact: bool = False

    @property
    def counted(self) -> int:
        """What it needs without the engine's own part: no engine can do with less."""
        return self.weights + self.kv_cache

    @property
    def total(self) -> int:
        """All together."""
        return self.counted + self.engine


def need(billions: float, quantization: str, usual_bits: float, context: int, cache_share: float = 1.0) -> Need:
    """Memory of a model of so many billions of parameters with a context of so many tokens.

    `quantization` is any text that may contain one; `usual_bits` are used if it contains none. `cache_share` is the
    size of its KV cache, relative to one in 16 bits.
    """
    words = re.split(r"[^a-z0-9]+", quantization.lower())
    bits = next((_BITS[word] for word in words if word in _BITS), usual_bits)
    kv_bytes = next((size for limit, size in _KV_BYTES if billions <= limit), _KV_BYTES_LARGEST)
    return Need(int(billions * 1e9 * bits / 8), int(kv_bytes * context * cache_share))


def cache_bits(kind_k: str | None, kind_v: str | None) -> list[float]:
    """Bits of an element of K and of V of these types."""
    return [_CACHE_BITS.get(kind or "f16", _CACHE_BITS_SMALLEST) for kind in (kind_k, kind_v)]


def cache_share(kind_k: str | None, kind_v: str | None) -> float:
    """Size of a KV cache of these types, relative to one in 16 bits."""
    return sum(cache_bits(kind_k, kind_v)) / 32


def needed(load: Load, facts: Mapping[str, Mapping[str, Any]], cards: int) -> Need | None:
    """Memory of a model on so many cards, or in the host's memory if there are none; None if nothing is known of it.

    `facts` are those of files, by path.
    """
    model = facts.get(load["file"])
    if model is None or model["problem"]:
        return Need(load["estimate"], 0) if load["estimate"] else None
    load = {**load, "context": load["context"] or min(model["context"], _SHORTEST_CONTEXT)}
    weights, cache = _placed(load, model, cards > 0)
    # Each card computes its own layers.
    engine = compute_bytes(load, model) * max(cards, 1) + RUNTIME * cards + model["picture_bytes"]
    known = [facts[path] for path in load["parts"] if path in facts]
    weights += sum(part["bytes"] for part in known)
    engine += sum(part["picture_bytes"] for part in known)
    draft = facts.get(load["draft"])
    if draft is not None and not draft["problem"]:
        more, more_cache = _placed({**load, "layers": -1, "experts": 0, "cached": True}, draft, cards > 0)
        weights, cache = weights + more, cache + more_cache
    return Need(weights, cache, engine, exact=True)


def _placed(load: Load, model: Mapping[str, Any], on_card: bool) -> tuple[int, int]:
    """(weights, cache) in bytes of the layers that are put on the card: the last ones, and the output before them."""
    layers: Sequence[Mapping[str, Any]] = model["layers"]
    if not on_card or not layers:
        return model["bytes"], sum(_cache_bytes(load, layer) for layer in layers)
    left = len(layers) if load["experts"] < 0 else load["experts"]
    wanted = len(layers) + 1 if load["layers"] < 0 else min(load["layers"], len(layers) + 1)
    first = len(layers) + 1 - max(wanted, 1)
    weights = sum(layer["bytes"] for layer in layers[first:]) - sum(layer["experts"] for layer in layers[first:left])
    cache = sum(_cache_bytes(load, layer) for layer in layers[first:]) if load["cached"] else 0
    return weights + (model["output_bytes"] if wanted else 0), cache


def _cache_bytes(load: Load, layer: Mapping[str, Any]) -> int:
    k_bits, v_bits = load["cache_bits"]
    bits = layer["k"] * k_bits + layer["v"] * v_bits
    state: int = layer["state"] * 4 * load["sequences"]
    return int(bits * _cells(load, layer["window"]) / 8) + state


def _cells(load: Load, window: int) -> int:
    """Tokens that a layer keeps (llama.cpp, src/llama-kv-cache-iswa.cpp)."""
    caches = 1 if load["shared"] else load["sequences"]
    whole = _rounded(load["context"] // caches)
    if window and load["windows"]:
        seen = window * (load["sequences"] if load["shared"] else 1) + load["batch"]
        whole = min(whole, _rounded(seen))
    return whole * caches


def _rounded(tokens: int) -> int:
    return -(-tokens // _CELLS) * _CELLS


def compute_bytes(load: Load, model: Mapping[str, Any]) -> int:
    """The buffer in which an engine computes a batch, in bytes.

    It holds the scores of attention or the output, whichever is larger (Ollama, fs/ggml/ggml.go, GraphSize). Flash
    attention has no matrix of scores, at most a mask in 32 bits and in 16.
    """
    if not model["layers"]:
        return 0
    width, context = model["width"], load["context"]
    output = load["outputs"] * load["output_bytes"] * (width + model["vocabulary"])
    each = (1.5 if load["mask"] else 0) if load["flash"] else 1 + model["heads"]
    scores = 4 * load["batch"] * (1 + 4 * width + context * each)
    return int(max(output, scores))
