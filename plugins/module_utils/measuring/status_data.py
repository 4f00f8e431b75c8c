# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the status page shows of a gateway's host, from the measurements, the record and the generations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..host.layout import Layout, list_instances
from ..inspection.cooldowns import Cooldown, serving_cooldowns
from ..releases.generations import Generation, numbers, read
from .families import Family, Histogram
from .window import Window, percentile

# Changes that the page shows.
CHANGES = 6

Families = Mapping[str, Family]


@dataclass(frozen=True)
class Service:
    """A unit. memory: bytes, None where it is not counted."""

    name: str
    state: str
    good: bool
    release: str
    memory: float | None
    restarts: int


@dataclass(frozen=True)
class Provider:
    """Who the gateway asks. out: deployments that it does not ask now. calls, failed: of the last minutes."""

    name: str
    out: tuple[Cooldown, ...]
    calls: int
    failed: int


@dataclass(frozen=True)
class Model:
    """What a model was asked. Times are seconds, None where nothing was measured."""

    name: str
    requests: int
    failed: int
    middle: float | None
    late: float | None
    first: float | None


@dataclass(frozen=True)
class Card:
    """An NVIDIA card. values: {series without its prefix: number}, those that the card has."""

    number: str
    name: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Picture:
    """The whole page. made, since: seconds since 1970. recorded: whether requests are. card_driver: whether it answers,
    None without a card. unread: parts of the measurements that failed."""

    host: str
    made: float
    since: float
    recorded: bool
    services: tuple[Service, ...]
    providers: tuple[Provider, ...]
    models: tuple[Model, ...]
    cards: tuple[Card, ...]
    card_driver: bool | None
    changes: tuple[Generation, ...]
    unread: tuple[str, ...]


def values(found: Families, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """{values of these labels: number} of a family, empty where there is none."""
    family = found.get(f"ai_backend_{name}")
    return (
        {tuple(dict(key)[label] for label in labels): value for key, value in family.values.items()} if family else {}
    )


def services(found: Families) -> tuple[Service, ...]:
    """Every unit of the host, in words."""
    up, asleep = values(found, "unit_up", "unit"), values(found, "engine_asleep", "unit")
    active, draining = values(found, "slot_active", "slot"), values(found, "slot_draining", "slot")
    memory, restarts = values(found, "unit_memory_bytes", "unit"), values(found, "unit_restarts_total", "unit")
    rows = []
    for name, release in values(found, "release_info", "unit", "release"):
        key, slot = (name,), (name.partition("@")[2],)
        state, good = "down", False
        if up.get(key):
            state, good = ("asleep" if asleep.get(key) else "serves" if active.get(slot) else "runs"), True
        elif key not in up and slot in active:
            # The slot that does not serve.
            state, good = ("ends its last answers" if draining.get(slot) else "idle slot"), True
        rows.append(Service(name, state, good, release, memory.get(key), int(restarts.get(key, 0))))
    return tuple(sorted(rows, key=lambda one: (one.good, one.name)))


def providers(names: Iterable[str], out: Iterable[Cooldown], window: Window) -> tuple[Provider, ...]:
    """Those of the registry, and others that were asked."""
    calls, cooled = window.providers(), list(out)
    every = {*names, *calls, *(one.provider for one in cooled)}
    return tuple(
        Provider(name, tuple(one for one in cooled if one.provider == name), *calls.get(name, (0, 0)))
        for name in sorted(every)
    )


def models(window: Window) -> tuple[Model, ...]:
    return tuple(
        Model(
            name,
            asked.requests,
            asked.failed,
            percentile(asked.whole, 0.5),
            percentile(asked.whole, 0.95),
            percentile(asked.first, 0.5),
        )
        for name, asked in window.models().items()
    )


def cards(found: Families) -> tuple[Card, ...]:
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for series in (
        "memory_used_bytes",
        "memory_total_bytes",
        "utilization_ratio",
        "temperature_celsius",
        "power_watts",
    ):
        for key, value in values(found, f"card_{series}", "card", "name").items():
            rows.setdefault(key, {})[series] = value
    return tuple(Card(number, name, values) for (number, name), values in sorted(rows.items()))


def last_changes(layout: Layout) -> tuple[Generation, ...]:
    """The newest generations that can be read, the newest first."""
    found = (read(layout, number) for number in reversed(numbers(layout)[-CHANGES:]))
    return tuple(one for one in found if one is not None)


def picture(
    host: str, layout: Layout, names: Iterable[str], families: Iterable[Family | Histogram], window: Window | None
) -> Picture:
    """names: the providers of the registry. families: the measurements. window: None where nothing is recorded."""
    found = {family.name: family for family in families if isinstance(family, Family)}
    out = [one for instance in list_instances(layout) for one in serving_cooldowns(layout, instance)]
    readable, requests = values(found, "cards_readable"), window or Window()
    return Picture(
        host=host,
        made=requests.clock(),
        since=requests.since,
        recorded=window is not None,
        services=services(found),
        providers=providers(names, out, requests),
        models=models(requests),
        cards=cards(found),
        card_driver=bool(readable[()]) if readable else None,
        changes=last_changes(layout),
        unread=tuple(sorted(part for (part,), up in values(found, "collector_up", "collector").items() if not up)),
    )
