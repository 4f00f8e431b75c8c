# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry's ports beside what listens on a host: who should, who does, and the verdict.

Verdicts:
  ours       the unit of ours that should listen does
  unmanaged  the registry's service, run by somebody else: an active provider that is only routed to, or a service this
             host's plan does not need and whose process carries its name
  foreign    somebody else
  misplaced  a unit of ours on the port of another service
  reserved   nobody may, and nobody does
  taken      nobody may, and somebody does
  down       a unit of ours should, and nobody does
  absent     the same, and it was never deployed here
  idle       the slot that does not serve; nobody listens, which is right
  free       nobody should, and nobody does
"""

from __future__ import annotations

import re

from ..host.layout import linked_release, service_of, unit_of
from ..host.sockets import OURS, is_loopback, listeners
from ..releases.generations import active_slot

EDGE = unit_of("edge")
NOBODY = {"pid": 0, "command": "", "unit": "", "user": "", "container": "", "addresses": [], "processes": []}

# The arguments of a module that compares; documented in doc_fragments/port_plan.py.
ARGUMENTS = {
    "registry": {"type": "list", "elements": "dict", "required": True},
    "instances": {"type": "dict", "default": {}},
    "published": {"type": "list", "elements": "dict", "default": []},
    "upstreams": {"type": "list", "elements": "dict", "default": []},
}


def plan_of(params):
    """The plan of `expectations` from a module's arguments."""
    plan = {name: params[name] for name in ARGUMENTS}
    return {**plan, "instances": {name: int(port) for name, port in params["instances"].items()}}


def expectations(plan):
    """One entry a port: {port, service, path, reserved, instances: {unit: instance}, provider, needed}.

    `plan` = {registry: rows of the plan's ports, instances: {instance: port}, published: [service],
    upstreams: [upstream]}. `provider` is the active provider that somebody else runs on this port of this host.
    """
    entries = {}
    for row in plan["registry"]:
        section = "reserved" if row["reserved"] else "services"
        entries[row["port"]] = {
            "service": row["name"],
            "path": f"ai_backend_ports.{section}.{row['name']}",
            "reserved": row["reserved"],
        }
    instances = {port: {unit_of(name): name} for name, port in plan["instances"].items()}
    for service in plan["published"]:
        instances.setdefault(service["port"], {})[EDGE] = "edge"
    providers = {row["local_port"]: row["provider"] for row in plan["upstreams"] if row["local_port"]}
    for port in {*instances, *providers} - set(entries):
        # An engine whose port stands in its base_url alone.
        name = providers.get(port) or next(name for name in instances[port].values() if name != "edge")
        provider = name.partition("@")[2] or name
        path = f"ai_backend_providers.{provider}.base_url"
        entries[port] = {"service": provider, "path": path, "reserved": False}
    return [
        {
            **entry,
            "port": port,
            "instances": instances.get(port, {}),
            "provider": "" if port in instances else providers.get(port, ""),
            "needed": port in instances or port in providers,
        }
        for port, entry in sorted(entries.items())
    ]


def bears_name(service, owner):
    """Whether a process carries the name of a service, in its unit, its program or its command line."""
    plain = [re.sub(r"[^a-z0-9]", "", text.lower()) for text in (service, owner["unit"], owner["command"])]
    return any(plain[0] in text for text in plain[1:]) or service.lower() in owner.get("words", "").lower()


def judge(entry, owner):
    """The verdict on somebody who listens."""
    if owner["unit"] in entry["instances"]:
        return "ours"
    if OURS.fullmatch(owner["unit"]):
        return "misplaced"
    if entry["reserved"]:
        return "taken"
    if entry["provider"] or (not entry["needed"] and bears_name(entry["service"], owner)):
        return "unmanaged"
    return "foreign"


def absence(layout, systemd, instance):
    """The verdict on a unit of ours that should listen and does not."""
    service = service_of(instance)
    other_serves = service != instance and active_slot(layout, service) not in ("", instance.partition("@")[2])
    if other_serves and systemd.unit(unit_of(instance)).stopped:
        return "idle"
    return "down" if linked_release(layout, instance) else "absent"


def row_of(entry, verdict, expected, owner):
    shown = {key: value for key, value in owner.items() if key != "words"}
    return {
        **{key: entry[key] for key in ("port", "service", "path", "needed", "provider")},
        "verdict": verdict,
        "expected": expected,
        **shown,
    }


def compare(layout, systemd, plan):
    """Rows by port: one for each that listens, one for each unit of ours that should and does not, at least one."""
    listening = listeners(layout)
    rows = []
    for entry in expectations(plan):
        owners = listening.get(entry["port"], [])
        wanted = sorted(entry["instances"])
        for owner in owners:
            verdict = judge(entry, owner)
            rows.append(row_of(entry, verdict, owner["unit"] if verdict == "ours" else ",".join(wanted), owner))
        here = {owner["unit"] for owner in owners}
        for unit in [unit for unit in wanted if unit not in here]:
            rows.append(row_of(entry, absence(layout, systemd, entry["instances"][unit]), unit, NOBODY))
        if not owners and not wanted:
            verdict = "reserved" if entry["reserved"] else "down" if entry["provider"] else "free"
            rows.append(row_of(entry, verdict, "", NOBODY))
    return rows


def select(rows, port=0, required=False):
    """The rows that were asked for: those of one port, those that this host's plan needs, or all."""
    return [row for row in rows if (not port or row["port"] == port) and (row["needed"] or not required)]


def exposed(layout):
    """[(port, owner)] where a unit of ours other than the edge listens off loopback, on whatever port."""
    return [
        (port, owner)
        for port, owners in listeners(layout).items()
        for owner in owners
        if OURS.fullmatch(owner["unit"]) and owner["unit"] != EDGE and not all(map(is_loopback, owner["addresses"]))
    ]
