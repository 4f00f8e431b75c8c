# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What many records come to: by model, client and provider, how many, how fast, and what failed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

from .reading import Record

BY = ("model", "client", "provider")
NOBODY = "-"


class Row(TypedDict):
    """Times in milliseconds; None where nothing was measured.

    `went_on` is how many requests were asked elsewhere afterwards; of a provider, those that it did not answer.
    """

    name: str
    requests: int
    errors: int
    went_on: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    ttft_p50_ms: float | None
    tokens_in: int
    tokens_out: int
    cache_hits: int
    cost: float


class Summary(TypedDict):
    """Of all records, by each of BY, and the classes of errors with their numbers."""

    all: Row
    model: list[Row]
    client: list[Row]
    provider: list[Row]
    errors: dict[str, int]


def quantile(sorted_values: Sequence[float], share: float) -> float | None:
    """The nearest value that so many are not above: with few values none is made up."""
    if not sorted_values:
        return None
    return sorted_values[max(0, math.ceil(share * len(sorted_values)) - 1)]


def number(value: object) -> float:
    """A number of a record; nothing counts as none."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def times(records: Iterable[Record], key: str) -> list[float]:
    """The sorted times that are known."""
    return sorted(number(value) for record in records if (value := record.get(key)) is not None)


def tried(record: Record) -> list[dict[str, object]]:
    """Who was asked before."""
    given = record.get("fallbacks")
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def row_of(name: str, records: Sequence[Record], went_on: int = 0) -> Row:
    """One line of a summary. How long refusals take tells nothing of a model, so only answers are measured."""
    lasted = times((record for record in records if record.get("error") is None), "duration_ms")
    return {
        "name": name,
        "requests": len(records),
        "errors": sum(record.get("error") is not None for record in records),
        "went_on": went_on,
        "p50_ms": quantile(lasted, 0.50),
        "p95_ms": quantile(lasted, 0.95),
        "p99_ms": quantile(lasted, 0.99),
        "ttft_p50_ms": quantile(times(records, "ttft_ms"), 0.50),
        "tokens_in": int(sum(number(record.get("tokens_in")) for record in records)),
        "tokens_out": int(sum(number(record.get("tokens_out")) for record in records)),
        "cache_hits": sum(record.get("cache_hit") is True for record in records),
        "cost": round(sum(number(record.get("cost")) for record in records), 6),
    }


def rows_by(key: str, records: Iterable[Record]) -> list[Row]:
    """A line for each value of a key, the most frequent first."""
    groups: dict[str, list[Record]] = {}
    went_on: Counter[str] = Counter()
    for record in records:
        name = str(record.get(key) or NOBODY)
        groups.setdefault(name, []).append(record)
        before = tried(record)
        went_on.update([str(one.get(key)) for one in before] if key == "provider" else [name] * bool(before))
    rows = [row_of(name, groups.get(name, []), went_on[name]) for name in {*groups, *went_on}]
    return sorted(rows, key=lambda row: (-row["requests"], row["name"]))


def summary(records: Sequence[Record]) -> Summary:
    """All of it."""
    errors = Counter(str(record["error"]) for record in records if record.get("error") is not None)
    return {
        "all": row_of("all", records, sum(bool(tried(record)) for record in records)),
        "model": rows_by("model", records),
        "client": rows_by("client", records),
        "provider": rows_by("provider", records),
        "errors": dict(errors.most_common()),
    }
