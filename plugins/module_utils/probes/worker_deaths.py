# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Worker processes of a service, seen from outside.

uvicorn's parent outlives its workers: where none can start, systemd sees a healthy unit, and the parent looks at a dead
worker only when the patience for the one it waits for has run out (`--timeout_worker_healthcheck`).
"""

from __future__ import annotations

from ..host.layout import Layout
from ..host.processes import children


class Deaths:
    """How many children of a unit's main process have ended since it was first looked at."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.pid = 0
        self.met: set[int] = set()

    def count(self, pid: int) -> int:
        if pid != self.pid:
            self.pid, self.met = pid, set()
        now = children(self.layout, pid)
        self.met |= set(now)
        return len(self.met) - sum(now.values())
