# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commit point of a slotted service: one atomic rename decides which slot serves; everything else follows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ..host.edge import EDGE, EDGE_UNIT, asked_at
from ..host.haproxy import AdminError
from ..host.host import Host
from ..host.layout import linked_release, slot_instance, unit_of, write_atomic
from ..host.processes import family, started
from ..host.sockets import connected
from ..host.systemd import Systemd
from ..host.waiting import wait_until
from ..releases.generations import UNRECORDED, Change, Note, active_slot, check_room, record
from ..releases.releases import at_edge, manifest_of
from . import candidate
from .soak import ratio, watch


class SlotError(Exception):
    pass


class Promoted(TypedDict):
    """`previous` served before, empty for none; `open_at_stop` answers of it were cut when it was stopped."""

    changed: bool
    previous: str
    slot: str
    open_at_stop: int


def server(host: Host, service: str, slot: str) -> dict[str, str]:
    """What the edge reports of a slot; empty where it does not know it."""
    return host.admin.server(f"{service}_{slot}", slot)


def asked_elsewhere(host: Host, service: str, slot: str) -> str:
    """Where the edge asks a slot and where it listens, if they differ: only one of both was deployed, with tags."""
    layout, instance = host.layout, slot_instance(service, slot)
    manifest = manifest_of(layout, instance)
    asked = asked_at(layout, linked_release(layout, EDGE), service, slot)
    if manifest is None or asked in ("", at_edge(manifest, instance)):
        return ""
    return f". It asks {asked}, but the slot listens at {at_edge(manifest, instance)}: deploy again, without --tags"


def commit(host: Host, service: str, slot: str, patience: float = 30) -> None:
    """Send new requests to `slot` from now on: the file first (it decides after any crash), then the running HAProxy.

    Raises SlotError when HAProxy has not seen the slot up within `patience` seconds, AdminError when it does not take
    the change; the file then has its old content.
    """
    file, admin = host.layout.active_slot(service), host.admin
    if admin.present:
        seen = wait_until(lambda: server(host, service, slot).get("status", "").startswith("UP"), patience)
        if not seen:
            status = server(host, service, slot).get("status", "unknown to it")
            why = asked_elsewhere(host, service, slot)
            raise SlotError(f"the edge does not see slot {slot} up after {patience:.0f}s: {status}{why}")
    previous = active_slot(host.layout, service)
    write_atomic(file, f"active {slot}\n")
    if admin.present:
        try:
            admin.set_map(file, "active", slot)
        except AdminError:
            # Traffic stays where it was, so the file must name it: a reboot would else start a slot nobody committed.
            write_atomic(file, f"active {previous}\n" if previous else "")
            raise


def reloading(host: Host) -> bool:
    """Whether a worker of the edge of before its last reload still has clients: it asks by the map it began with.

    It may last for hours after them, because it does not end connections of the gateway to Redis.
    """
    layout, master = host.layout, host.systemd.unit(EDGE_UNIT).pid
    workers = sorted(set(family(layout, master)) - {master}, key=lambda pid: started(layout, pid))
    manifest = manifest_of(layout, EDGE)
    port = manifest["ports"].get(EDGE, 0) if manifest else 0
    return not connected(layout, port).isdisjoint(workers[:-1])


def drain(host: Host, service: str, slot: str, patience: float) -> int:
    """Wait until the last request of a slot has ended, and nobody is left who sends it a new one.

    Returns how many requests were open when patience ran out, as far as the edge's newest worker knows them.
    """
    if not host.admin.present:
        return 0
    row: dict[str, str] = {}

    def idle() -> bool:
        row.update(server(host, service, slot))
        return int(row.get("scur") or 0) == 0 and not reloading(host)

    wait_until(idle, patience)
    return int(row.get("scur") or 0)


def cut_words(count: int, seconds: float) -> str:
    """What the operator is told of answers that a drain did not outwait."""
    return f"{count} answers of the slot before were still open after {seconds:.0f} s, and were cut"


def leave(systemd: Systemd, unit: str) -> None:
    """Stop a slot that was drained. One whose last answers systemd had to cut has done nothing wrong."""
    systemd.call("stop", unit)
    if systemd.unit(unit).failed:
        systemd.call("reset-failed", unit)


def follow(host: Host, service: str) -> str:
    """Why a running HAProxy's map has to be fixed: it differs from the file. An empty string where it does not."""
    slot = active_slot(host.layout, service)
    file = host.layout.active_slot(service)
    if not slot or not host.admin.present or host.admin.map_value(file, "active") == slot:
        return ""
    return f"the edge does not route to slot {slot}"


def soak(host: Host, service: str, slot: str, previous: str, seconds: float) -> None:
    """Watch the new slot under real traffic while the old one still runs; give the traffic back when it is bad.

    Raises SlotError after traffic is back on the slot before.
    """
    if not (seconds and previous != slot and host.admin.present):
        return
    usual = ratio(server(host, service, previous))
    wrong = watch(lambda: server(host, service, slot), usual, seconds)
    if wrong:
        commit(host, service, previous)
        raise SlotError(f"slot {slot} was rolled back after its commit: {wrong}; slot {previous} serves again")


def promote(
    host: Host,
    service: str,
    slots: Sequence[str],
    slot: str,
    change: Change = UNRECORDED,
    drain_seconds: float = 0,
    soak_seconds: float = 0,
) -> Promoted:
    """Commit `slot`, watch it, drain the other, stop it."""
    previous = active_slot(host.layout, service)
    if change.generation:
        check_room(host.layout)
    candidate.promote(host, slot_instance(service, slot))
    commit(host, service, slot)
    # After a restart there is no other slot that could take the traffic back.
    if previous and host.systemd.unit(unit_of(slot_instance(service, previous))).active:
        soak(host, service, slot, previous, soak_seconds)
    if change.generation:
        record(host, change, Note(touched=slot_instance(service, slot)))
    cut = 0
    for other in slots:
        unit = unit_of(slot_instance(service, other))
        if other != slot and not host.systemd.unit(unit).stopped:
            cut += drain(host, service, other, drain_seconds)
            leave(host.systemd, unit)
    return {"changed": previous != slot, "previous": previous, "slot": slot, "open_at_stop": cut}
