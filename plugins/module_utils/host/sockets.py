# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who listens on which TCP port or Unix socket, read from /proc: neither ss nor lsof is on every host."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import struct
from collections.abc import Collection, Iterable
from typing import TypedDict

from . import processes
from .layout import Layout

MANAGED_UNIT = re.compile(r"ai-backend-[\w@.\\-]+\.service")
CONTAINER = re.compile(r"(?:docker|libpod|cri-containerd|crio)(?:-payload)?[-/]([0-9a-f]{12})")
LISTENING = "0A"
# Connections on which an answer may still be sent: established, and closed by the other end alone.
ANSWERABLE = ("01", "08")
# Of /proc/net/unix: a socket that accepts connections.
ACCEPTS = 1 << 16
# Of linux/sock_diag.h and linux/unix_diag.h.
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, UDIAG_SHOW_PEER, UNIX_DIAG_PEER = 4, 20, 4, 2


class Owner(TypedDict):
    """All that listens on one port under one unit, or as one family of processes.

    `pid` is its oldest process, 0 where none can be seen; `unit` a systemd service or empty; `user` the number of the
    user whose own manager runs that unit, or empty; `container` its id or empty. `processes` are [pid, clock ticks
    after boot at which it began], which tell each from a later one of the same number. `words` is its command line
    for comparisons only: it may hold a secret, so it is never shown.
    """

    pid: int
    command: str
    unit: str
    user: str
    container: str
    addresses: list[str]
    processes: list[list[int]]
    words: str


def address_of(digits: str) -> str:
    """The address that /proc/net/tcp writes as words of 32 bits, each in the machine's own byte order."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def listening(layout: Layout) -> dict[int, dict[str, str]]:
    """{port: {inode: address}} of every TCP listener, IPv4 and IPv6."""
    found: dict[int, dict[str, str]] = {}
    for fields in processes.tcp_sockets(layout, "tcp", "tcp6"):
        if fields[3] == LISTENING:
            address, _colon, port = fields[1].rpartition(":")
            found.setdefault(int(port, 16), {})[fields[9]] = address_of(address)
    return found


def connected(layout: Layout, port: int) -> set[int]:
    """The processes that have a connection which was made to `port` of this host."""
    inodes = {
        fields[9]
        for fields in processes.tcp_sockets(layout, "tcp", "tcp6")
        if fields[3] in ANSWERABLE and int(fields[1].rpartition(":")[2], 16) == port
    }
    return {pid for pids in processes.holders(layout, inodes).values() for pid in pids}


def peer(layout: Layout, port: int, own: int) -> int:
    """The process that took a connection on IPv4 to `port` from port `own` of this host; 0 where none can be seen."""
    for fields in processes.tcp_sockets(layout, "tcp"):
        if [int(end.rpartition(":")[2], 16) for end in fields[1:3]] == [port, own]:
            return min(processes.holders(layout, {fields[9]}).get(fields[9], [0]))
    return 0


def unix_peer(layout: Layout, connection: socket.socket) -> int:
    """The process that took this connection on a Unix socket; 0 where it can't be seen.

    /proc/net/unix does not name the other end, but the kernel does (sock_diag(7)). SO_PEERCRED would name the process
    that began to listen, not the worker that accepted.
    """
    inode = os.fstat(connection.fileno()).st_ino
    wanted = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, inode, UDIAG_SHOW_PEER, 0xFFFFFFFF, 0xFFFFFFFF)
    head = struct.pack("=IHHII", 16 + len(wanted), SOCK_DIAG_BY_FAMILY, 1, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(5)
            kernel.send(head + wanted)
            # Behind both heads is a list of attributes: length, type, value.
            rest = kernel.recv(4096)[32:]
    except OSError:
        return 0
    while len(rest) >= 4:
        length, kind = struct.unpack_from("=HH", rest)
        if kind == UNIX_DIAG_PEER and length >= 8:
            other = str(struct.unpack_from("=I", rest, 4)[0])
            return min(processes.holders(layout, {other}).get(other, [0]))
        rest = rest[max(4, (length + 3) & ~3) :]
    return 0


def unix_owner(layout: Layout, path: str) -> Owner | None:
    """Who listens on a Unix socket; None where nobody does."""
    inodes = {
        fields[6] for fields in processes.unix_sockets(layout) if fields[7] == path and int(fields[3], 16) & ACCEPTS
    }
    if not inodes:
        return None
    held = processes.holders(layout, inodes)
    return owner(layout, systemd_root(layout), {pid for pids in held.values() for pid in pids}, {path})


def systemd_root(layout: Layout) -> tuple[str, str]:
    """(hierarchy, path) under which this host's systemd keeps its units.

    In a container that shares its host's view, every path begins with the container's own.
    """
    paths = processes.control_groups(layout, 1)
    for name in ("name=systemd", ""):
        if paths.get(name, "").endswith("/init.scope"):
            return name, paths[name].removesuffix("/init.scope")
    return "", ""


def place_of(layout: Layout, pid: int, root: tuple[str, str]) -> tuple[str, str, str]:
    """(unit, user, container) of a process, from its control group below `root` = systemd_root()."""
    path = processes.control_groups(layout, pid).get(root[0], "").removeprefix(root[1])
    services = [part for part in path.split("/") if part.endswith(".service")]
    managers = [found[1] for found in (re.fullmatch(r"user@(\d+)\.service", part) for part in services) if found]
    units = [part for part in services if not part.startswith("user@")]
    container = CONTAINER.search(path)
    return units[-1] if units else "", managers[-1] if managers else "", container[1] if container else ""


def owner(layout: Layout, root: tuple[str, str], pids: Collection[int], addresses: Iterable[str]) -> Owner:
    """What is known of processes that listen together; none are given where the kernel or another user hides them."""
    oldest = min(pids, key=lambda pid: (processes.started(layout, pid), pid), default=0)
    unit, user, container = place_of(layout, oldest, root) if oldest else ("", "", "")
    return {
        "pid": oldest,
        "command": processes.command(layout, oldest),
        "unit": unit,
        "user": user if unit else "",
        "container": container,
        "addresses": sorted(addresses),
        "processes": [[pid, processes.started(layout, pid)] for pid in sorted(pids)],
        "words": processes.words(layout, oldest),
    }


def listeners(layout: Layout, ports: Collection[int] | None = None) -> dict[int, list[Owner]]:
    """{port: owners} of all TCP listeners, or of those on `ports`."""
    root = systemd_root(layout)
    sockets = {port: found for port, found in listening(layout).items() if ports is None or port in ports}
    pids = processes.holders(layout, {inode for found in sockets.values() for inode in found})
    result = {}
    for port, found in sorted(sockets.items()):
        families: dict[tuple[str | int, ...], tuple[set[int], set[str]]] = {}
        for inode, address in sorted(found.items()):
            held = pids.get(inode, [])
            place = place_of(layout, held[0], root) if held else ("", "", "")
            # Processes of one unit belong together, others when they share a socket.
            members, addresses = families.setdefault(place if place[0] else tuple(held), (set(), set()))
            members.update(held)
            addresses.add(address)
        result[port] = [owner(layout, root, *family) for family in families.values()]
    return result
