# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commit point of a slotted service: one atomic rename says which slot serves; everything else follows it."""

from __future__ import annotations

from ..host.haproxy import AdminError
from ..host.layout import unit_of, write_atomic
from ..host.processes import family
from ..host.waiting import wait_until
from ..releases.generations import active_slot, record
from . import candidate
from .soak import ratio, watch

# Processes of an edge that is not reloading.
MASTER_AND_WORKER = 2


class SlotError(Exception):
    pass


def backend_of(service, slot):
    return f"{service}_{slot}"


def commit(layout, admin, service, slot, patience=30):
    """Send new requests to `slot` from now on: the file first (it decides after any crash), then the running HAProxy.

    Raises SlotError when HAProxy has not seen the slot up within `patience` seconds, AdminError when it does not take
    the change; the file then says what it said before.
    """
    if admin.present:
        seen = wait_until(
            lambda: admin.server(backend_of(service, slot), slot).get("status", "").startswith("UP"), patience
        )
        if not seen:
            status = admin.server(backend_of(service, slot), slot).get("status", "unknown to it")
            raise SlotError(f"the edge does not see slot {slot} up after {patience}s: {status}")
    previous = active_slot(layout, service)
    write_atomic(layout.active_slot(service), f"active {slot}\n")
    if admin.present:
        try:
            admin.set_map(layout.active_slot(service), "active", slot)
        except AdminError:
            # Traffic stays where it was, so the file must say so: a reboot would else start a slot nobody committed.
            write_atomic(layout.active_slot(service), f"active {previous}\n" if previous else "")
            raise


def reloading(layout, systemd):
    """Whether the edge still has a worker of before its last reload: it ends its requests by the map it began with."""
    return len(family(layout, systemd.unit(unit_of("edge")).pid)) > MASTER_AND_WORKER


def drain(layout, systemd, admin, service, slot, patience):
    """Wait until the last request of a slot has ended, and nobody is left who sends it a new one.

    Returns how many requests were open when patience ran out, as far as the edge's newest worker knows them.
    """
    if not admin.present:
        return 0
    row = {}

    def idle():
        row.update(admin.server(backend_of(service, slot), slot))
        return int(row.get("scur") or 0) == 0 and not reloading(layout, systemd)

    wait_until(idle, patience)
    return int(row.get("scur") or 0)


def cut_words(count, seconds):
    """What the operator is told of answers that a drain did not outwait."""
    return f"{count} answers of the slot before were still open after {seconds} s, and were cut"


def leave(systemd, unit):
    """Stop a slot that was drained. One whose last answers systemd had to cut has done nothing wrong."""
    systemd.call("stop", unit)
    if systemd.unit(unit).failed:
        systemd.call("reset-failed", unit)


def follow(layout, admin, service):
    """Mend a running HAProxy whose map differs from the file. Returns the reason, or an empty string."""
    slot = active_slot(layout, service)
    if not slot or not admin.present or admin.map_value(layout.active_slot(service), "active") == slot:
        return ""
    return f"the edge does not route to slot {slot}"


def soak(layout, admin, service, slot, previous, seconds):
    """Watch the new slot under real traffic while the old one still runs; give the traffic back when it is bad.

    Raises SlotError after traffic is back on the slot before.
    """
    if not (seconds and previous != slot and admin.present):
        return
    usual = ratio(admin.server(backend_of(service, previous), previous))
    wrong = watch(lambda: admin.server(backend_of(service, slot), slot), usual, seconds)
    if wrong:
        commit(layout, admin, service, previous)
        raise SlotError(f"slot {slot} was taken back after its commit: {wrong}; slot {previous} serves again")


def promote(layout, systemd, admin, service, slots, slot, drain_seconds, generation=0, registry="", soak_seconds=0):
    """Commit `slot`, watch it, drain the other, stop it. Returns the module's result."""
    previous = active_slot(layout, service)
    candidate.promote(layout, systemd, f"{service}@{slot}")
    commit(layout, admin, service, slot)
    # After a restart there is no other slot that could take the traffic back.
    if previous and systemd.unit(unit_of(f"{service}@{previous}")).active:
        soak(layout, admin, service, slot, previous, soak_seconds)
    if generation:
        record(layout, generation, registry, touched=f"{service}@{slot}")
    cut = 0
    for other in slots:
        if other == slot or systemd.unit(unit_of(f"{service}@{other}")).stopped:
            continue
        cut += drain(layout, systemd, admin, service, other, drain_seconds)
        leave(systemd, unit_of(f"{service}@{other}"))
    return {"changed": previous != slot, "previous": previous, "slot": slot, "open_at_stop": cut}
