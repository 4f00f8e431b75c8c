# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the last fifteen minutes of the record add up to, in a memory that does not grow with the requests."""

from __future__ import annotations

import json
import math
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .tally import FAULTS, NOT_ASKED

MINUTES = 15
# Durations are counted in steps of an eighth of a doubling, from a millisecond to 17 minutes: what is read from them is
# at most 4.5 % off, and a model takes 1.3 kB for each minute.
STEPS, COUNTS = 8, 161
# Names of a minute; what comes under more of them is counted together.
MOST = 500
OTHERS = "(all others)"


def durations() -> array[int]:
    return array("I", [0]) * COUNTS


def step_of(milliseconds: float) -> int:
    """Where a duration is counted."""
    return min(COUNTS - 1, round(STEPS * math.log2(max(1.0, milliseconds))))


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Seconds that a share of the durations did not exceed; None where nothing was counted."""
    rank = math.ceil(sum(counts) * share)
    for step, count in enumerate(counts):
        rank -= count
        if count and rank <= 0:
            return float(2 ** (step / STEPS)) / 1000
    return None


@dataclass
class Asked:
    """Requests for a model: how many, how many failed that no client caused, how long answers and first tokens took."""

    requests: int = 0
    failed: int = 0
    whole: array[int] = field(default_factory=durations)
    first: array[int] = field(default_factory=durations)

    def add(self, other: Asked) -> None:
        self.requests += other.requests
        self.failed += other.failed
        for mine, its in ((self.whole, other.whole), (self.first, other.first)):
            for step, count in enumerate(its):
                mine[step] += count


@dataclass
class Minute:
    """What ended within a minute. providers: [calls, calls that failed]."""

    models: dict[str, Asked] = field(default_factory=dict)
    providers: dict[str, list[int]] = field(default_factory=dict)


class Window:
    """Requests that ended in the last fifteen minutes, by model, and calls by provider. clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock, self.since = clock, clock()
        self.minutes: dict[int, Minute] = {}

    def take(self, text: str) -> None:
        """Count one line of the record. What is no line of it, the tally reports."""
        try:
            record = json.loads(text)
            self._count(record, self._current())
        except (ValueError, TypeError, AttributeError, KeyError):
            return

    def _current(self) -> Minute:
        now = int(self.clock() // 60)
        self.minutes = {minute: one for minute, one in self.minutes.items() if now - MINUTES < minute <= now}
        return self.minutes.setdefault(now, Minute())

    def _count(self, record: Mapping[str, Any], minute: Minute) -> None:
        status, error = str(record["status"]), record.get("error") or ""
        for provider, failed in _calls(record, error):
            calls = minute.providers.setdefault(_within(minute.providers, provider), [0, 0])
            calls[0] += 1
            calls[1] += failed
        if not record.get("model"):
            return
        found = minute.models.setdefault(_within(minute.models, str(record["model"])), Asked())
        found.requests += 1
        found.failed += error in FAULTS
        if status == "200" and error not in FAULTS:
            found.whole[step_of(float(record.get("duration_ms") or 0))] += 1
            if record.get("ttft_ms") is not None:
                found.first[step_of(float(record["ttft_ms"]))] += 1

    def models(self) -> dict[str, Asked]:
        """{model: what it was asked}, by name."""
        self._current()
        found: dict[str, Asked] = {}
        for minute in self.minutes.values():
            for name, one in minute.models.items():
                found.setdefault(name, Asked()).add(one)
        return dict(sorted(found.items()))

    def providers(self) -> dict[str, tuple[int, int]]:
        """{provider: (calls, calls that failed)}."""
        self._current()
        found: dict[str, tuple[int, int]] = {}
        for minute in self.minutes.values():
            for name, (calls, failed) in minute.providers.items():
                before = found.get(name, (0, 0))
                found[name] = (before[0] + calls, before[1] + failed)
        return found


def _within(names: Mapping[str, object], name: str) -> str:
    return name if name in names or len(names) < MOST else OTHERS


def _calls(record: Mapping[str, Any], error: str) -> Iterator[tuple[str, bool]]:
    """(provider, whether it failed) of each call that the request caused."""
    for before in record.get("fallbacks") or ():
        if before.get("provider") and before.get("reason") != NOT_ASKED:
            yield str(before["provider"]), True
    if record.get("provider") and not record.get("cache_hit"):
        yield str(record["provider"]), error in FAULTS
