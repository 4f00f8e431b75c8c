# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with the ports of a host, from the rows of port_table."""

from __future__ import annotations

from collections.abc import Sequence

from ..host.findings import Finding, critical, warning
from ..host.layout import service_of
from ..host.sockets import Owner
from ..host.systemd import Systemd
from .port_table import Row

# Verdicts on a managed port that another process holds.
UNMANAGED = ("foreign", "misplaced")
SILENT = ("down", "absent")
SHOW = "ansible-playbook lab.ai_backend.ports"
DEPLOY = "ansible-playbook lab.ai_backend.deploy"


def name_of(unit: str) -> str:
    """`ai-backend-llama-cpp@fast.service` -> `llama-cpp@fast`."""
    return unit.removeprefix("ai-backend-").removesuffix(".service")


def who(row: Row) -> str:
    """The process of a row in words: command, pid, and its unit or container."""
    if not row["pid"]:
        return "a process that can't be seen"
    if row["container"]:
        place = f"container {row['container']}"
    elif row["user"]:
        place = f"{row['unit']} of user {row['user']}"
    else:
        place = row["unit"] or "no unit"
    return f"{row['command'] or 'a process'} (pid {row['pid']}, {place})"


def conflict(row: Row) -> Finding:
    port, path = row["port"], row["path"]
    if not port:
        # Only root and the service itself can listen there.
        message = f"the socket {', '.join(row['addresses'])} belongs to {row['expected']}, but {who(row)} listens on it"
        return critical("ports", path, message, "stop it and deploy")
    if row["verdict"] == "taken":
        hint = f"stop it, or give it another port: see `{SHOW} -e port={port}`"
        return warning("ports", path, f"port {port} is reserved, and {who(row)} listens on it", hint)
    stop = f"stop it with `{SHOW} -e port={port} -e ai_backend_ports_fix=true`"
    if row["needed"]:
        message = f"port {port} belongs to {row['expected']}, but {who(row)} listens on it"
        return critical("ports", path, message, f"{stop} and deploy, or give the service another port")
    message = f"port {port} is kept for '{row['service']}', but {who(row)} listens on it"
    return warning("ports", path, message, f"{stop}, or give it an entry of its own")


def silence(systemd: Systemd, row: Row) -> Finding:
    """A managed unit that should listen and does not."""
    unit = row["expected"]
    if row["verdict"] == "absent":
        message = f"{service_of(name_of(unit))} is not deployed on this host yet"
        return warning("ports", row["path"], message, f"run `{DEPLOY}`")
    where = f"port {row['port']}" if row["port"] else "its socket"
    message = f"nobody listens on {where}, though {unit} should: it is {systemd.unit(unit).describe()}"
    hint = f"look at `journalctl -u {unit} -n 50`, then run `{DEPLOY}`"
    return critical("ports", row["path"], message, hint)


def misplaced(row: Row) -> Finding:
    owner = row["expected"] or f"'{row['service']}'"
    message = f"port {row['port']} belongs to {owner}, but the managed {row['unit']} listens on it"
    return critical("ports", row["path"], message, f"run `{DEPLOY}`, which moves each to its own port")


def port_findings(
    systemd: Systemd, rows: Sequence[Row], exposed: Sequence[tuple[int, Owner]], host: str
) -> list[Finding]:
    """Findings of a host's rows, and of `exposed` = [(port, owner)] of managed units off loopback."""
    found: list[Finding] = []
    # That a unit is silent where another process holds its port follows from that.
    held = {row["port"] for row in rows if row["verdict"] in UNMANAGED} - {0}
    for row in [row for row in rows if row["verdict"] not in SILENT or row["port"] not in held]:
        if row["verdict"] in ("foreign", "taken"):
            found.append(conflict(row))
        elif row["verdict"] == "misplaced":
            found.append(misplaced(row))
        elif row["verdict"] in SILENT and not row["provider"]:
            # Both slots of a gateway are one thing that was not deployed; a provider's silence is told by its health.
            new = silence(systemd, row)
            if new["message"] not in [finding["message"] for finding in found]:
                found.append(new)
    paths = {row["port"]: row["path"] for row in rows}
    for port, owner in exposed:
        places = ", ".join(f"{address} port {port}" for address in owner["addresses"])
        message = f"{owner['unit']} listens on {places}, which other hosts can reach past the edge"
        hint = f"take the address out of what configures it, then run `{DEPLOY}`"
        found.append(critical("ports", paths.get(port, f"host.{host}"), message, hint))
    return found
