# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the edge of a host offers to gateways, and what of it they can do without for a while."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .placement import EDGE_LOOPBACK, Placement

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
