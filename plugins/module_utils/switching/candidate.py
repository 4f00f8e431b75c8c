# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A candidate may not hurt the slot that serves: it boots where memory holds both, and last in line for the processor.

While it starts it takes all it gets: on one processor the other slot's p99 was 487 ms beside an equal, 179 ms beside a
nice one. Where systemd has the cpu controller its weight decides, else the nice value.
"""

from __future__ import annotations

import contextlib
import os
import re

from ..host.layout import read_text, unit_of, write_atomic
from ..host.sockets import read
from ..host.state import memory_bytes

NICE = 10
WEIGHT = 20
# capabilities(7): only with it a process may be made less nice again.
CAP_SYS_NICE = 23


def megabytes(count):
    return "%d MB" % round(count / 1e6)


def may_raise(layout):
    """Whether this process may lower nice values again, or gives them away for good, as in most containers."""
    found = re.search(r"^CapEff:\s+([0-9a-f]+)$", read(layout, "proc/self/status"), re.MULTILINE)
    return bool(found) and bool(int(found[1], 16) >> CAP_SYS_NICE & 1)


def family(layout, pid):
    """A process and all below it."""
    below = {}
    for name in os.listdir(layout.path("proc")):
        if name.isdigit():
            found = re.search(r"^PPid:\s+(\d+)$", read(layout, "proc", name, "status"), re.MULTILINE)
            if found:
                below.setdefault(int(found[1]), []).append(int(name))
    members, todo = [], [pid] if pid else []
    while todo:
        members.append(todo.pop())
        todo += below.get(members[-1], [])
    return sorted(members)


def memory_of(layout, pid):
    """Bytes that a process and those below it hold; what they share with others is counted in parts."""
    total = 0
    for member in family(layout, pid):
        rows = read(layout, "proc", str(member), "smaps_rollup") or read(layout, "proc", str(member), "status")
        found = re.search(r"^(?:Pss|VmRSS):\s+(\d+) kB$", rows, re.MULTILINE)
        total += int(found[1]) * 1024 if found else 0
    return total


def shortage(layout, pid, reserve):
    """Why a second slot beside process `pid` would not fit, in words, or an empty string.

    `reserve` are the bytes that must stay free for everybody else.
    """
    need, free = memory_of(layout, pid), memory_bytes(layout, "MemAvailable")
    if not need or not free or free >= need + reserve:
        return ""
    return (
        "a second slot needs about %s beside the one that serves, and %s shall stay free, but only %s are available: "
        "free some, or change by a restart, for which clients wait (-e ai_backend_reload_strategy=restart)"
        % (megabytes(need), megabytes(reserve), megabytes(free))
    )


def conf_of(layout, instance):
    # Below /run: after a power cut nothing of it is left.
    return layout.path("run/systemd/system", unit_of(instance) + ".d", "candidate.conf")


def lower(layout, instance):
    """Let the next start of an instance run behind everybody else; the caller reloads systemd."""
    lines = ["[Service]", "CPUWeight=%d" % WEIGHT] + (["Nice=%d" % NICE] if may_raise(layout) else [])
    write_atomic(conf_of(layout, instance), "\n".join(lines) + "\n")


def forget(layout, instance):
    """Take the low priority away from the instance's next start; whether there was one. The caller reloads systemd."""
    path = conf_of(layout, instance)
    if read_text(path) is None:
        return False
    os.unlink(path)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(path))
    return True


def promote(layout, systemd, instance, renice=os.setpriority):
    """Give a candidate the priority of the slot that serves: it is about to be that."""
    if not forget(layout, instance):
        return
    systemd.call("daemon-reload")
    # Twice: a thread begun while we look has its parent's value.
    for _round in range(2):
        for member in family(layout, systemd.unit(unit_of(instance)).pid):
            with contextlib.suppress(OSError):
                for thread in os.listdir(layout.path("proc", str(member), "task")):
                    renice(os.PRIO_PROCESS, int(thread), 0)
