# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far the download of a model is, in words: `llama3.1:8b 12.4 of 40.1 GB, 31 %, 210 MB/s, 2 min left`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

# The rate is that of the last seconds.
WINDOW_SECONDS = 15
UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(count: float) -> str:
    factor, unit = next(((factor, unit) for factor, unit in UNITS if count >= factor), (1, "B"))
    return f"{count / factor:.3g} {unit}" if count < 100 * factor else f"{count / factor:.0f} {unit}"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Progress:
    """What the lines of a pull add up to."""

    def __init__(self, name: str, now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.now = now
        self.layers: dict[str, tuple[int, int]] = {}
        self.seen: deque[tuple[float, int]] = deque()
        self.status = ""

    def take(self, line: Mapping[str, Any]) -> None:
        """One line of the answer; those of a layer have `digest`, `total` and `completed` in bytes."""
        self.status = str(line.get("status", self.status))
        if "digest" not in line or "total" not in line:
            return
        self.layers[line["digest"]] = (int(line.get("completed", 0)), int(line["total"]))
        self.seen.append((self.now(), self.done))
        while self.seen[-1][0] - self.seen[0][0] > WINDOW_SECONDS and len(self.seen) > 2:
            self.seen.popleft()

    @property
    def done(self) -> int:
        return sum(done for done, _total in self.layers.values())

    @property
    def total(self) -> int:
        return sum(total for _done, total in self.layers.values())

    @property
    def rate(self) -> float:
        """Bytes in a second, of late; 0 where it is not known."""
        if len(self.seen) < 2 or self.seen[-1][0] == self.seen[0][0]:
            return 0.0
        return max(0.0, (self.seen[-1][1] - self.seen[0][1]) / (self.seen[-1][0] - self.seen[0][0]))

    def __str__(self) -> str:
        if not self.total or self.done >= self.total:
            return f"{self.name} {self.status}".strip()
        whole = size(self.total)
        factor = {unit: factor for factor, unit in UNITS}.get(whole.rpartition(" ")[2], 1)
        part = f"{self.done / factor:.3g}" if self.done < 100 * factor else f"{self.done / factor:.0f}"
        words = f"{self.name} {part} of {whole}, {100 * self.done // self.total} %"
        if self.rate:
            words += f", {size(self.rate)}/s, {duration((self.total - self.done) / self.rate)} left"
        return words
