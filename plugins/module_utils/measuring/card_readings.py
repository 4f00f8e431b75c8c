# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What NVIDIA cards tell of themselves, through nvidia-smi. Hosts without such cards have no series of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from ..host.cards import vendors
from ..host.layout import Layout
from ..host.systemd import Run
from .families import Family, gauges

# What is asked: {series: (word of nvidia-smi, factor to the base unit)}.
ASKED = {
    "memory_used_bytes": ("memory.used", 1 << 20),
    "memory_total_bytes": ("memory.total", 1 << 20),
    "utilization_ratio": ("utilization.gpu", 0.01),
    "temperature_celsius": ("temperature.gpu", 1),
    "power_watts": ("power.draw", 1),
}
ABOUT = {
    "memory_used_bytes": "Memory of a card that is in use.",
    "memory_total_bytes": "Memory of a card.",
    "utilization_ratio": "Share of the time in which a card computed.",
    "temperature_celsius": "Temperature of a card.",
    "power_watts": "Power that a card takes.",
}
# A driver that hangs does not answer at all.
SECONDS = 5


def card_readings(layout: Layout, run: Run) -> Iterator[Family]:
    """Nothing on a host without an NVIDIA card."""
    if "NVIDIA" not in vendors(layout):
        return
    words = ",".join(["index", "name", *(word for word, _factor in ASKED.values())])
    code, text = run(["nvidia-smi", f"--query-gpu={words}", "--format=csv,noheader,nounits"], SECONDS)
    readable = Family("ai_backend_cards_readable", "gauge", "Whether the driver answers.")
    readable.set(int(code == 0))
    yield readable
    if code == 0:
        yield from readings(text)


def readings(text: str) -> Iterator[Family]:
    """The series of nvidia-smi's lines. A value that a card does not have is left out."""
    found = gauges("ai_backend_card_", ABOUT)
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        for (series, (_word, factor)), value in zip(ASKED.items(), row[2:], strict=False):
            if value.replace(".", "", 1).isdecimal():
                found[series].set(float(value) * factor, card=row[0], name=row[1])
    yield from found.values()
