# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry: ten variables in, one checked value out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..data.plain import Plain, to_plain
from ..engines.hidden_files import check_paths
from ..engines.provider import Provider
from ..findings.findings import Finding, RegistryError
from ..routing.doubts import unknown_of
from ..routing.resolver import resolve
from ..routing.routes import Routes
from ..schema.cache import Cache
from ..schema.clients import Client
from ..schema.gateway import Gateway
from ..schema.mcp import McpServer
from ..schema.monitoring import Monitoring
from ..schema.ports import Ports, check_ports
from ..schema.routing import Routing, unwrap
from ..schema.secrets import redact, take_secrets
from ..schema.webui import WebUI
from .clients import Clients, logged, read_clients, unanswered, uncounted, unused_keys
from .cross_checks import check_groups, check_provider_ports, check_secrets, check_timeouts, check_waits, unused
from .lenient import Reading, read
from .mcp import check_mcp_servers, read_mcp_servers
from .monitoring import check_monitoring
from .providers import Entry, read_providers
from .source_paths import as_written
from .variables import PARTS, hint_for, known
from .webui import check_webui, with_own_clients

_INIT = "run `ansible-playbook lab.ai_backend.init`, which copies an example registry"


@dataclass(frozen=True)
class Registry:
    """A checked registry. `secrets` contains which names have a value; no value is stored."""

    providers: Mapping[str, Provider]
    routing: Routing
    ports: Ports
    gateway: Gateway
    cache: Cache
    monitoring: Monitoring
    webui: WebUI
    mcp_servers: Mapping[str, McpServer]
    clients: Mapping[str, Client]
    secrets: Mapping[str, bool]
    routes: Routes
    warnings: tuple[Finding, ...] = ()

    @property
    def default_ports(self) -> dict[str, int]:
        """Ports of services that run, if the registry has no other: {name in ai_backend_ports: port}."""
        optional = [part.PORTS for part in (self.cache, self.webui) if part.enabled]
        return {
            name: port
            for ports in (self.gateway.PORTS, *optional, self.monitoring.ports)
            for name, port in ports.items()
        }

    @cached_property
    def all_ports(self) -> Mapping[str, int]:
        """Every service's port, given or default, sorted by name."""
        return self.ports.with_defaults(self.default_ports)

    def port_of(self, service: str) -> int | None:
        """The port of a service, given or default."""
        return self.all_ports.get(service)

    def dump(self) -> dict[str, Any]:
        """The registry as plain data with all defaults, without secrets, keys sorted."""
        data = {
            "cache": self.cache.model_dump(mode="json"),
            "clients": {name: client.model_dump(mode="json") for name, client in self.clients.items()},
            "gateway": self.gateway.model_dump(mode="json"),
            "mcp_servers": {name: server.model_dump(mode="json") for name, server in self.mcp_servers.items()},
            "monitoring": self.monitoring.model_dump(mode="json"),
            "ports": self.ports.model_dump(mode="json"),
            "providers": {name: provider.model_dump(mode="json") for name, provider in self.providers.items()},
            "routing": self.routing.model_dump(mode="json"),
            "webui": self.webui.model_dump(mode="json"),
        }
        dumped: dict[str, Any] = json.loads(_canonical(data))
        return dumped

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical JSON of `dump()`."""
        return hashlib.sha256(_canonical(self.dump()).encode()).hexdigest()


def _canonical(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Examined:
    """The findings of a registry, and as much of it as could be read.

    With findings, `registry` contains only what no error affects, and its routes must not be used. `unsure` are the
    parts that are incomplete there.
    """

    registry: Registry
    findings: tuple[Finding, ...]
    unsure: frozenset[str]


def load(raw: object) -> Registry:
    """Check a registry: `{providers, routing, ports, gateway, cache, monitoring, webui, mcp_servers,
    clients, secrets: {NAME: value}}`.

    Raises RegistryError with all errors.
    """
    examined = examine(raw)
    if examined.findings:
        raise RegistryError(examined.findings)
    return examined.registry


def examine(raw: object) -> Examined:
    """Check a registry and keep its correct parts, so that further checks can be made on them.

    Raises RegistryError if there is no registry.
    """
    plain = to_plain(raw)
    if not isinstance(plain, dict) or not plain.get("providers"):
        raise RegistryError([Finding("ai_backend_providers", "is not defined or empty", _INIT)])
    present, values, of_secrets = take_secrets(plain.get("secrets"))
    findings = [*_unknown_parts(plain), *of_secrets]
    data = {name: redact(plain.get(name), f"ai_backend_{name}", values, findings) for name in PARTS[:-1]}
    literal = [finding for finding in findings if "literal secret" in finding.problem]
    parts = _Parts.of(data, findings)
    findings += _port_findings(parts)
    bad_secrets = {finding.path for finding in of_secrets}
    if "ai_backend_secrets" not in bad_secrets or isinstance(plain.get("secrets"), dict):
        findings += (f for f in check_secrets(parts.entries or {}, present) if f.path not in bad_secrets)
    if parts.gateway.value is not None and parts.gateway.sure:
        findings += check_timeouts(parts.entries or {}, parts.gateway.value.stream_timeout_seconds)
        findings += check_waits(parts.entries or {}, parts.gateway.value.timeouts)
    findings += check_groups(parts.entries or {})
    routes, of_routes = _routes(parts)
    findings += of_routes
    # An error of a redacted value is not a second problem.
    hidden = {finding.path for finding in literal}
    findings = [finding for finding in findings if finding in literal or finding.path not in hidden]
    sound = {name: e.provider for name, e in (parts.entries or {}).items() if e.provider is not None and not e.doubts}
    findings += check_paths(sound)
    of_clients = list(_of_clients(parts, sound, routes, present))
    findings += (finding for finding in of_clients if finding.severity == "critical")
    registry = Registry(
        sound,
        parts.routing.value or Routing(),
        parts.ports.value or Ports(),
        parts.gateway.value or Gateway(),
        parts.cache.value or Cache(),
        parts.monitoring.value or Monitoring(),
        parts.webui.value or WebUI(),
        parts.mcp_servers,
        with_own_clients(parts.webui.value, parts.monitoring.value, parts.clients.sound),
        present,
        routes,
        tuple(sorted({*routes.warnings, *unused(sound), *(f for f in of_clients if f.severity == "warning")})),
    )
    return Examined(registry, tuple(sorted(set(findings))), parts.unsure(len(sound)))


@dataclass(frozen=True)
class _Parts:
    """The parts of a registry, each as far as it could be read. `where` returns the path as the user wrote it."""

    entries: Mapping[str, Entry] | None
    routing: Reading[Routing]
    ports: Reading[Ports]
    gateway: Reading[Gateway]
    cache: Reading[Cache]
    monitoring: Reading[Monitoring]
    webui: Reading[WebUI]
    mcp_servers: Mapping[str, McpServer]
    clients: Clients
    where: Callable[[str], str]

    @classmethod
    def of(cls, data: Mapping[str, Plain], findings: list[Finding]) -> _Parts:
        """Read them; errors are added to `findings`."""
        entries = read_providers(data["providers"], findings)
        below, root = unwrap(data["routing"], "ai_backend_routing")
        routing = read(Routing, below, root, findings, depth=2)
        where = as_written(data["routing"])
        findings[:] = [replace(finding, path=where(finding.path)) for finding in findings]
        return cls(
            entries,
            routing,
            read(Ports, data["ports"], "ai_backend_ports", findings, depth=2),
            read(Gateway, data["gateway"], "ai_backend_gateway", findings),
            read(Cache, data["cache"], "ai_backend_cache", findings),
            read(Monitoring, data["monitoring"], "ai_backend_monitoring", findings),
            read(WebUI, data["webui"], "ai_backend_webui", findings),
            read_mcp_servers(data["mcp_servers"], findings),
            read_clients(data["clients"], findings),
            where,
        )

    def routes_known(self, sound: int) -> bool:
        """Whether all names that the registry answers are known."""
        return self.routing.sure and self.entries is not None and sound == len(self.entries)

    def unsure(self, sound: int) -> frozenset[str]:
        """The parts that are incomplete; `sound` is the number of providers without doubt."""
        sure = {
            "cache": self.cache.sure,
            "clients": self.clients.sure,
            "gateway": self.gateway.sure,
            "monitoring": self.monitoring.sure,
            "ports": self.ports.sure,
            "routing": self.routing.sure,
            "webui": self.webui.sure,
        }
        unsure = {name for name, is_sure in sure.items() if not is_sure}
        return frozenset(unsure | ({"providers"} if self.entries is None or sound != len(self.entries) else set()))


def _unknown_parts(plain: Mapping[str, Plain]) -> Iterator[Finding]:
    for name in plain:
        if name not in known().names:
            path = f"ai_backend_{name}" if name.isidentifier() else "registry"
            yield Finding(path, "is not part of a registry", hint_for(name))


def _port_findings(parts: _Parts) -> list[Finding]:
    ports, doubts = parts.ports.value, parts.ports.doubts
    if ports is None:
        return []
    defaults = dict(Gateway.PORTS)
    # If it could not be read whether there is a cache, its port is not checked.
    if parts.cache.value is not None and parts.cache.value.enabled and not {(), ("enabled",)} & set(parts.cache.doubts):
        defaults |= Cache.PORTS
    if parts.webui.value is not None and parts.webui.value.enabled and parts.webui.sure:
        defaults |= WebUI.PORTS
    if parts.monitoring.value is not None and parts.monitoring.sure:
        defaults |= parts.monitoring.value.ports
    found = check_provider_ports(parts.entries or {}, ports, defaults, doubts)
    return [*check_ports(ports, defaults, doubts), *found]


def _routes(parts: _Parts) -> tuple[Routes, Iterable[Finding]]:
    entries = parts.entries
    if parts.routing.value is None or entries is None:
        return Routes({}, ()), ()
    usable = {name: entry.provider for name, entry in entries.items() if entry.provider and entry.answers_known}
    unread = {name: entry.models for name, entry in entries.items() if name not in usable}
    may_lack = any(entry.more_models for name, entry in entries.items() if name in unread)
    doubts = unknown_of(parts.routing.doubts, unread, may_lack)
    return resolve(usable, parts.routing.value, doubts, parts.where)


def _of_clients(
    parts: _Parts, providers: Mapping[str, Provider], routes: Routes, present: Mapping[str, bool]
) -> Iterator[Finding]:
    """What clients need of the other parts, as far as those could be read."""
    clients, cache = parts.clients, parts.cache
    if parts.routes_known(len(providers)):
        yield from unanswered(clients.sound, routes, providers)
    if cache.value is not None and cache.sure:
        yield from uncounted(clients.sound, cache.value.enabled)
    declared = dict.fromkeys(clients.names, Client())
    names = with_own_clients(parts.webui.value, parts.monitoring.value, declared) if clients.sure else None
    extra = parts.gateway.value.litellm.extra.get("mcp_servers", {}) if parts.gateway.value is not None else {}
    yield from check_mcp_servers(parts.mcp_servers, names, present, extra)
    known = routes if parts.routes_known(len(providers)) else None
    yield from check_monitoring(parts.monitoring, present)
    yield from check_webui(parts.webui, parts.gateway, clients.sound, known)
    yield from logged(clients.sound)
    yield from unused_keys(clients, present)
