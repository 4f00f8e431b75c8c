# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the edge of a host offers to gateways, and what of it they can do without for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plan import Placement
    from .routes import Routes

Section = Mapping[str, Any]
# Where a gateway's own edge offers it the engines of its host: their ports, on a loopback address of their own. So that
# every way to an engine leads through an edge, which can take it out of rotation.
EDGE_LOOPBACK = "127.0.0.2"
# Tries, a second apart, to reach an engine that nobody else answers for, and for which its edge waits before (edge's
# engine_wait.lua). Where others answer, each would only put off the moment they are asked.
ALONE_RETRIES = 3


def published(place: Placement, host: str) -> Iterator[dict[str, Any]]:
    """What the edge of a host offers: its engines to the gateways here and elsewhere, its cache to those elsewhere."""
    others = [gateway for gateway in place.gateways if gateway != host]
    names = place.engines_on(host) + (["redis"] if host == place.redis else [])
    for name in sorted(names):
        engine = name in place.engines
        abroad = others if not engine or place.registry.providers[name].hosts is not None else []
        addresses = [EDGE_LOOPBACK] if engine and host in place.gateways else []
        addresses += [place.address(host, f"it publishes '{name}' to other hosts")] if abroad else []
        if addresses:
            allow = sorted(place.address(other, f"'{host}' lets only known gateways in") for other in abroad)
            yield {
                "name": name,
                "mode": "http" if engine else "tcp",
                "addresses": addresses,
                "port": place.port(name) or place.registry.ports.port_of(name),
                "allow": [*allow, *(["127.0.0.0/8"] if EDGE_LOOPBACK in addresses else [])],
                "retries": 0 if not engine or companions(place, name)["shared"] else ALONE_RETRIES,
            }


def companions(place: Placement, engine: str) -> dict[str, Any]:
    """{shared: whether some name it answers has another engine too, pauses: the names that have no other}."""
    if len(place.engines[engine]) > 1:
        return {"shared": True, "pauses": []}
    mine = {name: providers for name, providers in place.answering.items() if engine in providers}
    return {
        "shared": any(providers != {engine} for providers in mine.values()),
        "pauses": sorted(name for name, providers in mine.items() if providers == {engine}),
    }


def leaving(published: Sequence[Section], planned: Sequence[Section]) -> list[dict[str, Any]]:
    """The sections an edge offers today that the plan no longer names, sorted by name: the gateway that serves may ask.

    A section is {name, mode, addresses, port, allow}, as in the plan. One whose port the plan gives to another has to
    go at once: two can't listen on it.
    """
    names = {section["name"] for section in planned}
    ports = {section["port"] for section in planned}
    kept = [dict(section) for section in published if section["name"] not in names and section["port"] not in ports]
    return sorted(kept, key=lambda section: str(section["name"]))


def providers_of(routes: Routes, name: str) -> set[str]:
    """Everybody who may answer to a name. A chain may still be a circle here: what is wrong is said together, later."""
    found: set[str] = set()
    seen, waiting = set(), [name]
    while waiting:
        group = routes.groups.get(waiting.pop())
        if group is None or group.name in seen:
            continue
        seen.add(group.name)
        for step in group.steps():
            if isinstance(step, str):
                waiting.append(step)
            else:
                found |= {target.provider for target in step}
    return found
