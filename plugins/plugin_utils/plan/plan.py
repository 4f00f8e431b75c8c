# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan: which host runs which service, with which config. See `plan_of` for its shape."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from ...module_utils.host.layout import unit_of
from ..data.row import Row, instances_of
from ..engines.provider import Provider
from ..findings.findings import Finding, RegistryError
from ..findings.paths import join
from ..registry.registry import Registry
from ..schema.cache import USER
from ..schema.ports import FLEET, FLEET_PORT
from ..schema.secrets import missing, references
from .fleet import Fleet
from .gpu_memory import engines_in_memory, model_files
from .upstreams import upstreams
from .watched import files_for_another

SCHEMA = 2
_EXTRA = "ai_backend_gateway.litellm.extra"


def plan_of(fleet: Fleet) -> dict[str, Any]:
    """Return the plan as plain data.

    {schema, registry_hash, warnings: [str], models: [str], tags: [role of a service], members: [host],
     providers: [row], ports: [row], hosts: {host: {address, services: [data/row.py], instances: [str],
     ports: {instance: port}, sockets: {instance: path}, secrets: {file: {key: secret name}},
     published: [section of its edge, pages and metrics included], upstreams: [upstreams.py],
     cache: {host, unit, address, port, user} or None,
     gateway: bool, for_another_prometheus: {name: text}, tls_certificate: path or "",
     unencrypted: address that other hosts reach without TLS, or "",
     replaces: [unit of an engine that was installed in another way],
     downloads: [{path, url, sha256, secret}] of files that its engines need; `secret` names a token or is empty,
     in_memory: [engines/load.py], model_files: [path that tells more of it],
     gpu_engines: [{provider, gpu_layers, gpu_variable}]}}}

    `instances`, `ports`, `sockets`, `secrets` and `published` are those of all services together. All lists but
    `services` are sorted, all ports are ints.

    Raises RegistryError if the registry does not fit the inventory.
    """
    findings = [*fleet.findings, *check_extra(fleet.registry)]
    if findings:
        raise RegistryError(findings)
    registry = fleet.registry
    return {
        "schema": SCHEMA,
        "registry_hash": registry.hash,
        "warnings": [str(finding) for finding in registry.warnings],
        "models": registry.routes.names,
        "tags": sorted({row["role"].rpartition(".")[2] for rows in fleet.rows.values() for row in rows}),
        "members": sorted(fleet.rows),
        "providers": [_provider_row(fleet, name, provider) for name, provider in registry.providers.items()],
        "ports": _port_rows(registry, bool(fleet.abroad)),
        "hosts": {host: _host(fleet, host) for host in sorted(fleet.rows)},
    }


def litellm_text(plan: dict[str, Any], host: str) -> str:
    """LiteLLM's config for one gateway host. Raises RegistryError if the host is not a gateway."""
    services = plan["hosts"].get(host, {}).get("services", ())
    found: list[str] = [row["config"]["config"] for row in services if row["slots"]]
    if not found:
        raise RegistryError(
            [Finding("inventory", f"'{host}' is not in the group 'gateway'", "name a gateway host", check="references")]
        )
    return found[0]


def _host(fleet: Fleet, host: str) -> dict[str, Any]:
    rows = fleet.rows[host]
    gateway = host in fleet.place.gateways
    engines = engines_in_memory(fleet, host)
    ports = {instance: port for row in rows for instance, port in row["ports"].items()}
    sockets = {instance: path for row in rows for instance, path in row.get("sockets", {}).items()}
    return {
        "address": fleet.place.addresses.get(host, ""),
        "services": rows,
        "instances": sorted(instance for row in rows for instance in instances_of(row)),
        "ports": dict(sorted(ports.items())),
        "sockets": dict(sorted(sockets.items())),
        "secrets": _secrets(fleet, host),
        "published": [
            section
            for row in rows
            for kind in ("published", "pages", "metrics")
            for section in row["config"].get(kind, ())
        ],
        "upstreams": upstreams(fleet.registry, fleet.reach.endpoints[host]) if gateway else [],
        "cache": _cache(fleet, host),
        "gateway": gateway,
        "for_another_prometheus": files_for_another(fleet) if host == fleet.place.monitoring else {},
        "tls_certificate": fleet.registry.gateway.tls_certificate if gateway else "",
        "unencrypted": fleet.registry.gateway.unencrypted if gateway else "",
        "downloads": _downloads(fleet, host),
        "in_memory": engines,
        "model_files": model_files(engines),
        "replaces": sorted({unit for row in rows for unit in row["config"].get("replaces", ())}),
        "gpu_engines": [_gpu_engine(row) for row in rows if "gpu_variable" in row["config"]],
    }


def _downloads(fleet: Fleet, host: str) -> list[dict[str, str]]:
    files: dict[str, Mapping[str, Any]] = {}
    for name in fleet.place.engines_on(host):
        files.update(fleet.registry.providers[name].files)
    return [
        {"path": path, "secret": "", **{key: str(text) for key, text in source.items() if key != "kind"}}
        for path, source in sorted(files.items())
        if source["kind"] == "url"
    ]


def _gpu_engine(row: Row) -> dict[str, str]:
    """{provider, gpu_layers, gpu_variable}: what an engine needs from its host's GPUs."""
    return {"provider": row["provider"], **{key: row["config"][key] for key in ("gpu_layers", "gpu_variable")}}


def _secrets(fleet: Fleet, host: str) -> dict[str, dict[str, str]]:
    files: dict[str, dict[str, str]] = {}
    for row in fleet.rows[host]:
        for file, names in row["secrets"].items():
            files.setdefault(file, {}).update(names)
    return dict(sorted(files.items()))


def _cache(fleet: Fleet, gateway: str) -> dict[str, Any] | None:
    """{host, unit, address, port, user}: the host of the cache, its unit there, and its address for a gateway."""
    if gateway not in fleet.reach.cache:
        return None
    address, port = fleet.reach.cache[gateway]
    unit = unit_of(fleet.registry.cache.GROUP)
    return {"host": fleet.place.cache, "unit": unit, "address": address, "port": port, "user": USER}


def check_extra(registry: Registry, reported: Container[str] = ()) -> Iterator[Finding]:
    """LiteLLM starts with an unset os.environ/NAME, and then every call with it fails.

    `reported` are paths that have a finding.
    """
    for name in sorted(references(registry.gateway.litellm.extra)):
        if missing(name, registry.secrets) and join("ai_backend_secrets", name) not in reported:
            yield Finding(
                _EXTRA, f"refers to {name}, which has no value", "add it to ai_backend_secrets", check="secrets"
            )


def _provider_row(fleet: Fleet, name: str, provider: Provider) -> dict[str, Any]:
    """One line of a status table; `health` is the URL of its health check, if it is known."""
    return {
        "name": name,
        "type": provider.type,
        "status": provider.status,
        "managed": provider.is_managed,
        "hosts": fleet.place.engines.get(name, []),
        "base_url": provider.base_url
        or (f"http://{{host}}:{fleet.place.port(name) or None}" if provider.hosts else ""),
        "health_endpoint": provider.health_endpoint or "",
        "models": sorted(entry.name for entry in provider.entries),
        "env_var": provider.env_var or "",
    }


def _port_rows(registry: Registry, several: bool) -> list[dict[str, Any]]:
    """Every port of the registry, reserved ones included, sorted by port. several: whether hosts ask each other."""
    ports = registry.ports
    rows: list[dict[str, Any]] = []
    for name, port in {**({FLEET: FLEET_PORT} if several else {}), **registry.all_ports}.items():
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
