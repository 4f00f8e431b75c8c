# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Worker processes of a service, seen from outside.

uvicorn's parent outlives its workers: where none can start, systemd sees a healthy unit, and the parent looks at a dead
worker only when the patience for the one it waits for has run out (`--timeout_worker_healthcheck`).
"""

from __future__ import annotations

from ..host.sockets import read


def children(layout, pid):
    """{pid: whether it lives} of a process's children; one that ended and wasn't asked for yet does not live."""
    found = {}
    for child in read(layout, "proc", str(pid), "task", str(pid), "children").split():
        # The command may hold blanks and brackets; the state follows its last bracket (proc(5)).
        state = read(layout, "proc", child, "stat").rpartition(")")[2].split()
        found[int(child)] = bool(state) and state[0] not in "ZX"
    return found


class Deaths:
    """How many children of a unit's main process have ended since it was first looked at."""

    def __init__(self, layout):
        self.layout = layout
        self.pid = 0
        self.met = set()

    def count(self, pid):
        if pid != self.pid:
            self.pid, self.met = pid, set()
        now = children(self.layout, pid)
        self.met |= set(now)
        return len(self.met) - sum(now.values())
