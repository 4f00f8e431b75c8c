# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan: who runs what, where, with which config. See `make_plan` for its shape."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from ..engines.llama_cpp import CPU_THREADS, environment_of
from ..engines.models import model_file
from ..engines.providers import Provider
from ..findings.findings import Finding, RegistryError
from ..findings.paths import join
from ..litellm import config as litellm_config
from ..registry.registry import Registry
from ..schema.cache import DATABASES
from ..schema.secrets import missing
from .placement import Placement
from .publishing import companions, published
from .reach import check_addresses
from .upstreams import upstreams

SCHEMA = 1
_EXTRA = "ai_backend_gateway.litellm.extra"


def make_plan(registry: Registry, groups: object, addresses: object) -> dict[str, Any]:
    """Return the plan as plain data.

    {schema, registry_hash, warnings: [str], models: [str], members: [host], providers: [row], ports: [row],
     hosts: {host: {address, redis, llama_cpp: [engine], litellm, edge: {gateway, published: [service]}, secrets:
     {file: {key: secret name}}, instances: [str], ports: {instance: port}, upstreams: [upstreams.py], cache: {host,
     address, port}}}}. All lists are sorted, all ports are ints, a slice a host does not need is None or empty.

    Raises RegistryError when the inventory does not carry the registry.
    """
    place = Placement(registry, groups, addresses)
    check_addresses(place)
    findings = [*place.findings, *check_extra(registry)]
    if findings:
        raise RegistryError(findings)
    hosts = {host: _host(place, host) for host in place.members}
    return {
        "schema": SCHEMA,
        "registry_hash": registry.hash,
        "warnings": [str(finding) for finding in registry.warnings],
        "models": registry.routes.names,
        "members": place.members,
        "providers": [_provider_row(place, name, provider) for name, provider in registry.providers.items()],
        "ports": _port_rows(registry),
        "hosts": hosts,
    }


def litellm_text(registry: Registry, groups: object, addresses: object, host: str) -> str:
    """LiteLLM's config for one gateway host. Raises RegistryError when the host is no gateway."""
    plan = make_plan(registry, groups, addresses)
    gateway = plan["hosts"].get(host, {}).get("litellm")
    if gateway is None:
        raise RegistryError(
            [Finding("inventory", f"'{host}' is not in the group 'gateway'", "name a gateway host", check="references")]
        )
    text: str = gateway["config"]
    return text


def _host(place: Placement, host: str) -> dict[str, Any]:
    registry = place.registry
    gateway = host in place.gateways
    engines = place.engines_on(host)
    instances = ["edge", *(f"llama-cpp@{name}" for name in engines)]
    instances += ["litellm@blue", "litellm@green"] if gateway else []
    instances += ["redis"] if host == place.redis else []
    redis = None
    if host == place.redis:
        redis = {
            "port": registry.ports.port_of("redis"),
            "maxmemory": registry.cache.maxmemory,
            "databases": DATABASES,
        }
    return {
        "address": place.addresses.get(host, ""),
        "redis": redis,
        "llama_cpp": [_engine(place, name) for name in engines],
        "litellm": _litellm(place, host) if gateway else None,
        "edge": {"gateway": _gateway(registry) if gateway else None, "published": list(published(place, host))},
        "secrets": _secrets(place, host),
        "instances": sorted(instances),
        "ports": _ports(place, host),
        "upstreams": upstreams(registry, lambda provider: place.endpoints(provider, host)) if gateway else [],
        "cache": _cache(place, host) if gateway else None,
    }


def _cache(place: Placement, gateway: str) -> dict[str, Any] | None:
    """{host, address, port}: the host of Redis, and where a gateway finds it."""
    found = place.redis_address(gateway)
    if found is None:
        return None
    address, _colon, port = found.rpartition(":")
    return {"host": place.redis, "address": address, "port": int(port)}


def _ports(place: Placement, host: str) -> dict[str, int]:
    """Instance -> the port that this host gives it; what a foreign listener on it would take away."""
    registry = place.registry
    ports = {f"llama-cpp@{name}": place.port(name) or 0 for name in place.engines_on(host)}
    if host in place.gateways:
        ports["edge"] = registry.ports.port_of("litellm_gateway") or 0
        ports |= {f"litellm@{slot}": port for slot, port in _slots(registry).items()}
    if host == place.redis:
        ports["redis"] = registry.ports.port_of("redis") or 0
    return dict(sorted(ports.items()))


def _engine(place: Placement, name: str) -> dict[str, Any]:
    model = place.model_of(name)
    return {
        "provider": name,
        "instance": f"llama-cpp@{name}",
        "port": place.port(name),
        "model": model_file(model),
        "threads": str(model.options.threads or CPU_THREADS),
        "environment": environment_of(model.options, model.environment, model.context_length),
        **companions(place, name),
    }


def _litellm(place: Placement, host: str) -> dict[str, Any]:
    registry = place.registry
    config = litellm_config.render(
        registry, lambda provider: place.endpoints(provider, host), place.redis_address(host)
    )
    return {
        "config": config,
        "slots": _slots(registry),
        "workers": registry.gateway.workers,
        "models": registry.routes.names,
        "answers": [name for name in registry.routes.names if _first_is_managed(place, name)],
    }


def _first_is_managed(place: Placement, name: str) -> bool:
    first = place.registry.routes.groups[name].levels[0]
    return all(target.provider in place.engines for target in first)


def _slots(registry: Registry) -> dict[str, int]:
    return {slot: registry.ports.port_of(f"litellm_{slot}") or 0 for slot in ("blue", "green")}


def _gateway(registry: Registry) -> dict[str, Any]:
    gateway = registry.gateway
    return {
        "bind": gateway.bind,
        "port": registry.ports.port_of("litellm_gateway"),
        "host_header": gateway.host_header,
        "slots": _slots(registry),
        "max_body_bytes": gateway.max_body_bytes,
        "requests_per_minute": gateway.requests_per_minute,
        "stream_timeout_seconds": gateway.stream_timeout_seconds,
        "tls_certificate": gateway.tls_certificate,
    }


def _secrets(place: Placement, host: str) -> dict[str, dict[str, str]]:
    registry = place.registry
    files: dict[str, dict[str, str]] = {}
    if host in place.gateways:
        names = {"LITELLM_MASTER_KEY", *_extra_names(registry)}
        names |= {p.env_var for p in registry.providers.values() if p.active and p.env_var is not None}
        names |= {"REDIS_PASSWORD"} if place.redis is not None else set()
        names |= {"AI_BACKEND_ENGINE_KEY"} if place.engines else set()
        files["litellm.env"] = {name: name for name in sorted(names)}
    if place.engines_on(host):
        files["llama-cpp.env"] = {"LLAMA_API_KEY": "AI_BACKEND_ENGINE_KEY"}
    if host == place.redis:
        files["redis.conf"] = {"requirepass": "REDIS_PASSWORD"}
    return files


def _extra_names(registry: Registry) -> set[str]:
    return litellm_config.references(registry.gateway.litellm.extra)


def check_extra(registry: Registry, said: Container[str] = ()) -> Iterator[Finding]:
    """LiteLLM starts happily with an unset os.environ/NAME, and then every call with it fails."""
    for name in sorted(_extra_names(registry)):
        if missing(name, registry.secrets) and join("ai_backend_secrets", name) not in said:
            yield Finding(
                _EXTRA, f"refers to {name}, which has no value", "add it to ai_backend_secrets", check="secrets"
            )


def _provider_row(place: Placement, name: str, provider: Provider) -> dict[str, Any]:
    """One line of a status table; `health` is the URL that shows whether it is well, where it is known."""
    base = provider.base_url or f"http://{{host}}:{place.port(name)}"
    return {
        "name": name,
        "type": provider.type,
        "status": provider.status,
        "managed": provider.is_managed,
        "hosts": place.engines.get(name, []),
        "base_url": base,
        "health_endpoint": provider.health_endpoint or "",
        "models": sorted(entry.name for entry in provider.entries),
        "env_var": provider.env_var or "",
    }


def _port_rows(registry: Registry) -> list[dict[str, Any]]:
    """Every port of the registry, reserved ones included, sorted by port."""
    ports = registry.ports
    rows: list[dict[str, Any]] = []
    for name, port in ports.all_ports().items():
        entry = ports.services.get(name)
        rows.append(
            {
                "port": port,
                "name": name,
                "category": (entry.category if entry else None) or "",
                "health": (entry.health if entry else None) or "",
                "description": (entry.description if entry else None) or "",
                "reserved": False,
            }
        )
    for name, entry in ports.reserved.items():
        description = entry.description or ""
        row = {"port": entry.port, "name": name, "category": "", "health": "", "description": description}
        rows.append({**row, "reserved": True})
    return sorted(rows, key=lambda row: (row["port"], row["name"]))
