# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stop what listens on a managed port, and nothing else: a unit as a unit, a process by SIGTERM, nobody by SIGKILL.

What may be stopped is decided twice: when it is shown, and again when it is done, on the same processes.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..host.layout import Layout
from ..host.processes import ancestry, started
from ..host.sockets import MANAGED_UNIT, Owner, listeners, place_of, systemd_root
from ..host.systemd import Systemd
from ..host.waiting import wait_until
from .port_table import Row

# A row of the table, as it was shown: a Row, with `action` and `refusal` for one that blocks a port.
Held = Mapping[str, Any]
Kill = Callable[[int, int], None]
# They listen for a container: ending them cuts it off, and it is not rid of. /proc shows 15 characters of a name.
PROXIES = {
    "conmon",
    "containerd",
    "containerd-shim",
    "docker-proxy",
    "dockerd",
    "incusd",
    "k3s-server",
    "kube-proxy",
    "kubelet",
    "lxd",
    "pasta",
    "pasta.avx2",
    "podman",
    "rootlesskit",
    "rootlessport",
    "slirp4netns",
}


def socket_unit(systemd: Systemd, port: int) -> str:
    """The socket unit through which systemd itself listens on a port, or `a socket unit`."""
    _code, output = systemd.run(["systemctl", "list-sockets", "--no-legend", "--plain", "--full"])
    rows = [line.split() for line in output.splitlines()]
    return next((row[1] for row in rows if len(row) > 1 and row[0].endswith(f":{port}")), "a socket unit")


def refusal(layout: Layout, systemd: Systemd, row: Held) -> str:
    """Why this collection does not stop who listens, and what its operator can do; empty where it may."""
    pid, unit, port = row["pid"], row["unit"], row["port"]
    if MANAGED_UNIT.fullmatch(unit):
        return f"{unit} is managed: `systemctl stop {unit}` stops it, the next deploy starts it"
    if pid == 0:
        return "its process can't be seen from here, so it can't be told what would be stopped"
    if pid == 1:
        name = socket_unit(systemd, port)
        return f"systemd itself listens for {name}: `systemctl disable --now {name}`"
    if row["command"] in PROXIES:
        find = f"`docker ps --filter publish={port}` (or podman) names it, `docker stop` stops it"
        return f"{row['command']} (pid {pid}) listens for a container: {find}"
    if row["container"] and not unit:
        return f"it runs in container {row['container']}: `docker stop {row['container']}` (or podman)"
    if row["user"]:
        there = f"`systemctl --user --machine={row['user']}@ stop {unit}`"
        return f"{unit} belongs to user {row['user']}: {there}"
    above = ancestry(layout, os.getpid())
    root = systemd_root(layout)
    units = {place_of(layout, other, root)[0] for other in above} - {""}
    if unit in units or {number for number, _started in row["processes"]} & set(above):
        return "this very connection hangs on it"
    return ""


def action(row: Held) -> str:
    """What stopping would do, in words."""
    if row["unit"]:
        return f"stop unit {row['unit']} ({row['command']}, pid {row['pid']})"
    return f"end {row['command']} (pid {row['pid']})"


def conflicts(layout: Layout, systemd: Systemd, rows: Sequence[Row], named: bool) -> list[dict[str, Any]]:
    """Rows that block a port, with `action` and `refusal`; a reserved port counts only where it was `named`."""
    verdicts = ("foreign", "taken") if named else ("foreign",)
    return [
        {**row, "action": action(row), "refusal": refusal(layout, systemd, row)}
        for row in rows
        if row["verdict"] in verdicts
    ]


def still_there(layout: Layout, row: Held) -> Owner | None:
    """The owner that listens on the row's port through a process of the row; None when it has gone."""
    same = [tuple(process) for process in row["processes"]]
    for owner in listeners(layout, {row["port"]}).get(row["port"], []):
        if any(tuple(process) in same for process in owner["processes"]):
            return owner
    return None


def successor(layout: Layout, row: Held) -> Owner | None:
    """Who listens on the port instead, on the same address, once its processes have gone; None when nobody does."""
    owners = listeners(layout, {row["port"]}).get(row["port"], [])
    return next((owner for owner in owners if set(owner["addresses"]) & set(row["addresses"])), None)


def terminate(layout: Layout, row: Held, kill: Kill) -> None:
    """SIGTERM to each process that still is the one that was shown."""
    for pid, began in row["processes"]:
        if started(layout, pid) == began:
            with contextlib.suppress(ProcessLookupError):
                kill(pid, signal.SIGTERM)


def stop(layout: Layout, systemd: Systemd, row: Held, timeout: float, kill: Kill = os.kill) -> tuple[str, str]:
    """(what was done, what went wrong) in words, one of them empty.

    `row` is as it was shown; who listens by now is looked at again, and must be the same and not refused.
    """
    owner = still_there(layout, row)
    if owner is None:
        return f"port {row['port']}: {row['command']} ended in this time", ""
    row = {**row, **owner}
    reason = refusal(layout, systemd, row)
    if reason:
        return "", f"port {row['port']}: not stopped: {reason}"
    enabled = bool(row["unit"]) and systemd.unit(row["unit"]).enabled
    if row["unit"]:
        # Without waiting: how long is this module's decision, not the unit's.
        systemd.call("stop", "--no-block", row["unit"])
    else:
        terminate(layout, row, kill)
    if not wait_until(lambda: still_there(layout, row) is None, timeout):
        rest = f"`kill -KILL {row['pid']}` would end it without a word to its clients"
        return "", f"port {row['port']}: {row['command']} (pid {row['pid']}) still listens after {timeout} s: {rest}"
    other = successor(layout, row)
    if other is not None:
        heir = f"{other['command']} (pid {other['pid']})"
        return "", (
            f"port {row['port']}: {row['command']} was stopped, and {heir} listens there now: something starts it again"
        )
    what = f"unit {row['unit']} was stopped" if row["unit"] else f"{row['command']} (pid {row['pid']}) was ended"
    done = f"port {row['port']} is free: {what}"
    if enabled:
        done += f"; it is enabled and starts at the next boot: `systemctl disable {row['unit']}` keeps it off"
    if row["expected"]:
        done += "; `ansible-playbook lab.ai_backend.deploy` starts what belongs there"
    return done, ""
