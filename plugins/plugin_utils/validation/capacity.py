# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the models of a host fit into its memory (engines/memory.py).

What was counted from the files of models is an error: no engine can do with less. What is estimated is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..data.plain import to_plain
from ..engines.load import Engine, Load
from ..engines.memory import Need, needed
from ..findings.findings import Finding, RegistryError, warning

GIB = 2**30
_REMEDY = "use a smaller model, quantization or context_length, or move one to another host"
_LAYERS = "use a smaller model, quantization, context_length or cache type, put fewer layers on the card (`gpu_layers`)"
_PAGING = "use a smaller model, quantization or context_length, read weights from the disk (`load_mode: mmap`, slow)"
_ELSEWHERE = ", or move one to another host"


@dataclass(frozen=True)
class Room:
    """Memory of a host in GiB: that of all its cards together, or of the host itself. cards: of each, if known."""

    gib: float
    declared: bool = False
    on_cards: bool = True
    cards: Sequence[float] = ()

    def __str__(self) -> str:
        of = "GPU memory" if self.on_cards else "memory"
        return f"{'declares' if self.declared else 'has'} {self.gib:g} GiB of {of}"


@dataclass(frozen=True)
class _Resident:
    """A model in memory. fixed: whether its engine can't start without all that was counted."""

    load: Load
    need: Need
    card: int
    fixed: bool


def check_capacity(plan: Mapping[str, Any], gpu_memory: object) -> Iterator[Finding]:
    """Yield a warning for each host whose models need more GPU memory than the inventory declares.

    gpu_memory: host -> GiB of all its GPUs together, or empty if the inventory has no value.
    """
    for host, gib in sorted(declared(gpu_memory).items()):
        if host in plan["hosts"]:
            yield from check_host(host, plan["hosts"][host]["in_memory"], Room(gib, declared=True))


def check_host(
    host: str, engines: Sequence[Engine], room: Room, facts: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Finding]:
    """Yield what does not fit on a host. `facts` are those of the models' files on it, by path."""
    rows = sorted(_residents(engines, room, facts or {}), key=lambda row: (-row.need.total, row.load["path"]))
    fixed = [row for row in rows if row.fixed]
    refused = list(_refused(host, fixed, room))
    yield from refused
    total = sum(row.need.total for row in rows)
    # What was counted is right to a tenth (tests/unit/plugin_utils/test_published_memory.py).
    free = 0.9 if rows and all(row.need.exact for row in rows) else 1
    if not refused and total > room.gib * GIB * free:
        parts = ", ".join(f"'{row.load['model']}' {row.need.total / GIB:.1f}" for row in rows)
        close = "" if total > room.gib * GIB else ", which leaves less than a tenth"
        problem = f"host '{host}' {room}, its models need about {total / GIB:.1f} ({parts}){close}"
        yield warning(rows[0].load["path"], problem, _REMEDY, "capacity")


def unreadable_files(engines: Sequence[Engine], facts: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield a warning for each file of a model that its engine will hardly be able to read."""
    for load in (load for engine in engines for load in engine["models"]):
        for path in (load["file"], load["draft"], *load["parts"]):
            if path in facts and facts[path]["problem"]:
                remedy = "get the file again; without it the model's memory is an estimate"
                yield warning(load["path"], f"{path} {facts[path]['problem']}", remedy, "capacity")


def _residents(engines: Sequence[Engine], room: Room, facts: Mapping[str, Mapping[str, Any]]) -> Iterator[_Resident]:
    """The largest models of each engine, as many as it has in memory at once. One of unknown size is not counted.

    Of a group only the engine that needs most is in memory.
    """
    groups: dict[str, list[_Resident]] = {}
    for engine in engines:
        found = list(_of_engine(engine, room, facts))
        if not engine["group"]:
            yield from found
        elif sum(row.need.total for row in found) >= sum(row.need.total for row in groups.get(engine["group"], ())):
            groups[engine["group"]] = found
    for found in groups.values():
        yield from found


def _of_engine(engine: Engine, room: Room, facts: Mapping[str, Mapping[str, Any]]) -> Iterator[_Resident]:
    cards = (1 if engine["card"] >= 0 else max(len(room.cards), 1)) if room.on_cards else 0
    known = [(needed(load, facts, cards), load) for load in engine["models"]]
    pairs = [(need, load) for need, load in known if need is not None]
    pairs.sort(key=lambda pair: (-pair[0].total, pair[1]["path"]))
    bends = engine["spills"] if room.on_cards else engine["maps"]
    for rank, (need, load) in enumerate(pairs[: engine["together"]]):
        # An engine that loads several would first do without the others.
        fixed = engine["managed"] and need.exact and not bends and rank == 0
        yield _Resident(load, need, engine["card"], fixed)


def _refused(host: str, rows: Sequence[_Resident], room: Room) -> Iterator[Finding]:
    """Yield an error for the host, else for each card that some engines use alone."""
    found = _beyond(host, rows, room.gib, str(room), room.on_cards)
    if found is not None:
        yield found
        return
    for card, gib in enumerate(room.cards):
        alone = [row for row in rows if row.card == card]
        found = _beyond(host, alone, gib, f"has {gib:g} GiB on card {card}", on_cards=True)
        if found is not None:
            yield found


def _beyond(host: str, rows: Sequence[_Resident], gib: float, has: str, on_cards: bool) -> Finding | None:
    counted = sum(row.need.counted for row in rows)
    if counted <= gib * GIB:
        return None
    parts = ", ".join(
        f"'{row.load['model']}' {row.need.weights / GIB:.1f} + {row.need.kv_cache / GIB:.1f}" for row in rows
    )
    problem = f"host '{host}' {has}, weights and cache of its models need {counted / GIB:.1f} ({parts})"
    remedy = (_LAYERS if on_cards else _PAGING) + _ELSEWHERE
    return Finding(rows[0].load["path"], problem, remedy, check="capacity")


def declared(raw: object) -> dict[str, float]:
    """host -> GiB, of those that declare it. Raises RegistryError."""
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
