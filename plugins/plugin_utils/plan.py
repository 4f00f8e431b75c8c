# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan: who runs what, where, with which config. See `make_plan` for its shape."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from . import litellm_config
from .base import host_port, is_loopback, parse_address
from .cache import DATABASES
from .findings import Finding, RegistryError, join, suggest
from .llama_cpp import CPU_THREADS, environment_of
from .models import LlamaCppModel
from .plain import to_plain
from .ports import GATEWAY, PRIVILEGED
from .providers import LlamaCpp, Provider
from .registry import Registry
from .routes import Target
from .secrets import missing
from .sections import (
    EDGE_LOOPBACK,
    companions,
    providers_of,
    published,
)
from .upstreams import upstreams

SCHEMA = 1
MODELS_DIRECTORY = "/var/lib/ai-backend/models"
LOOPBACK = "127.0.0.1"
_EXTRA = "ai_backend_gateway.litellm.extra"


class Placement:
    """Where everything runs, and how one host reaches another.

    groups: inventory group -> hosts. addresses: host -> IP address, or empty when the inventory gives none.
    """

    def __init__(
        self, registry: Registry, groups: object, addresses: object, unsure: frozenset[str] = frozenset()
    ) -> None:
        self.registry = registry
        self.unsure = unsure
        self.findings: list[Finding] = []
        self.groups = _groups(groups)
        self.addresses = _addresses(addresses)
        self.gateways = self._hosts("gateway", "inventory", "the gateway runs on it")
        self.redis = self._redis_host()
        self.engines = self._engines()
        if not self.unsure & {"ports", "providers"}:
            self._check_instances()

    @cached_property
    def answering(self) -> dict[str, set[str]]:
        """Name -> every provider that may answer to it."""
        return {name: providers_of(self.registry.routes, name) for name in self.registry.routes.groups}

    def _hosts(self, group: str, path: str, why: str) -> list[str]:
        hosts = self.groups.get(group, [])
        if not hosts:
            known = suggest(group, (name for name, members in self.groups.items() if members))
            hint = f" ({known})" if known.startswith("did") else ""
            problem = f"the inventory group '{group}' has no host, but {why}"
            full = f"ai_backend_{group}" if path == "inventory" else group
            self.findings.append(
                Finding(path, problem, f"add a host to '{full}' in the inventory{hint}", check="references")
            )
        return hosts

    def _redis_host(self) -> str | None:
        if not self.registry.cache.enabled or "cache" in self.unsure:
            return None
        hosts = self._hosts("redis", "inventory", "the cache runs on it (or write ai_backend_cache.enabled: false)")
        if len(hosts) > 1:
            problem = f"the inventory group 'redis' has {len(hosts)} hosts, and the gateways share one cache"
            self.findings.append(Finding("inventory", problem, "leave one host in 'redis'", check="references"))
        return hosts[0] if hosts else None

    def _engines(self) -> dict[str, list[str]]:
        """Managed, active provider -> the hosts it runs on."""
        engines: dict[str, list[str]] = {}
        for name, provider in self.registry.providers.items():
            if not provider.active:
                continue
            path = join("ai_backend_providers", name)
            hosts = self.gateways
            if provider.hosts is not None:
                hosts = self._hosts(provider.hosts, join(path, "hosts"), f"'{name}' runs on it")
            if not provider.is_managed:
                continue
            if not (isinstance(provider, LlamaCpp) and provider.server == "native"):
                kind = "llama_cpp with `server: python`" if isinstance(provider, LlamaCpp) else provider.type
                remedy = "write `managed: false` if it runs there already, or `status: inactive`"
                self.findings.append(Finding(path, f"this version does not install {kind} yet", remedy))
                continue
            engines[name] = hosts
        return engines

    def _check_instances(self) -> None:
        """Each host's ports are distinct, and one model file has one source."""
        ports = self.registry.ports
        for host in self.members:
            taken: dict[int, str] = {}
            for service in self._services(host):
                port = self.port(service) or ports.port_of(service)
                if port is not None and port < PRIVILEGED and service != GATEWAY:
                    problem, remedy = f"'{service}' may not listen below {PRIVILEGED}", "take a higher port"
                    self.findings.append(Finding(self._port_path(service), problem, remedy, check="ports"))
                if port is not None and port in taken:
                    path = join("ai_backend_ports", "services", service)
                    problem = f"port {port} is also '{taken[port]}' on host '{host}'"
                    self.findings.append(Finding(path, problem, "give one of them another port", check="ports"))
                taken.setdefault(port or 0, service)
            files: dict[str, tuple[str, dict[str, Any]]] = {}
            for name in self.engines_on(host):
                model = model_file(self.model_of(name))
                other = files.setdefault(model["path"], (name, model["source"]))
                if other[1] != model["source"]:
                    path = join("ai_backend_providers", name, "models", 0)
                    problem = f"its file on host '{host}' is that of '{other[0]}', from another source"
                    self.findings.append(Finding(path, problem, "give the models different names", check="names"))

    def check_addresses(self) -> None:
        """Ask for each address that the plan will need, so that all that are missing are said at once."""
        groups = self.registry.routes.groups.values()
        steps = [target for group in groups for level in group.levels for target in level]
        steps += [step for group in groups for step in group.chain if isinstance(step, Target)]
        for provider in sorted({target.provider for target in steps} & set(self.registry.providers)):
            for gateway in self.gateways:
                self.endpoints(provider, gateway)
        for gateway in self.gateways:
            self.redis_address(gateway)
        for host in self.members:
            list(published(self, host))

    def _services(self, host: str) -> list[str]:
        services = ["litellm_gateway", "litellm_blue", "litellm_green"] if host in self.gateways else []
        return services + (["redis"] if host == self.redis else []) + self.engines_on(host)

    @property
    def members(self) -> list[str]:
        """Hosts that run something of ours, sorted."""
        engines = {host for hosts in self.engines.values() for host in hosts}
        return sorted({*self.gateways, *engines, *([self.redis] if self.redis else [])})

    def engines_on(self, host: str) -> list[str]:
        """Managed providers that run on a host, sorted."""
        return sorted(name for name, hosts in self.engines.items() if host in hosts)

    def model_of(self, provider: str) -> LlamaCppModel:
        """The one model of a managed llama.cpp."""
        model = self.registry.providers[provider].entries[0]
        if not isinstance(model, LlamaCppModel):
            raise TypeError(f"{provider} is no engine of ours")
        return model

    def _port_path(self, service: str) -> str:
        """Where the port of a service is written."""
        provider = self.registry.providers.get(service)
        if provider is not None and provider.base_url is not None:
            return join("ai_backend_providers", service, "base_url")
        return join("ai_backend_ports", "services", service)

    def port(self, provider: str) -> int | None:
        """A provider's port: of its base_url, else of its ports entry."""
        entry = self.registry.providers.get(provider)
        if entry is None or entry.base_url is None:
            return self.registry.ports.port_of(provider)
        return urlsplit(entry.base_url).port

    def address(self, host: str, why: str) -> str:
        """The IP address other hosts reach a host by; a finding when there is none."""
        given = self.addresses.get(host, "")
        remedy = f"give '{host}' its IP address in the inventory: `ai_backend_address: 10.0.0.5`"
        address = parse_address(given)
        if address is None:
            problem = "has no address" if not given else "has a name instead of an IP address"
            self.findings.append(Finding(f"inventory.{host}", f"{problem}, but {why}", remedy, check="references"))
            return given
        if address.is_loopback() or not int(address):
            problem = f"has an address of its own only, but {why}"
            self.findings.append(Finding(f"inventory.{host}", problem, remedy, check="references"))
        return str(address)

    def endpoints(self, provider: str, gateway: str) -> list[tuple[str, str]]:
        """(host, base URL) of a provider as seen from a gateway, one for each host, sorted."""
        entry = self.registry.providers[provider]
        if gateway in self.engines.get(provider, ()) and entry.base_url is not None:
            return [(gateway, f"http://{host_port(EDGE_LOOPBACK, self.port(provider) or 0)}")]
        if entry.base_url is not None:
            parts = urlsplit(entry.base_url)
            here = is_loopback(parts.hostname or "")
            return [(gateway if here else parts.hostname or "", entry.base_url)]
        port = self.registry.ports.port_of(provider) or 0
        result = []
        for host in self.groups.get(entry.hosts or "", []):
            own = EDGE_LOOPBACK if provider in self.engines else LOOPBACK
            near = own if host == gateway else self.address(host, f"gateway '{gateway}' asks '{provider}' there")
            result.append((host, f"http://{host_port(near, port)}"))
        return result

    def redis_address(self, gateway: str) -> str | None:
        """host:port of Redis as seen from a gateway."""
        if self.redis is None:
            return None
        near = LOOPBACK if self.redis == gateway else self.address(self.redis, f"gateway '{gateway}' asks Redis there")
        return f"{near}:{self.registry.ports.port_of('redis')}"


def make_plan(registry: Registry, groups: object, addresses: object) -> dict[str, Any]:
    """Return the plan as plain data.

    {schema, registry_hash, warnings: [str], models: [str], members: [host], providers: [row], ports: [row],
     hosts: {host: {address, redis, llama_cpp: [engine], litellm, edge: {gateway, published: [service]}, secrets:
     {file: {key: secret name}}, instances: [str], ports: {instance: port}, upstreams: [upstreams.py], cache: {host,
     address, port}}}}. All lists are sorted, all ports are ints, a slice a host does not need is None or empty.

    Raises RegistryError when the inventory does not carry the registry.
    """
    place = Placement(registry, groups, addresses)
    place.check_addresses()
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


def model_file(model: LlamaCppModel) -> dict[str, Any]:
    """{name, path, source}: where a model's GGUF file is on the host, and where it comes from."""
    path = f"{MODELS_DIRECTORY}/{re.sub(r'[^A-Za-z0-9._-]', '-', model.name).lstrip('.-')}.gguf"
    source: dict[str, Any] = {"kind": "path"}
    if model.source is not None:
        source = {"kind": model.source}
    elif model.url is not None:
        source = {"kind": "url", "url": model.url, "sha256": model.sha256 or ""}
    elif model.wheel is not None:
        source = {"kind": "wheel", "sha256": model.sha256 or "", "wheel": model.wheel.model_dump()}
    return {"name": model.name, "path": model.path or path, "source": source}


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


def _groups(raw: object) -> dict[str, list[str]]:
    plain = to_plain(raw)
    if not isinstance(plain, dict):
        raise RegistryError([Finding("groups", "is not a mapping of groups to hosts", "write `groups=groups`")])
    return {name: sorted({str(h) for h in hosts}) for name, hosts in plain.items() if isinstance(hosts, list)}


def _addresses(raw: object) -> dict[str, str]:
    plain = to_plain(raw)
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        remedy = "write `addresses={host: address}`"
        raise RegistryError([Finding("addresses", "is not a mapping of hosts to addresses", remedy)])
    return {host: "" if address is None else str(address).strip() for host, address in plain.items()}
