# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The generated part of docs/metrics.md: what the collection itself measures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.lab.ai_backend.plugins.module_utils.measuring import card_readings, collection
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.tally import COUNTERS, Tally
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama import measured
from ansible_collections.lab.ai_backend.plugins.plugin_utils.monitoring.objectives import recordings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def page() -> str:
    """The page with new tables; the text outside of the markers is written by hand."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{body()}\n{END}{rest.partition(END)[2]}"


def body() -> str:
    """A table for each part of the exporter, and one of the recordings."""
    tally = Tally([], [], 0)
    times = {family.name: f"{family.about} A histogram." for family in (tally.duration, tally.first, tally.overhead)}
    times[tally.last.name] = tally.last.about
    parts = {
        "Requests": {**{f"ai_backend_{name}": about for name, about in COUNTERS.items()}, **times},
        "The collection": {
            **{f"ai_backend_{name}": about for name, about in collection.ABOUT.items()},
            "ai_backend_unit_restarts_total": "How often systemd started a unit again.",
            "ai_backend_collector_up": "Whether a part of the exporter works.",
        },
        "Cards": {
            **{f"ai_backend_card_{name}": about for name, about in card_readings.ABOUT.items()},
            "ai_backend_cards_readable": "Whether the driver answers.",
        },
        "Ollama": {f"ai_backend_ollama_{name}": about for name, about in measured.ABOUT.items()},
        "Recordings": {rule["record"]: f"`{rule['expr'].replace('|', chr(92) + '|')}`" for rule in recordings()},
    }
    return "\n".join(f"## {heading}\n\n{table(rows)}" for heading, rows in parts.items())


def table(rows: Mapping[str, str]) -> str:
    """Name and meaning."""
    return "| measurement | what |\n| --- | --- |\n" + "".join(
        f"| `{name}` | {about} |\n" for name, about in rows.items()
    )
