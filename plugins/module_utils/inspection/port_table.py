# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry's ports compared with what listens on a host: who should, who does, and the verdict.

Verdicts:
  managed    the managed unit that should listen does
  unmanaged  the registry's service, not managed: an active provider that is only routed to, or a service this
             host's plan does not need and whose process carries its name
  foreign    another process
  misplaced  a managed unit on the port of another service
  reserved   nobody may, and nobody does
  taken      nobody may, and a process does
  down       a managed unit should, and none does
  absent     the same, and it was never deployed here
  idle       the slot that does not serve, or an engine that is not in memory; nobody listens, which is right
  free       nobody should, and nobody does
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..host.edge import EDGE, EDGE_UNIT
from ..host.layout import Layout, linked_release, service_of, slot_instance, unit_of
from ..host.sockets import MANAGED_UNIT, Owner, is_loopback, listeners, unix_owner
from ..host.systemd import Systemd
from ..releases.generations import active_slot
from ..releases.releases import address_of, manifest_of
from ..switching.loaded import may_be_absent


class Expected(TypedDict):
    """Who should listen on a port: `instances` are the managed ones, {unit: instance}.

    `provider` is the active provider that runs on this port of this host and is not managed, or empty; `needed` whether
    the plan of this host needs the port; `path` its place in the registry. `only_at`: the addresses at which the edge
    alone listens there, empty if all count.
    """

    port: int
    service: str
    path: str
    reserved: bool
    instances: dict[str, str]
    provider: str
    needed: bool
    only_at: list[str]


class Shown(TypedDict):
    """What may be shown of who listens (host/sockets.py); `pid` is 0 where nobody does."""

    pid: int
    command: str
    unit: str
    user: str
    container: str
    addresses: list[str]
    processes: list[list[int]]


class Row(Shown):
    """One that listens, or a managed unit that should and does not; `expected` are the units that should.

    `port` is 0 for a Unix socket.
    """

    port: int
    service: str
    path: str
    needed: bool
    provider: str
    verdict: str
    expected: str


NOBODY: Owner = {
    "pid": 0,
    "command": "",
    "unit": "",
    "user": "",
    "container": "",
    "addresses": [],
    "processes": [],
    "words": "",
}

# The arguments of a module that compares; documented in doc_fragments/port_plan.py.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "port_rows": {"type": "list", "elements": "dict", "required": True},
    "instances": {"type": "dict", "default": {}},
    "sockets": {"type": "dict", "default": {}},
    "published": {"type": "list", "elements": "dict", "default": []},
    "upstreams": {"type": "list", "elements": "dict", "default": []},
}


def plan_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of `expectations` from a module's arguments."""
    plan = {name: params[name] for name in ARGUMENTS}
    return {**plan, "instances": {name: int(port) for name, port in params["instances"].items()}}


def expectations(plan: Mapping[str, Any]) -> list[Expected]:
    """One entry a port.

    `plan` = {port_rows: rows of the plan's ports, instances: {instance: port}, sockets: {instance: path},
    published: [service], upstreams: [upstream]}.
    """
    entries: dict[int, dict[str, Any]] = {}
    for row in plan["port_rows"]:
        section = "reserved" if row["reserved"] else "services"
        entries[row["port"]] = {
            "service": row["name"],
            "path": f"ai_backend_ports.{section}.{row['name']}",
            "reserved": row["reserved"],
        }
    # One with a socket leaves its port to the edge, which publishes it.
    instances = {port: {unit_of(name): name} for name, port in plan["instances"].items() if name not in plan["sockets"]}
    relays = relayed(plan, set(instances))
    for service in plan["published"]:
        instances.setdefault(service["port"], {})[EDGE_UNIT] = EDGE
    providers = {row["local_port"]: row["provider"] for row in plan["upstreams"] if row["local_port"]}
    owners = {port: name for name, port in plan["instances"].items() if name != EDGE}
    for port in {*instances, *providers} - set(entries):
        # An engine whose port is in its base_url alone.
        name = providers.get(port) or owners[port]
        provider = name.partition("@")[2] or name
        path = f"ai_backend_providers.{provider}.base_url"
        entries[port] = {"service": provider, "path": path, "reserved": False}
    return [
        {
            "port": port,
            "service": entry["service"],
            "path": entry["path"],
            "reserved": entry["reserved"],
            "instances": instances.get(port, {}),
            "provider": "" if port in instances else providers.get(port, ""),
            "needed": port in instances or port in providers,
            "only_at": relays.get(port, []),
        }
        for port, entry in sorted(entries.items())
    ]


def relayed(plan: Mapping[str, Any], own: set[int]) -> dict[int, list[str]]:
    """{port: addresses} where the edge alone listens, for services of other hosts.

    Another process may have the port at other addresses. `own` are ports of this host's instances.
    """
    found: dict[int, list[str]] = {}
    for section in plan["published"]:
        if section["kind"] == "relay" and section["port"] not in own:
            found.setdefault(section["port"], []).extend(section["addresses"])
    return found


def concerns(entry: Expected, owner: Owner) -> bool:
    """Whether a listener is at an address that the plan uses, or is managed."""
    everywhere = {"0.0.0.0", "::"}  # noqa: S104 - nothing is bound here
    at = {*entry["only_at"], *everywhere}
    return not entry["only_at"] or bool(MANAGED_UNIT.fullmatch(owner["unit"])) or not at.isdisjoint(owner["addresses"])


def bears_name(service: str, owner: Owner) -> bool:
    """Whether a process carries the name of a service, in its unit, its program or its command line."""
    plain = [re.sub(r"[^a-z0-9]", "", text.lower()) for text in (service, owner["unit"], owner["command"])]
    return any(plain[0] in text for text in plain[1:]) or service.lower() in owner["words"].lower()


def judge(entry: Expected, owner: Owner) -> str:
    """The verdict on a process that listens."""
    if owner["unit"] in entry["instances"]:
        return "managed"
    if MANAGED_UNIT.fullmatch(owner["unit"]):
        return "misplaced"
    if entry["reserved"]:
        return "taken"
    if entry["provider"] or (not entry["needed"] and bears_name(entry["service"], owner)):
        return "unmanaged"
    return "foreign"


def absence(layout: Layout, systemd: Systemd, instance: str) -> str:
    """The verdict on a managed unit that should listen and does not."""
    service = service_of(instance)
    active = active_slot(layout, service) if service != instance else ""
    if active and instance != slot_instance(service, active) and systemd.unit(unit_of(instance)).stopped:
        return "idle"
    if may_be_absent(layout, systemd, instance):
        return "idle"
    return "down" if linked_release(layout, instance) else "absent"


def row_of(entry: Expected, verdict: str, expected: str, owner: Owner) -> Row:
    return {
        "port": entry["port"],
        "service": entry["service"],
        "path": entry["path"],
        "needed": entry["needed"],
        "provider": entry["provider"],
        "verdict": verdict,
        "expected": expected,
        "pid": owner["pid"],
        "command": owner["command"],
        "unit": owner["unit"],
        "user": owner["user"],
        "container": owner["container"],
        "addresses": owner["addresses"],
        "processes": owner["processes"],
    }


def compare(layout: Layout, systemd: Systemd, plan: Mapping[str, Any]) -> list[Row]:
    """Rows by port: one for each that listens, one for each managed unit that should and does not, at least one."""
    listening = listeners(layout)
    rows = []
    entries = {entry["port"]: entry for entry in expectations(plan)}
    at_sockets = {}
    for name, path in plan["sockets"].items():
        address = address_of(manifest_of(layout, name) or {"ports": {}, "sockets": {name: path}}, name)
        if address in entries:
            # The port of the plan, for as long as its release is one of before its socket.
            entries[address]["instances"][unit_of(name)] = name
        else:
            at_sockets[name] = address
    for entry in entries.values():
        owners = [owner for owner in listening.get(entry["port"], []) if concerns(entry, owner)]
        wanted = sorted(entry["instances"])
        for owner in owners:
            verdict = judge(entry, owner)
            rows.append(row_of(entry, verdict, owner["unit"] if verdict == "managed" else ",".join(wanted), owner))
        here = {owner["unit"] for owner in owners}
        for unit in [unit for unit in wanted if unit not in here]:
            rows.append(row_of(entry, absence(layout, systemd, entry["instances"][unit]), unit, NOBODY))
        if not owners and not wanted:
            verdict = "reserved" if entry["reserved"] else "down" if entry["provider"] else "free"
            rows.append(row_of(entry, verdict, "", NOBODY))
    paths = {entry["service"]: entry["path"] for entry in entries.values()}
    return rows + [socket_row(layout, systemd, *found, paths) for found in sorted(at_sockets.items())]


def socket_row(layout: Layout, systemd: Systemd, instance: str, address: int | str, paths: Mapping[str, str]) -> Row:
    """The row of an instance that listens on a Unix socket, or on a port that the plan does not have.

    `paths` are the places of services in the registry.
    """
    unit = unit_of(instance)
    if isinstance(address, int):
        owner = next((one for one in listeners(layout, {address}).get(address, ()) if one["unit"] == unit), None)
    else:
        owner = unix_owner(layout, address)
    entry: Expected = {
        "port": address if isinstance(address, int) else 0,
        "service": instance,
        "path": paths.get(instance.partition("@")[2] or instance, "inventory"),
        "reserved": False,
        "instances": {unit: instance},
        "provider": "",
        "needed": True,
        "only_at": [],
    }
    verdict = judge(entry, owner) if owner else absence(layout, systemd, instance)
    return row_of(entry, verdict, unit, owner or NOBODY)


def select(rows: Sequence[Row], port: int = 0, required: bool = False) -> list[Row]:
    """The rows that were asked for: those of one port, those that this host's plan needs, or all."""
    return [row for row in rows if (not port or row["port"] == port) and (row["needed"] or not required)]


def exposed(layout: Layout) -> list[tuple[int, Owner]]:
    """[(port, owner)] where a managed unit other than the edge listens off loopback, on whatever port."""
    return [
        (port, owner)
        for port, owners in listeners(layout).items()
        for owner in owners
        if MANAGED_UNIT.fullmatch(owner["unit"]) and owner["unit"] != EDGE_UNIT
        if not all(map(is_loopback, owner["addresses"]))
        and owner["unit"] != EDGE_UNIT
        and not all(map(is_loopback, owner["addresses"]))
    ]
