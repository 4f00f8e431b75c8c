# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What /proc shows: processes, what they hold and were started with, the host's TCP sockets, its memory (proc(5)).

A process may end while it is looked at, and one of another user shows less: what can't be read is empty, or 0.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator

from .layout import Layout, read_text

# capabilities(7): only with it a process may be made less nice again.
CAP_SYS_NICE = 23


def read(layout: Layout, *parts: str) -> str:
    """A file's text below /proc, empty when it or its process is gone."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return read_text(layout.path("proc", *parts)) or ""
    return ""


def pids(layout: Layout) -> list[int]:
    """The numbers of all processes, ascending."""
    return sorted(int(name) for name in os.listdir(layout.path("proc")) if name.isdigit())


def stat(layout: Layout, pid: int) -> list[str]:
    """The fields of a process's stat from its state on; none where it is gone."""
    # The command may hold blanks and brackets; the fields begin after its last bracket.
    return read(layout, str(pid), "stat").rpartition(")")[2].split()


def lives(layout: Layout, pid: int) -> bool:
    """Whether a process still runs; one that ended and wasn't asked for yet does not."""
    fields = stat(layout, pid)
    return bool(fields) and fields[0] not in "ZX"


def started(layout: Layout, pid: int) -> int:
    """Clock ticks after boot at which a process began; 0 where it is gone."""
    fields = stat(layout, pid)
    return int(fields[19]) if len(fields) > 19 else 0


def command(layout: Layout, pid: int) -> str:
    """The name of a process's program, at most 15 characters of it."""
    return read(layout, str(pid), "comm").strip()


def words(layout: Layout, pid: int) -> str:
    """A process's command line, which may hold a secret."""
    return read(layout, str(pid), "cmdline").replace("\0", " ")


def environment(layout: Layout, pid: int) -> dict[str, str]:
    """A running process's own environment: what it was really started with. Raises OSError where it can't be seen."""
    try:
        with open(layout.path("proc", str(pid), "environ"), "rb") as handle:
            entries = handle.read().decode("utf-8", "replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {key: value for key, separator, value in (entry.partition("=") for entry in entries) if separator}


def control_groups(layout: Layout, pid: int) -> dict[str, str]:
    """{hierarchy: path} of a process's control groups; the unified hierarchy is the empty name."""
    lines = (line.split(":", 2) for line in read(layout, str(pid), "cgroup").splitlines())
    return {fields[1]: fields[2] for fields in lines if len(fields) == 3}


def parent(layout: Layout, pid: int) -> int:
    """The process above one; 0 where there is none, or it is gone."""
    found = re.search(r"^PPid:\s+(\d+)$", read(layout, str(pid), "status"), re.MULTILINE)
    return int(found[1]) if found else 0


def ancestry(layout: Layout, pid: int) -> list[int]:
    """A process and all above it, up to the first."""
    chain: list[int] = []
    while pid > 0 and pid not in chain:
        chain.append(pid)
        pid = parent(layout, pid)
    return chain


def family(layout: Layout, pid: int) -> list[int]:
    """A process and all below it, ascending; none for 0."""
    below: dict[int, list[int]] = {}
    for number in pids(layout):
        below.setdefault(parent(layout, number), []).append(number)
    members: list[int] = []
    todo = [pid] if pid else []
    while todo:
        members.append(todo.pop())
        todo += below.get(members[-1], [])
    return sorted(members)


def children(layout: Layout, pid: int) -> dict[int, bool]:
    """{pid: whether it lives} of what a process's main thread began."""
    return {
        int(child): lives(layout, int(child)) for child in read(layout, str(pid), "task", str(pid), "children").split()
    }


def threads(layout: Layout, pid: int) -> list[int]:
    """The numbers of a process's threads."""
    with contextlib.suppress(OSError):
        return sorted(int(name) for name in os.listdir(layout.path("proc", str(pid), "task")))
    return []


def open_sockets(layout: Layout, pid: int) -> set[str]:
    """Inodes of the sockets a process holds; what closes or ends while we look is not among them."""
    found = set()
    folder = layout.path("proc", str(pid), "fd")
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                target = os.readlink(os.path.join(folder, name))
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def holders(layout: Layout, inodes: Collection[str]) -> dict[str, list[int]]:
    """{inode: pids that hold it}, of the given inodes."""
    found: dict[str, list[int]] = {}
    for pid in pids(layout):
        for inode in open_sockets(layout, pid).intersection(inodes):
            found.setdefault(inode, []).append(pid)
    return found


def tcp_sockets(layout: Layout, *tables: str) -> Iterator[list[str]]:
    """The fields of each socket of `tables`: tcp, tcp6.

    [1] is its own end, [2] the other one, [3] its state, [9] its inode.
    """
    for table in tables:
        for line in read(layout, "net", table).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9:
                yield fields


def unix_sockets(layout: Layout) -> Iterator[list[str]]:
    """The fields of each Unix socket that has a path: [3] its flags, [6] its inode, [7] the path."""
    for line in read(layout, "net", "unix").splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8:
            yield fields


def memory_of(layout: Layout, pid: int) -> int:
    """Bytes that a process and those below it hold; what they share with others is counted in parts."""
    total = 0
    for member in family(layout, pid):
        rows = read(layout, str(member), "smaps_rollup") or read(layout, str(member), "status")
        found = re.search(r"^(?:Pss|VmRSS):\s+(\d+) kB$", rows, re.MULTILINE)
        total += int(found[1]) * 1024 if found else 0
    return total


def memory_bytes(layout: Layout, key: str = "MemTotal") -> int:
    """A line of /proc/meminfo in bytes; 0 where it can't be read."""
    for line in read(layout, "meminfo").splitlines():
        name, _colon, rest = line.partition(":")
        if name == key:
            return int(rest.split()[0]) * 1024
    return 0


def may_raise(layout: Layout) -> bool:
    """Whether this process may lower nice values again, or gives them away for good, as in most containers."""
    found = re.search(r"^CapEff:\s+([0-9a-f]+)$", read(layout, "self", "status"), re.MULTILINE)
    return bool(found and int(found[1], 16) >> CAP_SYS_NICE & 1)


def boot_of(layout: Layout) -> str:
    """The id of this boot; another one after each restart of the machine."""
    return read(layout, "sys", "kernel", "random", "boot_id").strip()


def space_of(layout: Layout) -> str:
    """The process namespace in which this process's numbers count."""
    try:
        return os.readlink(layout.path("proc", "self", "ns", "pid"))
    except OSError:
        return ""
