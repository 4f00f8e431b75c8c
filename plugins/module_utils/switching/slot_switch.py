# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a slotted service on a release: the idle slot is booted next, slots.py commits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..host.held_alerts import begin
from ..host.host import Host
from ..host.layout import Layout, linked_release, service_of, slot_instance, unit_of
from ..releases.generations import UNRECORDED, Change, active_slot
from . import candidate
from .differences import differences
from .switch import Switched, SwitchError, apply, install, switch, withdraw


@dataclass(frozen=True)
class Manner:
    """How a candidate comes up. `beside` the slot that serves, or after a `restart` that stops that one first.

    `reserve` are the bytes of memory that must stay free when both run. `force` boots a candidate even where nothing
    changed, and also where memory looks too small.
    """

    strategy: str = "beside"
    reserve: int = 0
    force: bool = False

    @property
    def runs_both(self) -> bool:
        return self.strategy == "beside"


BOTH_SLOTS = Manner()


def switch_slot(
    host: Host,
    service: str,
    slots: Sequence[str],
    release_id: str,
    change: Change = UNRECORDED,
    check: bool = False,
    manner: Manner = BOTH_SLOTS,
) -> Switched:
    """Boot the idle slot of a slotted service on a release, unless the active slot already serves it.

    The active slot is never touched while it runs, but for the manner `restart`; nothing is committed here. A slot that
    runs without being active is the rest of a run that died: it is stopped. Raises SwitchError where two do not fit.
    """
    active = active_slot(host.layout, service)
    serving = slot_instance(service, active) if active else ""
    reasons = ["no slot is active yet"]
    if serving:
        reasons, unit = differences(host, serving, release_id)
        same = linked_release(host.layout, serving) == release_id
        if (not reasons and not manner.force) or (same and not unit.active):
            made = switch(host, serving, release_id, change, check)
            made["slot"] = made["active"] = active
            return stop_leftovers(host, made, service, slots, check)
        reasons = reasons or ["asked for by force"]
        lacking = candidate.shortage(host.layout, unit.pid, manner.reserve) if unit.active and manner.runs_both else ""
        if lacking and not manner.force:
            raise SwitchError(lacking)
        reasons += [lacking] if lacking else []
    idle = next(slot for slot in slots if slot != active)
    instance = slot_instance(service, idle)
    if not check:
        boot(host, instance, serving, release_id, manner)
    return {
        "changed": True,
        "instance": instance,
        "unit": unit_of(instance),
        "release": release_id,
        "previous": linked_release(host.layout, serving) if serving else "",
        "reasons": reasons,
        "candidate": True,
        "slot": idle,
        "active": active,
        "action": "" if check else "start",
    }


def boot(host: Host, instance: str, serving: str, release_id: str, manner: Manner) -> None:
    """Start an idle slot on a release; `serving` is the slot that serves, empty for none."""
    runs = bool(serving) and host.systemd.unit(unit_of(serving)).active
    host.systemd.run(["systemctl", "stop", unit_of(instance)])
    if runs and manner.runs_both:
        candidate.lower(host.layout, instance)
    else:
        candidate.forget(host.layout, instance)
    install(host, instance, release_id)
    if serving and not manner.runs_both:
        begin(host.layout, instance)
        host.systemd.run(["systemctl", "stop", unit_of(serving)])
    apply(host.systemd, instance, "start")


def stop_leftovers(host: Host, made: Switched, service: str, slots: Sequence[str], check: bool) -> Switched:
    """Stop what runs in addition to the active slot: the rest of a run that died."""
    for slot in slots:
        unit = unit_of(slot_instance(service, slot))
        if slot == made["active"] or host.systemd.unit(unit).stopped:
            continue
        made["changed"] = True
        made["reasons"] = made["reasons"] + [f"slot {slot} ran although {made['active']} is active"]
        if not check:
            host.systemd.call("stop", unit)
    return made


def withdraw_candidate(host: Host, instance: str) -> None:
    """Withdraw a candidate that was refused; the slot that serves is started again where it was stopped for it."""
    withdraw(host, instance)
    serving = serving_instance(host.layout, service_of(instance))
    if serving and host.systemd.unit(unit_of(serving)).stopped:
        apply(host.systemd, serving, "start")


def serving_instance(layout: Layout, service: str) -> str:
    """The instance of a slotted service that serves, or an empty string."""
    slot = active_slot(layout, service)
    return slot_instance(service, slot) if slot else ""


def committed(layout: Layout, instance: str) -> bool:
    """Whether the instance is the slot that serves: a rollback leaves it alone, whatever failed after its commit."""
    return instance == serving_instance(layout, service_of(instance))
