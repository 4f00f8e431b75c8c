# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measurements, and the text in which Prometheus reads them (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

# Names and values of the labels of a series, sorted by name.
Labels = tuple[tuple[str, str], ...]


def labels(**given: str) -> Labels:
    return tuple(sorted(given.items()))


@dataclass
class Family:
    """The series of one name. kind: counter, gauge or histogram."""

    name: str
    kind: str
    about: str
    values: dict[Labels, float] = field(default_factory=dict)

    def set(self, value: float, **given: str) -> None:
        self.values[labels(**given)] = value

    def add(self, value: float, **given: str) -> None:
        key = labels(**given)
        self.values[key] = self.values.get(key, 0) + value

    def begin(self, **given: str) -> None:
        """Let a series begin with 0: of one that is born with its first event, the first increase is not seen."""
        self.values.setdefault(labels(**given), 0)

    def lines(self) -> Iterator[str]:
        for key, value in sorted(self.values.items()):
            yield line(self.name, key, value)


@dataclass
class Histogram:
    """How values are spread: for each series its buckets, their sum and their number."""

    name: str
    about: str
    bounds: tuple[float, ...]
    series: dict[Labels, list[float]] = field(default_factory=dict)
    kind: str = "histogram"

    def observe(self, value: float, **given: str) -> None:
        found = self.series.setdefault(labels(**given), [0.0] * (len(self.bounds) + 2))
        for index, bound in enumerate(self.bounds):
            found[index] += value <= bound
        found[-2] += 1
        found[-1] += value

    def lines(self) -> Iterator[str]:
        for key, found in sorted(self.series.items()):
            for bound, count in zip((*self.bounds, "+Inf"), found, strict=False):
                yield line(f"{self.name}_bucket", tuple(sorted((*key, ("le", f"{bound}")))), count)
            yield line(f"{self.name}_sum", key, found[-1])
            yield line(f"{self.name}_count", key, found[-2])


def line(name: str, key: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{escaped(text)}"' for label, text in key)
    return f"{name}{{{inside}}} {value:.15g}" if inside else f"{name} {value:.15g}"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def exposition(families: Iterable[Family | Histogram]) -> str:
    """The text of all that have a series."""
    found = []
    for family in families:
        lines = list(family.lines())
        if lines:
            found += [f"# HELP {family.name} {family.about}", f"# TYPE {family.name} {family.kind}", *lines]
    return "".join(f"{each}\n" for each in found)


def gauges(prefix: str, about: Mapping[str, str]) -> dict[str, Family]:
    """A gauge for each {name without prefix: about}."""
    return {name: Family(f"{prefix}{name}", "gauge", text) for name, text in about.items()}
