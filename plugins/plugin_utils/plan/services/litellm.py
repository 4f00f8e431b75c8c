# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway: LiteLLM in two slots, of which one serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ....module_utils.host.layout import Layout, slot_instance
from ...data.row import Row
from ...engines.abilities import PROOFS, proof_of
from ...litellm import config as litellm_config
from ...litellm.probes import probe_of
from ...schema.cache import USER
from ...schema.clients import secret_of
from ...schema.secrets import CACHE_KEY, MASTER_KEY
from ..upstreams import upstreams
from .edge import offered_paths

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "gateway"
NAME = "litellm"
SLOTS = ("blue", "green")


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on each gateway."""
    if host not in fleet.place.gateways:
        return []
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.litellm",
            "stage": STAGE,
            "ports": {},
            "sockets": {
                instance: Layout().socket(instance) for instance in (slot_instance(NAME, slot) for slot in SLOTS)
            },
            "slots": list(SLOTS),
            "secrets": {f"{NAME}.env": {name: name for name in _secrets(fleet)}},
            "publish": None,
            "config": _config(fleet, host) if fleet.sound else {},
        }
    ]


def _config(fleet: Fleet, host: str) -> dict[str, Any]:
    """What the role needs: LiteLLM's config, its processes, the names in its list and those that must really answer."""
    registry, endpoints = fleet.registry, fleet.reach.endpoints[host]
    routes = registry.routes
    managed: dict[str, list[str]] = {kind: [] for kind in PROOFS}
    for name in routes.names:
        targets = [(registry.providers[target.provider], target) for target in routes.groups[name].levels[0]]
        proof = proof_of(provider.abilities(provider.entry(target.model or "")) for provider, target in targets)
        if proof and all(target.provider in fleet.place.engines for _provider, target in targets):
            managed[proof].append(name)
    return {
        "config": litellm_config.render(registry, endpoints, fleet.reach.cache.get(host)),
        "clients": _clients(fleet, host),
        "workers": registry.gateway.workers,
        "models": routes.names,
        "answers": managed["chat"],
        "proofs": [probe_of(proof, names) for proof, names in managed.items() if proof != "chat" and names],
        "upstreams": upstreams(registry, endpoints),
    }


def _clients(fleet: Fleet, host: str) -> dict[str, Any]:
    """What the gateway's hook needs of the clients. It has a key of each as a digest, in the secrets.

    {clients: {name: {models: [name or glob], names: [for the model list], requests, tokens, parallel}},
     paths: [what the edge offers to other hosts], expose: whether errors keep LiteLLM's words,
     longest_seconds: longest time of a request,
     redis: {host, port, db, username} for the counts}; None is no limit, or no Redis.
    """
    registry, redis = fleet.registry, fleet.reach.cache.get(host)
    names = registry.routes.names
    clients = {
        name: {
            "models": None if client.models is None else list(client.models),
            # A name that only a pattern answers is listed as the client has it.
            "names": sorted({*filter(client.may, names), *(m for m in client.models or () if "*" not in m)}),
            "requests": client.requests_per_minute,
            "tokens": client.tokens_per_minute,
            "parallel": client.parallel,
        }
        for name, client in registry.clients.items()
    }
    return {
        "clients": clients,
        "paths": sorted({*offered_paths(), *registry.gateway.paths}),
        "expose": registry.gateway.expose_deployment,
        "longest_seconds": registry.gateway.stream_timeout_seconds,
        # The router's database: a flush of the cache does not end the counts.
        "redis": redis and {"host": redis[0], "port": redis[1], "db": registry.cache.router_database, "username": USER},
    }


def _secrets(fleet: Fleet) -> list[str]:
    registry = fleet.registry
    names = {MASTER_KEY, *litellm_config.references(registry.gateway.litellm.extra)}
    names |= {provider.key for provider in registry.providers.values() if provider.active and provider.key}
    names |= {CACHE_KEY} if fleet.place.cache is not None else set()
    names |= {secret_of(name) for name in registry.clients}
    return sorted(names)
