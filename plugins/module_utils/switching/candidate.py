# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A candidate may not harm the slot that serves: it boots where memory holds both, and last in line for the processor.

While it starts it takes all it gets: on one processor the other slot's p99 was 487 ms next to an equal, 179 ms next to
a nice one. Where systemd has the cpu controller its weight decides, else the nice value.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from ..host.host import Host
from ..host.layout import Layout, read_text, unit_of, write_atomic
from ..host.processes import family, may_raise, memory_bytes, memory_of, threads

NICE = 10
WEIGHT = 20


def megabytes(count: int) -> str:
    return f"{round(count / 1e6)} MB"


def shortage(layout: Layout, pid: int, reserve: int) -> str:
    """Why a second slot next to process `pid` would not fit, in words, or an empty string.

    `reserve` are the bytes that must stay free for everybody else.
    """
    need, free = memory_of(layout, pid), memory_bytes(layout, "MemAvailable")
    if not need or not free or free >= need + reserve:
        return ""
    return (
        f"a second slot needs about {megabytes(need)} in addition to the one that serves, and {megabytes(reserve)} "
        f"must stay free, but only {megabytes(free)} are available: free some, or change by a restart, for which "
        "clients wait (-e ai_backend_reload_strategy=restart)"
    )


def conf_of(layout: Layout, instance: str) -> str:
    # Below /run: after a power cut nothing of it is left.
    return layout.path("run/systemd/system", unit_of(instance) + ".d", "candidate.conf")


def lower(layout: Layout, instance: str) -> None:
    """Let the next start of an instance run behind everybody else; the caller reloads systemd."""
    lines = ["[Service]", f"CPUWeight={WEIGHT}"] + ([f"Nice={NICE}"] if may_raise(layout) else [])
    write_atomic(conf_of(layout, instance), "\n".join(lines) + "\n")


def forget(layout: Layout, instance: str) -> bool:
    """Take the low priority away from the instance's next start; whether there was one. The caller reloads systemd."""
    path = conf_of(layout, instance)
    if read_text(path) is None:
        return False
    os.unlink(path)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(path))
    return True


def promote(host: Host, instance: str, renice: Callable[[int, int, int], None] = os.setpriority) -> None:
    """Give a candidate the priority of the slot that serves: it is about to be that."""
    if not forget(host.layout, instance):
        return
    host.systemd.call("daemon-reload")
    # Twice: a thread begun while we look has its parent's value.
    for _round in range(2):
        for member in family(host.layout, host.systemd.unit(unit_of(instance)).pid):
            for thread in threads(host.layout, member):
                with contextlib.suppress(OSError):
                    renice(os.PRIO_PROCESS, thread, 0)
