# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder with a model in safetensors and its config.json, as Hugging Face publishes it and vLLM loads it.

The headers of its files tell the weights (https://huggingface.co/docs/safetensors: 8 bytes of length, then JSON), the
config tells the cache. Lengths are compared with what real models have before anything is read.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from typing import Any

from .facts import Facts, Layer, UnreadableError

CONFIG, ENDING = "config.json", ".safetensors"
# The format allows headers of 100 MB; the longest config is that of a model with a list of its layers.
LONGEST_HEADER, LONGEST_CONFIG = 100_000_000, 16 << 20
MOST_FILES, MOST_LAYERS = 2000, 1024
# Attention that keeps a state in place of a growing cache.
LINEAR = ("linear_attention", "mamba", "mamba2", "conv", "recurrent")


def safetensors_facts(folder: str) -> Facts:
    """Raises UnreadableError, also if a file ends before its last tensor, and OSError."""
    names = sorted(name for name in os.listdir(folder) if name.endswith(ENDING))
    if not names:
        raise UnreadableError("has no *.safetensors")
    if len(names) > MOST_FILES:
        raise UnreadableError(f"has {len(names)} *.safetensors, more than any model has")
    types: dict[str, int] = {}
    for name in names:
        for kind, size in _sizes(os.path.join(folder, name)).items():
            types[kind] = types.get(kind, 0) + size
    config = _config(os.path.join(folder, CONFIG))
    total = sum(types.values())
    layers = _layers(config)
    each = total // len(layers) if layers else 0
    for layer in layers:
        layer["bytes"] = each
    architectures = config.get("architectures")
    return {
        "problem": "",
        "format": "safetensors",
        "architecture": str(architectures[0]) if isinstance(architectures, list) and architectures else "",
        "context": _number(config, "max_position_embeddings"),
        "width": _number(config, "hidden_size"),
        "heads": _number(config, "num_attention_heads"),
        "vocabulary": _number(config, "vocab_size"),
        "bytes": total,
        "input_bytes": 0,
        "output_bytes": total - each * len(layers),
        "picture_bytes": 0,
        "layers": layers,
        "types": dict(sorted(types.items())),
    }


def _sizes(path: str) -> dict[str, int]:
    """{type: bytes} of the tensors of a file."""
    name = os.path.basename(path)
    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        start = handle.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(LONGEST_HEADER, size - 8):
            raise UnreadableError(f"{name} is not a safetensors file, or is cut off inside its header")
        header = _json(handle.read(length), name)
    types: dict[str, int] = {}
    last = 0
    for tensor, entry in header.items():
        if tensor == "__metadata__":
            continue
        if not isinstance(entry, dict) or not _is_range(entry.get("data_offsets")):
            raise UnreadableError(f"{name} has a tensor without its place")
        first, end = entry["data_offsets"]
        kind = str(entry.get("dtype", "")).lower()
        types[kind] = types.get(kind, 0) + end - first
        last = max(last, end)
    if 8 + length + last > size:
        raise UnreadableError(f"{name} is cut off: it has {size} bytes, its header describes {8 + length + last}")
    return types


def _is_range(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(number, int) and not isinstance(number, bool) for number in value)
        and 0 <= value[0] <= value[1]
    )


def _config(path: str) -> Mapping[str, Any]:
    """The config; of a model that also reads pictures that of its text model."""
    if not os.path.isfile(path):
        raise UnreadableError(f"has no {CONFIG}")
    if os.path.getsize(path) > LONGEST_CONFIG:
        raise UnreadableError(f"{CONFIG} is longer than that of any model")
    with open(path, "rb") as handle:
        whole = _json(handle.read(LONGEST_CONFIG), CONFIG)
    text = whole.get("text_config")
    return {**whole, **text, "architectures": whole.get("architectures")} if isinstance(text, dict) else whole


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise UnreadableError(f"{name} does not hold JSON") from None
    if not isinstance(found, dict):
        raise UnreadableError(f"{name} does not hold a JSON object")
    return found


def _number(config: Mapping[str, Any], key: str, default: int = 0) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def _layers(config: Mapping[str, Any]) -> list[Layer]:
    count = _number(config, "num_hidden_layers")
    if count > MOST_LAYERS:
        raise UnreadableError(f"claims {count} layers, more than any model has")
    heads = _number(config, "num_attention_heads")
    length = _number(config, "head_dim") or _number(config, "hidden_size") // max(heads, 1)
    rows = _number(config, "num_key_value_heads", heads) * length
    latent = _number(config, "kv_lora_rank")
    k, v = (latent + _number(config, "qk_rope_head_dim"), 0) if latent else (rows, rows)
    window = _number(config, "sliding_window") if config.get("use_sliding_window", True) else 0
    return [_layer(kind, k, v, window) for kind in _kinds(config, count, window)]


def _kinds(config: Mapping[str, Any], count: int, window: int) -> list[str]:
    given = config.get("layer_types")
    if isinstance(given, list) and len(given) == count:
        return [str(kind) for kind in given]
    every = _number(config, "full_attention_interval")
    if every:
        return ["linear_attention" if (index + 1) % every else "full_attention" for index in range(count)]
    every = _number(config, "sliding_window_pattern")
    if every:
        return ["sliding_attention" if (index + 1) % every else "full_attention" for index in range(count)]
    return ["sliding_attention" if window else "full_attention"] * count


def _layer(kind: str, k: int, v: int, window: int) -> Layer:
    linear = kind in LINEAR
    # The state of linear attention depends on the model's own code; it does not grow with the context.
    return {
        "bytes": 0,
        "experts": 0,
        "k": 0 if linear else k,
        "v": 0 if linear else v,
        "window": window if kind in ("sliding_attention", "chunked_attention") else 0,
        "state": 0,
    }
