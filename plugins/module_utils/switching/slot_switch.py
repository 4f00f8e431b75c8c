# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a slotted service on a release: the idle slot is booted beside the one that serves, and committed elsewhere."""

from __future__ import annotations

from ..host.layout import linked_release, service_of, unit_of
from ..releases.generations import active_slot
from . import candidate
from .differences import differences
from .switch import SwitchError, apply, install, switch, withdraw


class Manner:
    """How a candidate comes up. `beside` the slot that serves, or after a `restart` that stops that one first.

    `reserve` are the bytes of memory that must stay free when both run. `force` boots a candidate even where nothing
    changed, and also where memory looks too small.
    """

    def __init__(self, strategy="beside", reserve=0, force=False):
        self.strategy, self.reserve, self.force = strategy, reserve, force


def switch_slot(layout, systemd, service, slots, release_id, generation=0, registry="", check=False, manner=None):
    """Boot the idle slot of a slotted service on a release, unless the active slot already serves it.

    The active slot is never touched while it runs, but for the manner `restart`; nothing is committed here. A slot that
    runs without being active is the rest of a run that died: it is stopped. Raises SwitchError where two do not fit.
    """
    manner = manner or Manner()
    active = active_slot(layout, service)
    serving = f"{service}@{active}"
    reasons, unit = differences(layout, systemd, serving, release_id) if active else (["no slot is active yet"], None)
    if active:
        same = linked_release(layout, serving) == release_id
        if (not reasons and not manner.force) or (same and not unit.active):
            result = switch(layout, systemd, serving, release_id, generation, registry, check)
            result.update(candidate=False, slot=active, active=active)
            return stop_leftovers(layout, systemd, result, service, slots, check)
        reasons = reasons or ["asked for by force"]
    beside = bool(unit and unit.active) and manner.strategy == "beside"
    lacking = candidate.shortage(layout, unit.pid, manner.reserve) if beside else ""
    if lacking and not manner.force:
        raise SwitchError(lacking)
    idle = next(slot for slot in slots if slot != active)
    instance = f"{service}@{idle}"
    result = {
        "changed": True,
        "instance": instance,
        "unit": unit_of(instance),
        "release": release_id,
        "previous": linked_release(layout, serving) if active else "",
        "reasons": reasons + ([lacking] if lacking else []),
        "candidate": True,
        "slot": idle,
        "active": active,
        "action": "",
    }
    if check:
        return result
    systemd.run(["systemctl", "stop", unit_of(instance)])
    if beside:
        candidate.lower(layout, instance)
    else:
        candidate.forget(layout, instance)
    install(layout, systemd, instance, release_id)
    if manner.strategy == "restart" and active:
        systemd.run(["systemctl", "stop", unit_of(serving)])
    result["action"] = "start"
    apply(systemd, instance, result["action"])
    return result


def stop_leftovers(layout, systemd, result, service, slots, check):
    """Stop what runs beside the active slot: the rest of a run that died. Returns the module's result."""
    for slot in slots:
        unit = unit_of(f"{service}@{slot}")
        if slot == result["active"] or systemd.unit(unit).stopped:
            continue
        result["changed"] = True
        result["reasons"] = result["reasons"] + [f"slot {slot} ran although {result['active']} is active"]
        if not check:
            systemd.call("stop", unit)
    return result


def take_back(layout, systemd, instance):
    """Withdraw a candidate that was refused; the slot that serves is started again where it was stopped for it."""
    withdraw(layout, systemd, instance)
    service = service_of(instance)
    slot = active_slot(layout, service)
    serving = f"{service}@{slot}"
    if slot and systemd.unit(unit_of(serving)).stopped:
        apply(systemd, serving, "start")


def committed(layout, instance):
    """Whether the instance is the slot that serves: the way back leaves it alone, whatever failed after its commit."""
    slot = active_slot(layout, service_of(instance))
    return bool(slot) and instance == f"{service_of(instance)}@{slot}"
