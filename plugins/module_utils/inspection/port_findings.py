# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with the ports of a host, from the rows of port_table."""

from __future__ import annotations

from ..host.findings import critical, warning
from ..host.layout import service_of

# Verdicts on a port of ours that somebody else holds, and on one that nobody does.
STRANGERS = ("foreign", "misplaced")
SILENT = ("down", "absent")
SHOW = "ansible-playbook lab.ai_backend.ports"
DEPLOY = "ansible-playbook lab.ai_backend.deploy"


def name_of(unit):
    """`ai-backend-llama-cpp@fast.service` -> `llama-cpp@fast`."""
    return unit.removeprefix("ai-backend-").removesuffix(".service")


def who(row):
    """The process of a row in words: command, pid, and its unit or container."""
    if not row["pid"]:
        return "a process that can't be seen"
    if row["container"]:
        place = "container %s" % row["container"]
    elif row["user"]:
        place = "%s of user %s" % (row["unit"], row["user"])
    else:
        place = row["unit"] or "no unit"
    return "%s (pid %d, %s)" % (row["command"] or "a process", row["pid"], place)


def conflict(row):
    port, path = row["port"], row["path"]
    if row["verdict"] == "taken":
        hint = "stop it, or give it another port: see `%s -e port=%d`" % (SHOW, port)
        return warning("ports", path, "port %d is reserved, and %s listens on it" % (port, who(row)), hint)
    stop = "stop it with `%s -e port=%d -e ai_backend_ports_fix=true`" % (SHOW, port)
    if row["needed"]:
        message = "port %d belongs to %s, but %s listens on it" % (port, row["expected"], who(row))
        return critical("ports", path, message, "%s and deploy, or give the service another port" % stop)
    message = "port %d is kept for '%s', but %s listens on it" % (port, row["service"], who(row))
    return warning("ports", path, message, "%s, or give it an entry of its own" % stop)


def silence(systemd, row):
    """A unit of ours that should listen and does not."""
    unit = row["expected"]
    if row["verdict"] == "absent":
        message = "%s is not deployed on this host yet" % service_of(name_of(unit))
        return warning("ports", row["path"], message, "run `%s`" % DEPLOY)
    message = "nobody listens on port %d, though %s should: it is %s" % (
        row["port"],
        unit,
        systemd.unit(unit).describe(),
    )
    hint = "look at `journalctl -u %s -n 50`, then run `%s`" % (unit, DEPLOY)
    return critical("ports", row["path"], message, hint)


def misplaced(row):
    message = "port %d belongs to %s, but our %s listens on it" % (
        row["port"],
        row["expected"] or "'%s'" % row["service"],
        row["unit"],
    )
    return critical("ports", row["path"], message, "run `%s`, which moves each to its own port" % DEPLOY)


def port_findings(systemd, rows, exposed, host):
    """Findings of a host's rows, and of `exposed` = [(port, owner)] of ours off loopback."""
    found = []
    # That ours is silent where another holds its port follows from that.
    held = {row["port"] for row in rows if row["verdict"] in STRANGERS}
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
        message = "%s listens on %s, which other hosts can reach past the edge" % (
            owner["unit"],
            ", ".join("%s port %d" % (address, port) for address in owner["addresses"]),
        )
        hint = "take the address out of what configures it, then run `%s`" % DEPLOY
        found.append(critical("ports", paths.get(port, "host.%s" % host), message, hint))
    return found
