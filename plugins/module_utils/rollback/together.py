# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An edge and what only fits it: older releases have the slots, engines and Redis on ports, newer ones on sockets.

Of an edge and a gateway neither can go first: an edge would ask a slot where it does not listen. So the slot's file is
written and the edge put on its release in one step. HAProxy's new worker begins with both, and the old one ends its
requests where they are. An engine goes right after its edge, which lets requests wait for an engine that is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..host.edge import EDGE, asked_at, places_of
from ..host.host import Host
from ..host.layout import Layout, linked_release, slot_instance, write_atomic
from ..probes.prove import prove
from ..releases.generations import Change, active_slot, serving_gateway
from ..releases.releases import at_edge
from ..switching.slots import commit
from ..switching.switch import switch
from .choice import Wanted, only_takes_away

# Within this an edge has reloaded.
EDGE_SECONDS = 30


def must_wait(layout: Layout, one: Wanted) -> bool:
    """Whether this is an edge that would ask the slot that serves now where it does not listen."""
    serving = serving_gateway(layout) if one.name == EDGE else None
    return serving is not None and not fits(layout, one.release, *serving)


def waiting(layout: Layout, wanted: Collection[Wanted]) -> list[Wanted]:
    """What is restored after the gateway: an edge that must wait or only takes away, and then also what that edge
    finds and the one that runs would not.
    """
    edge, runs = edge_of(wanted), linked_release(layout, EDGE)
    if edge is None or not (must_wait(layout, edge) or only_takes_away(layout, edge)):
        return []
    return [one for one in wanted if one is edge or (not one.slots and moves(layout, runs, one))]


def moves(layout: Layout, edge_release: str, one: Wanted) -> bool:
    """Whether an edge asks a service elsewhere than its release listens."""
    places = places_of(layout, edge_release, one.manifest["listener"] or one.name) if one.name != EDGE else set()
    return bool(places) and at_edge(one.manifest, one.name) not in places


def fits(layout: Layout, edge_release: str, instance: str, listens: str) -> bool:
    """Whether an edge asks a slot where it listens; one that does not know the slot is asked for nothing."""
    service, _at, slot = instance.partition("@")
    return asked_at(layout, edge_release, service, slot) in ("", listens)


def idle_instance(layout: Layout, gateway: Wanted) -> str:
    """The slot that a restored gateway would be started in."""
    active = active_slot(layout, gateway.service)
    return slot_instance(gateway.service, next(slot for slot in gateway.slots if slot != active))


def apart(layout: Layout, wanted: Iterable[Wanted]) -> list[str]:
    """Why services can't be restored with the edge that there would be; empty where they can."""
    found = {one.name: one for one in wanted}
    edge = found[EDGE].release if EDGE in found else linked_release(layout, EDGE)
    reasons = []
    for one in found.values():
        serving = serving_gateway(layout) if one.slots else None
        if serving and linked_release(layout, serving[0]) != one.release:
            instance = idle_instance(layout, one)
            if not fits(layout, edge, instance, at_edge(one.manifest, instance)):
                reasons.append(f"release {one.release} of {one.name} listens where the edge would not ask it")
        elif not one.slots and moves(layout, edge, one):
            reasons.append(f"release {one.release} of {one.name} listens where the edge would not ask it")
    return reasons


def edge_of(wanted: Iterable[Wanted]) -> Wanted | None:
    """The edge among what is restored."""
    return next((one for one in wanted if one.name == EDGE), None)


def hand_over(
    host: Host,
    edge: Wanted | None,
    instance: str,
    manifest: Mapping[str, Any],
    change: Change,
    followers: Collection[Wanted] = (),
) -> bool:
    """Let the edge send new requests to a slot, on its own release if the one that runs asks the slot elsewhere.

    `followers` are what only this release finds: they are switched right behind it, because requests wait for them.
    Returns whether the edge was put on its release. Raises with the edge and the file as before; followers stay.
    """
    before = linked_release(host.layout, EDGE)
    if edge is None or fits(host.layout, before, instance, at_edge(manifest, instance)):
        return False
    service, _at, slot = instance.partition("@")
    file, previous = host.layout.active_slot(service), active_slot(host.layout, service)
    write_atomic(file, f"active {slot}\n")
    try:
        switch(host, edge.name, edge.release, change)
        for one in followers:
            switch(host, one.name, one.release, change)
        prove(host, edge.name, edge.manifest, EDGE_SECONDS)
        commit(host, service, slot)
    except BaseException:
        write_atomic(file, f"active {previous}\n" if previous else "")
        switch(host, edge.name, before, change)
        raise
    return True
