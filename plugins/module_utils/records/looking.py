# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a look at a gateway's host shows: providers, models, cards, slots and the last changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from ..host.host import Host
from ..host.layout import linked_release, slot_instance, unit_of
from ..host.systemd import Run, run_command
from ..inspection.cooldowns import serving_cooldowns
from ..releases.generations import active_slot, read_all
from ..releases.releases import gateway_of
from .reading import Record, RecordsError, Tail, Wanted, found, moment
from .summary import Row, row_of, rows_by

# Models and providers are measured over this time, and their requests a minute over the last minute.
WINDOW_SECONDS, MINUTE = 900, 60
CHANGES = 5
CARDS = [
    "nvidia-smi",
    "--query-gpu=name,utilization.gpu,memory.used,memory.total,temperature.gpu",
    "--format=csv,noheader,nounits",
]


class Look(TypedDict):
    """What there is to see.

    `models` and `providers` are rows of a summary with `minute`, the requests of the last minute; a provider also has
    `breaker`: `closed`, or what is out of rotation. `records` is why there are no requests, or empty.
    """

    time: float
    records: str
    slots: list[dict[str, Any]]
    providers: list[dict[str, Any]]
    models: list[dict[str, Any]]
    cards: list[str]
    changes: list[dict[str, Any]]


class Recent:
    """The records of the last minutes, kept up to date. `problem` are the words of why there are none."""

    def __init__(self, path: str) -> None:
        self.path, self.problem = path, ""
        self.records: list[Record] = []
        self.tail: Tail | None = None

    def now(self, clock: float) -> list[Record]:
        """Those that began within the window."""
        try:
            if self.tail is None:
                self.tail = Tail(self.path)
                self.records = found(self.path, Wanted(since=clock - WINDOW_SECONDS))
            else:
                self.records += self.tail.new()
            self.problem = ""
        except RecordsError as error:
            self.problem = str(error)
        self.records = [record for record in self.records if moment(record) >= clock - WINDOW_SECONDS]
        return self.records


def measured(key: str, records: Sequence[Record], clock: float, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of a summary by a key, with their last minute; names without requests have a row too."""
    minute = [record for record in records if moment(record) >= clock - MINUTE]
    lately = {row["name"]: row["requests"] for row in rows_by(key, minute)}
    rows: list[Row] = rows_by(key, [record for record in records if record.get(key)])
    there = {row["name"] for row in rows}
    idle = [row_of(name, []) for name in names if name not in there]
    return [{**row, "minute": lately.get(row["name"], 0)} for row in [*rows, *idle]]


def slots(host: Host) -> list[dict[str, Any]]:
    """{slot, serves, state, release} of the gateway."""
    layout, gateway = host.layout, gateway_of(host.layout)
    if gateway is None:
        return []
    serves = active_slot(layout, gateway["service"])
    rows = []
    for slot in gateway["slots"]:
        instance = slot_instance(gateway["service"], slot)
        unit = host.systemd.unit(unit_of(instance))
        release = linked_release(layout, instance)
        rows.append({"slot": slot, "serves": slot == serves, "state": unit.describe(), "release": release})
    return rows


def breakers(host: Host) -> dict[str, list[str]]:
    """{provider: what the gateway does not ask of it now}."""
    gateway = gateway_of(host.layout)
    states: dict[str, list[str]] = {}
    for slot in gateway["slots"] if gateway else ():
        for one in serving_cooldowns(host.layout, slot_instance(gateway["service"] if gateway else "", slot)):
            states.setdefault(one.provider, []).append(f"{one.name} for {one.seconds} s")
    return states


def cards(run: Run = run_command) -> list[str]:
    """A line for each graphics card of NVIDIA; none without its tool."""
    code, output = run(CARDS, timeout=5)
    lines = []
    for line in output.splitlines() if code == 0 else ():
        name, busy, used, total, degrees = [part.strip() for part in [*line.split(","), *[""] * 5][:5]]
        lines.append(f"{name}  {busy} %  {used} of {total} MiB  {degrees} C")
    return lines


def changes(host: Host) -> list[dict[str, Any]]:
    """{generation, created, complete, summary} of the last ones, the newest first."""
    good, _bad = read_all(host.layout)
    return [
        {
            "generation": number,
            "created": content.get("created", ""),
            "complete": content.get("complete", False),
            "summary": "; ".join(content.get("summary", ())) or ", ".join(content.get("touched", ())),
        }
        for number, content in sorted(good.items(), reverse=True)[:CHANGES]
    ]


def look(
    host: Host,
    given: Mapping[str, Any],
    recent: Recent | None,
    clock: Callable[[], float] = time.time,
    ask_cards: Callable[[], list[str]] = cards,
) -> Look:
    """All of it, now. `given` are the settings of the gateway."""
    now = clock()
    records = recent.now(now) if recent else []
    out = breakers(host)
    names = sorted({*given.get("providers", ()), *out})
    providers = measured("provider", records, now, names)
    return {
        "time": now,
        "records": "requests are not recorded" if recent is None else recent.problem,
        "slots": slots(host),
        "providers": [{**row, "breaker": "; ".join(out.get(row["name"], ())) or "closed"} for row in providers],
        "models": measured("model", records, now),
        "cards": ask_cards(),
        "changes": changes(host),
    }
