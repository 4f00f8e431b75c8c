# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who listens on which TCP port, read from /proc: neither ss nor lsof is on every host.

An owner is a dict, all that listens on one port under one unit, or as one family of processes:
  {pid, command, unit, user, container, addresses: [str], processes: [[pid, started]], words}
`pid` is its oldest process, 0 where none can be seen; `unit` a systemd service or empty; `user` the number of the user
whose own manager runs that unit, or empty; `container` its id or empty; `started` the clock ticks after boot at which a
process began, which tells it from a later one of the same number. `words` is its command line for comparisons only: it
may hold a secret, so it is never shown.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import struct

from .layout import read_text

OURS = re.compile(r"ai-backend-[\w@.\\-]+\.service")
CONTAINER = re.compile(r"(?:docker|libpod|cri-containerd|crio)(?:-payload)?[-/]([0-9a-f]{12})")
LISTENING = "0A"


def read(layout, *parts):
    """A file's text, empty when it or its process is gone."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return read_text(layout.path(*parts)) or ""
    return ""


def address_of(digits):
    """The address that /proc/net/tcp writes as words of 32 bits, each in the machine's own byte order."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    address = ipaddress.ip_address(struct.pack("=%dI" % len(words), *words))
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_loopback(address):
    return ipaddress.ip_address(address).is_loopback


def listening(layout):
    """{port: {inode: address}} of every TCP listener, IPv4 and IPv6."""
    found = {}
    for name in ("tcp", "tcp6"):
        for line in read(layout, "proc/net", name).splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == LISTENING:
                address, _colon, port = words[1].rpartition(":")
                found.setdefault(int(port, 16), {})[words[9]] = address_of(address)
    return found


def peer(layout, port, own):
    """The process that took a connection on IPv4 to `port` from port `own` of this host; 0 where none can be seen."""
    for line in read(layout, "proc/net/tcp").splitlines()[1:]:
        words = line.split()
        ends = [int(word.rpartition(":")[2], 16) for word in words[1:3]]
        if len(words) > 9 and ends == [port, own]:
            return min(holders(layout, {words[9]}).get(words[9], [0]))
    return 0


def open_sockets(folder):
    """Inodes of the sockets a process holds; what closes or ends while we look is not among them."""
    found = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                target = os.readlink(os.path.join(folder, name))
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def holders(layout, inodes):
    """{inode: pids that hold it}, of the given inodes."""
    found = {}
    for pid in sorted(int(name) for name in os.listdir(layout.path("proc")) if name.isdigit()):
        for inode in inodes & open_sockets(layout.path("proc", str(pid), "fd")):
            found.setdefault(inode, []).append(pid)
    return found


def started(layout, pid):
    """Clock ticks after boot at which a process began; 0 where it is gone."""
    # The command may hold blanks and brackets; the fields begin after its last bracket (proc(5)).
    fields = read(layout, "proc", str(pid), "stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else 0


def groups_of(layout, pid):
    """{hierarchy: path} of a process's control groups; the unified hierarchy is the empty name."""
    lines = (line.split(":", 2) for line in read(layout, "proc", str(pid), "cgroup").splitlines())
    return {words[1]: words[2] for words in lines if len(words) == 3}


def systemd_root(layout):
    """(hierarchy, path) under which this host's systemd keeps its units.

    In a container that shares its host's view, every path begins with the container's own.
    """
    paths = groups_of(layout, 1)
    for name in ("name=systemd", ""):
        if paths.get(name, "").endswith("/init.scope"):
            return name, paths[name].removesuffix("/init.scope")
    return "", ""


def place_of(layout, pid, root):
    """(unit, user, container) of a process, from its control group below `root` = systemd_root()."""
    path = groups_of(layout, pid).get(root[0], "").removeprefix(root[1])
    services = [part for part in path.split("/") if part.endswith(".service")]
    managers = [found[1] for found in (re.fullmatch(r"user@(\d+)\.service", part) for part in services) if found]
    units = [part for part in services if not part.startswith("user@")]
    container = CONTAINER.search(path)
    return units[-1] if units else "", managers[-1] if managers else "", container[1] if container else ""


def owner(layout, root, pids, addresses):
    """What is known of processes that listen together; none are given where the kernel or another user hides them."""
    oldest = min(pids, key=lambda pid: (started(layout, pid), pid), default=0)
    unit, user, container = place_of(layout, oldest, root) if oldest else ("", "", "")
    return {
        "pid": oldest,
        "command": read(layout, "proc", str(oldest), "comm").strip(),
        "unit": unit,
        "user": user if unit else "",
        "container": container,
        "addresses": sorted(addresses),
        "processes": [[pid, started(layout, pid)] for pid in sorted(pids)],
        "words": read(layout, "proc", str(oldest), "cmdline").replace("\0", " "),
    }


def listeners(layout, ports=None):
    """{port: owners} of all TCP listeners, or of those on `ports`."""
    root = systemd_root(layout)
    sockets = {port: found for port, found in listening(layout).items() if ports is None or port in ports}
    pids = holders(layout, {inode for found in sockets.values() for inode in found})
    result = {}
    for port, found in sorted(sockets.items()):
        families = {}
        for inode, address in sorted(found.items()):
            held = pids.get(inode, [])
            place = place_of(layout, held[0], root) if held else ("", "", "")
            # Processes of one unit belong together, others when they share a socket.
            members, addresses = families.setdefault(place if place[0] else tuple(held), (set(), set()))
            members.update(held)
            addresses.add(address)
        result[port] = [owner(layout, root, *family) for family in families.values()]
    return result


def ancestry(layout, pid):
    """A process and all above it, up to the first."""
    chain = []
    while pid > 0 and pid not in chain:
        chain.append(pid)
        found = re.search(r"^PPid:\s+(\d+)$", read(layout, "proc", str(pid), "status"), re.MULTILINE)
        pid = int(found[1]) if found else 0
    return chain
