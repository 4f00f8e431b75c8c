# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who runs where, and how one host reaches another."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from ..data.plain import to_plain
from ..engines.models import LlamaCppModel, model_file
from ..engines.providers import LlamaCpp
from ..findings.findings import Finding, RegistryError, suggest
from ..findings.paths import join
from ..registry.registry import Registry
from ..routing.routes import providers_of
from ..schema.base import host_port, is_loopback, parse_address
from ..schema.ports import GATEWAY, PRIVILEGED

LOOPBACK = "127.0.0.1"
# Where a gateway's own edge offers it the engines of its host: their ports, on a loopback address of their own. So that
# every way to an engine leads through an edge, which can take it out of rotation.
EDGE_LOOPBACK = "127.0.0.2"


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
