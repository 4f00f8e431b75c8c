# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the models of a host fit into its GPU memory (engines/memory.py). An estimate: all findings are warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..data.plain import to_plain
from ..findings.findings import Finding, RegistryError, warning

GIB = 2**30


def check_capacity(plan: Mapping[str, Any], gpu_memory: object) -> Iterator[Finding]:
    """Yield a warning for each host whose models need more GPU memory than the inventory declares.

    gpu_memory: host -> GiB of all its GPUs together, or empty if the inventory has no value.
    """
    for host, gib in sorted(_declared(gpu_memory).items()):
        if host in plan["hosts"]:
            yield from check_host(host, plan["hosts"][host]["gpu_needs"], gib, "declares", "GPU memory")


def check_host(host: str, needs: Sequence[Mapping[str, Any]], gib: float, verb: str, of: str) -> Iterator[Finding]:
    """Yield a warning if the models of a host need more than `gib`; `needs` are those of plan/gpu_memory.py.

    verb: `declares` or `has`. of: `GPU memory`, or `memory` of a host without a GPU.
    """
    rows = sorted(((need["bytes"], need["path"], need["model"]) for need in needs), reverse=True)
    total = sum(size for size, _path, _model in rows)
    if total > gib * GIB:
        parts = ", ".join(f"'{model}' {size / GIB:.1f}" for size, _path, model in rows)
        problem = f"host '{host}' {verb} {gib:g} GiB of {of}, its models need about {total / GIB:.1f} ({parts})"
        remedy = "use a smaller model, quantization or context_length, or move one to another host"
        yield warning(rows[0][1], problem, remedy, "capacity")


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
            remedy = f"write GiB of all GPUs of '{host}' together: `ai_backend_gpu_memory: 24`"
            problem = "ai_backend_gpu_memory is not a number"
            wrong.append(Finding(f"inventory.{host}", problem, remedy, check="capacity"))
            continue
        result[host] = float(found[1])
    if wrong:
        raise RegistryError(wrong)
    return result
