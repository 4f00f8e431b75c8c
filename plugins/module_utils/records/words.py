# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records, summaries and tables as lines of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .reading import Record
from .summary import BY, Row, Summary, tried

COLUMNS = ("requests", "errors", "went on", "p50", "p95", "p99", "ttft p50", "tokens in", "tokens out", "hits", "cost")


def milliseconds(value: object) -> str:
    """`-`, `123 ms` or `4.5 s`."""
    if not isinstance(value, (int, float)):
        return "-"
    return f"{value:.0f} ms" if value < 10_000 else f"{value / 1000:.1f} s"


def printable(value: object) -> str:
    """A value without what would change the terminal."""
    text = "-" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns as wide as their longest value; the first is to the left, the others to the right."""
    widths = [max(len(line[index]) for line in [head, *rows]) for index in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in [head, *rows]
    ]


def line_of(record: Record) -> str:
    """One request in one line: when, what came of it, who asked for what, who answered, and its id."""
    tokens = f"{printable(record.get('tokens_in'))}+{printable(record.get('tokens_out'))}"
    words = [
        printable(record.get("time"))[11:23],
        printable(record.get("status")),
        f"{milliseconds(record.get('duration_ms')):>9}",
        printable(record.get("client")),
        printable(record.get("model")),
        f"by {printable(record.get('provider'))}" if record.get("provider") else "by nobody",
        f"{tokens} tokens" if record.get("tokens_in") is not None else "",
        "cached" if record.get("cache_hit") else "",
        "SLOW" if record.get("slow") else "",
        printable(record["error"]) if record.get("error") else "",
        *(f"after {printable(one.get('provider'))} ({printable(one.get('reason'))})" for one in tried(record)),
        printable(record.get("id")),
    ]
    return "  ".join(word for word in words if word)


def cells(row: Row) -> list[str]:
    """A line of a summary."""
    spans = [milliseconds(row["p50_ms"]), milliseconds(row["p95_ms"]), milliseconds(row["p99_ms"])]
    numbers = [str(row["requests"]), str(row["errors"]), str(row["went_on"]), *spans, milliseconds(row["ttft_p50_ms"])]
    cost = f"${row['cost']:.4f}" if row["cost"] else "-"
    return [
        printable(row["name"]),
        *numbers,
        str(row["tokens_in"]),
        str(row["tokens_out"]),
        str(row["cache_hits"]),
        cost,
    ]


def summary_lines(found: Summary) -> list[str]:
    """A table for each way to group."""
    lines: list[str] = []
    groups = {"model": found["model"], "client": found["client"], "provider": found["provider"]}
    for name in BY:
        total = [cells(found["all"])] if name == BY[-1] else []
        lines += [*table([f"by {name}", *COLUMNS], [cells(row) for row in groups[name]] + total), ""]
    if found["errors"]:
        lines.append("errors: " + ", ".join(f"{count} {printable(name)}" for name, count in found["errors"].items()))
    return lines
