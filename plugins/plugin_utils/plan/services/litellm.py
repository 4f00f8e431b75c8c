# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway: LiteLLM in two slots, of which one serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ....module_utils.host.layout import Layout, slot_instance
from ...data.row import Row
from ...litellm import config as litellm_config
from ...litellm.probes import probe_of
from ...schema.cache import USER
from ...schema.clients import secret_of
from ...schema.gateway import Gateway
from ...schema.monitoring import CLIENT
from ...schema.ports import GATEWAY
from ...schema.secrets import CACHE_KEY, MASTER_KEY, MONITORING_KEY, WEBUI_KEY, references
from ..serving_models import always_there
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
    managed = always_there(fleet)
    return {
        "config": litellm_config.render(registry, endpoints, fleet.reach.cache.get(host)),
        "clients": _clients(fleet, host),
        "records": _records(fleet),
        "operator": _operator(fleet, host),
        "workers": registry.gateway.workers,
        "models": registry.routes.names,
        "answers": managed["chat"],
        "proofs": [probe_of(proof, names) for proof, names in managed.items() if proof != "chat" and names],
        "upstreams": upstreams(registry, endpoints),
    }


def _records(fleet: Fleet) -> dict[str, Any] | None:
    """Where the gateway's hook writes a line for each request, and how much; None for nowhere."""
    requests = fleet.registry.monitoring.requests
    if not requests.enabled:
        return None
    return {
        "file": Layout().records,
        "slow_seconds": requests.slow_seconds,
        "file_bytes": requests.file_bytes,
        "files": requests.files,
    }


def _operator(fleet: Fleet, host: str) -> dict[str, Any]:
    """What the command `ai-backend` on the host needs to know of the gateway.

    {endpoint: {address, port, tls}, cache: {host, port, db, namespace, username} or None, records: path or None,
     providers: [name of an active one]}
    """
    gateway, cache, redis = fleet.registry.gateway, fleet.registry.cache, fleet.reach.cache.get(host)
    everywhere = gateway.bind in ("0.0.0.0", "::")  # noqa: S104  # compared, not bound
    records = _records(fleet)
    return {
        "endpoint": {
            "address": "127.0.0.1" if everywhere else gateway.bind,
            "port": fleet.registry.port_of(GATEWAY) or Gateway.PORTS[GATEWAY],
            "tls": bool(gateway.tls_certificate),
        },
        "cache": redis
        and {
            "host": redis[0],
            "port": redis[1],
            "db": cache.database,
            "namespace": cache.namespace,
            "username": USER,
        },
        "records": records and records["file"],
        "providers": sorted(name for name, provider in fleet.registry.providers.items() if provider.active),
    }


def _clients(fleet: Fleet, host: str) -> dict[str, Any]:
    """What the gateway's hook needs of the clients. It has a key of each as a digest, in the secrets.

    {clients: {name: {models: [name or glob], names: [for the model list], requests, tokens, parallel,
                      mcp: [server with tools], more_keys: [variable], log_content: true}}, mcp: [all of these servers],
     paths: [what the edge offers to other hosts], expose: whether errors keep LiteLLM's words,
     longest_seconds: longest time of a request,
     redis: {host, port, db, username} for the counts}; None is no limit, or no Redis.
    """
    registry, redis = fleet.registry, fleet.reach.cache.get(host)
    names, askers = registry.routes.names, _askers(fleet)
    clients = {
        name: {
            "models": None if client.models is None else list(client.models),
            # A name that only a pattern answers is listed as the client has it.
            "names": sorted({*filter(client.may, names), *(m for m in client.models or () if "*" not in m)}),
            "requests": client.requests_per_minute,
            "tokens": client.tokens_per_minute,
            "parallel": client.parallel,
            "mcp": [server for server, entry in registry.mcp_servers.items() if entry.may(name)],
            **({"log_content": True} if client.log_content else {}),
            **({"more_keys": askers[name]} if name in askers else {}),
        }
        for name, client in registry.clients.items()
    }
    return {
        "clients": clients,
        "mcp": sorted({*registry.mcp_servers, *registry.gateway.litellm.extra.get("mcp_servers", {})}),
        "paths": sorted({*offered_paths(), *registry.gateway.paths}),
        "expose": registry.gateway.expose_deployment,
        "longest_seconds": registry.gateway.stream_timeout_seconds,
        # The router's database: a flush of the cache does not end the counts.
        "redis": redis and {"host": redis[0], "port": redis[1], "db": registry.cache.router_database, "username": USER},
    }


def _secrets(fleet: Fleet) -> list[str]:
    registry = fleet.registry
    names = {MASTER_KEY, *references(registry.gateway.litellm.extra)}
    active = [provider for provider in registry.providers.values() if provider.active]
    names |= {provider.key for provider in active if provider.key}
    names |= references([dict(provider.client_parameters) for provider in active])
    names |= {CACHE_KEY} if fleet.place.cache is not None else set()
    names |= {secret_of(name) for name in registry.clients}
    names |= {server.env_var for server in registry.mcp_servers.values() if server.env_var is not None}
    # Keys of their own, which their hosts have: of the keys of clients, hosts have only a digest.
    names |= {key for keys in _askers(fleet).values() for key in keys}
    return sorted(names)


def _askers(fleet: Fleet) -> dict[str, list[str]]:
    """{client: keys besides its own} of what the collection runs itself: {variable}."""
    registry = fleet.registry
    page = {registry.webui.client: [WEBUI_KEY]} if registry.webui.enabled else {}
    return {**page, **({CLIENT: [MONITORING_KEY]} if registry.monitoring.enabled else {})}
