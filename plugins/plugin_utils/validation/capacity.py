# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the models of a host fit into its GPU memory: weights, and the KV cache at the declared context.

A first estimate from names and sizes alone, without the model's file: good for "this can never fit", not for the
last gigabyte. So all findings are warnings, and a model of unknown size counts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..data.plain import to_plain
from ..engines.models import BaseModelEntry, LlamaCppModel, OllamaModel
from ..engines.providers import Provider
from ..findings.findings import Finding, RegistryError, warning
from ..findings.paths import join
from ..registry.registry import Registry
from ..schema.base import is_loopback

GIB = 2**30
# Bits a weight, the scales of its block included (llama.cpp, tools/quantize/README.md; AWQ and GPTQ at group size 128).
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
# What Ollama and GGUF files are published as, unless they say otherwise; other servers load 16 bits.
_GGUF_DEFAULT, _OTHER_DEFAULT = 4.9, 16.0
# (up to billions of parameters, bytes of K and V in 16 bits for one token): layers x KV heads x 128 x 2 x 2, as the
# config.json of the published models of that size have them (Llama 3.2 1B and 3B, Llama 3.1 8B and 70B, Qwen2.5 14B
# and 32B, Llama 3.1 405B).
_KV_BYTES = ((1.9, 32768), (4.9, 114688), (11.0, 131072), (20.0, 196608), (40.0, 262144), (110.0, 327680))
_KV_BYTES_LARGEST = 516096
_CACHE_BITS = {"f32": 32.0, "f16": 16.0, "bf16": 16.0, "q8_0": 8.5, "q5_1": 6.0, "q5_0": 5.5}
_CACHE_BITS_SMALLEST = 4.5
# Ollama's own default; the others take the model's whole context, which is not known here.
_OLLAMA_CONTEXT = 4096


@dataclass(frozen=True)
class Need:
    """GPU memory one model needs, in bytes."""

    weights: int
    kv_cache: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.weights + self.kv_cache


def need_of(entry: BaseModelEntry) -> Need | None:
    """What a model takes, or None when its size is not known."""
    billions = entry.billions
    if billions is None:
        return None
    is_gguf = isinstance(entry, LlamaCppModel | OllamaModel)
    bits = _bits(entry.quantization or entry.name, _GGUF_DEFAULT if is_gguf else _OTHER_DEFAULT)
    context, share = entry.context_length or 0, 1.0
    if isinstance(entry, OllamaModel):
        context = entry.options.num_ctx or context or _OLLAMA_CONTEXT
    if isinstance(entry, LlamaCppModel):
        # llama-server shares one context among its slots.
        context = entry.options.context_length or context
        kinds = (entry.options.cache_type_k or "f16", entry.options.cache_type_v or "f16")
        share = sum(_CACHE_BITS.get(kind, _CACHE_BITS_SMALLEST) for kind in kinds) / 32
    kv_bytes = next((size for limit, size in _KV_BYTES if billions <= limit), _KV_BYTES_LARGEST)
    return Need(int(billions * 1e9 * bits / 8), int(kv_bytes * context * share))


def _bits(text: str, default: float) -> float:
    words = re.split(r"[^a-z0-9]+", text.lower())
    return next((_BITS[word] for word in words if word in _BITS), default)


def check_capacity(
    registry: Registry, plan: Mapping[str, Any], gpu_memory: object, verb: str = "declares"
) -> Iterator[Finding]:
    """Yield a warning for each host whose models need more than the GPU memory it declares (or `verb`: has).

    gpu_memory: host -> GiB of all its cards together, or empty where the inventory gives none. What runs on a host is
    added up; of Ollama, which loads and unloads by itself, the largest model counts.
    """
    declared = _declared(gpu_memory)
    for host, gib in sorted(declared.items()):
        rows: list[tuple[int, str, str]] = []
        for name, provider in registry.providers.items():
            if not provider.active or host not in _hosts_of(plan, name, provider):
                continue
            needs = [
                (need.total, join("ai_backend_providers", name, "models", index), entry.name)
                for index, entry in enumerate(provider.entries)
                if (need := need_of(entry)) is not None
            ]
            # One at a time, or the one it was started with.
            rows += sorted(needs, reverse=True)[:1]
        total = sum(size for size, _path, _name in rows)
        if total > gib * GIB:
            _size, path, _name = max(rows)
            parts = ", ".join(f"'{model}' {need / GIB:.1f}" for need, _path, model in sorted(rows, reverse=True))
            problem = (
                f"host '{host}' {verb} {gib:g} GiB of GPU memory, its models need about {total / GIB:.1f} ({parts})"
            )
            remedy = "take a smaller model, quantization or context_length, or move one to another host"
            yield warning(path, problem, remedy, "capacity")


def _hosts_of(plan: Mapping[str, Any], name: str, provider: Provider) -> list[str]:
    """The hosts an engine runs on: those we run it on, else the gateways where its address is loopback."""
    if not provider.is_managed:
        here = provider.LOCAL and is_loopback(urlsplit(provider.base_url or "").hostname or "")
        return [host for host, piece in plan["hosts"].items() if piece["litellm"] is not None] if here else []
    managed: list[str] = next(row["hosts"] for row in plan["providers"] if row["name"] == name)
    return managed


def _declared(raw: object) -> dict[str, float]:
    plain = to_plain(raw)
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        problem = "is not a mapping of hosts to GiB"
        raise RegistryError([Finding("gpu_memory", problem, "write `gpu_memory={host: GiB}`", check="capacity")])
    result: dict[str, float] = {}
    wrong: list[Finding] = []
    for host, value in plain.items():
        text = "" if value is None else str(value).strip()
        if not text:
            continue
        found = re.fullmatch(r"(?i)(\d+(?:\.\d+)?)\s*(?:g|gb|gib)?", text)
        if found is None or isinstance(value, bool):
            remedy = f"write GiB of all cards of '{host}' together: `ai_backend_gpu_memory: 24`"
            wrong.append(Finding(f"inventory.{host}", "ai_backend_gpu_memory is no number", remedy, check="capacity"))
            continue
        result[host] = float(found[1])
    if wrong:
        raise RegistryError(wrong)
    return result
