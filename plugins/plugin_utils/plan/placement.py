# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which host runs what: the gateways, the cache and the managed engines on the hosts of an inventory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from ..data.plain import to_plain
from ..findings.findings import Finding, RegistryError, suggest
from ..findings.paths import join
from ..registry.registry import Registry
from ..routing.routes import providers_of
from ..schema import monitoring, webui
from ..schema.base import parse_address


@dataclass(frozen=True)
class Placement:
    """The hosts of all services.

    groups: inventory group -> hosts. addresses: host -> IP address from the inventory, or empty.
    engines: managed, active provider -> the hosts it runs on. cache, webui and
    monitoring: their hosts, or None without one.
    """

    registry: Registry
    groups: Mapping[str, list[str]]
    addresses: Mapping[str, str]
    gateways: list[str]
    cache: str | None
    webui: str | None
    monitoring: str | None
    engines: Mapping[str, list[str]]
    findings: tuple[Finding, ...]

    @property
    def hosts(self) -> list[str]:
        """Every host of the inventory that is in a group, sorted."""
        return sorted({host for hosts in self.groups.values() for host in hosts})

    @cached_property
    def answering(self) -> dict[str, set[str]]:
        """Name -> every provider that may answer to it."""
        return {name: providers_of(self.registry.routes, name) for name in self.registry.routes.groups}

    def engines_on(self, host: str) -> list[str]:
        """Managed providers that run on a host, sorted."""
        return sorted(name for name, hosts in self.engines.items() if host in hosts)

    @property
    def members(self) -> list[str]:
        """Hosts that run the gateway, the cache or an engine, sorted."""
        engines = {host for hosts in self.engines.values() for host in hosts}
        return sorted({*self.gateways, *engines, *([self.cache] if self.cache is not None else [])})

    def gateways_beside(self, host: str) -> list[str]:
        """The gateways on other hosts."""
        return [gateway for gateway in self.gateways if gateway != host]

    def port(self, provider: str) -> int:
        """A provider's port: from its base_url, else from its ports entry; 0 if neither has one."""
        base_url = self.registry.providers[provider].base_url
        found = self.registry.port_of(provider) if base_url is None else urlsplit(base_url).port
        return found or 0

    def address(self, host: str) -> str:
        """The IP address of a host for other hosts, if the inventory has one."""
        given = self.addresses.get(host, "")
        address = parse_address(given)
        return given if address is None else str(address)


def place(registry: Registry, groups: object, addresses: object, unsure: frozenset[str] = frozenset()) -> Placement:
    """Find a host for everything. `unsure` are the parts of the registry that could not be read completely."""
    findings: list[Finding] = []
    by_group = _groups(groups)
    gateways = _hosts(by_group, "gateway", "inventory", "the gateway runs on it", findings)
    return Placement(
        registry,
        by_group,
        _addresses(addresses),
        gateways,
        _cache(registry, by_group, unsure, findings),
        _webui(registry, by_group, gateways, unsure, findings),
        _monitoring(registry, by_group, gateways, unsure, findings),
        _engines(registry, by_group, gateways, findings),
        tuple(findings),
    )


def _hosts(groups: Mapping[str, list[str]], group: str, path: str, why: str, findings: list[Finding]) -> list[str]:
    hosts = groups.get(group, [])
    if not hosts:
        known = suggest(group, (name for name, members in groups.items() if members))
        hint = f" ({known})" if known.startswith("did") else ""
        problem = f"the inventory group '{group}' has no host, but {why}"
        full = f"ai_backend_{group}" if path == "inventory" else group
        findings.append(Finding(path, problem, f"add a host to '{full}' in the inventory{hint}", check="references"))
    return hosts


def _cache(
    registry: Registry, groups: Mapping[str, list[str]], unsure: frozenset[str], findings: list[Finding]
) -> str | None:
    if not registry.cache.enabled or "cache" in unsure:
        return None
    why = "the cache runs on it (or write ai_backend_cache.enabled: false)"
    hosts = _hosts(groups, registry.cache.GROUP, "inventory", why, findings)
    if len(hosts) > 1:
        group = registry.cache.GROUP
        problem = f"the inventory group '{group}' has {len(hosts)} hosts, and the gateways share one cache"
        findings.append(Finding("inventory", problem, f"keep one host in '{group}'", check="references"))
    return hosts[0] if hosts else None


def _webui(
    registry: Registry,
    groups: Mapping[str, list[str]],
    gateways: list[str],
    unsure: frozenset[str],
    findings: list[Finding],
) -> str | None:
    """The host of its group, else the first gateway: its accounts and chats are in one place."""
    if not registry.webui.enabled or "webui" in unsure:
        return None
    why = "Open WebUI's accounts are on one"
    return _on_a_gateway(groups, webui.GROUP, gateways, "Open WebUI asks", why, findings)


def _monitoring(
    registry: Registry,
    groups: Mapping[str, list[str]],
    gateways: list[str],
    unsure: frozenset[str],
    findings: list[Finding],
) -> str | None:
    """The host of its group, else the first gateway: its edge reaches what runs on the other hosts."""
    if not registry.monitoring.enabled or "monitoring" in unsure:
        return None
    why = "one Prometheus measures all of them"
    return _on_a_gateway(groups, monitoring.GROUP, gateways, "monitoring asks", why, findings)


def _on_a_gateway(
    groups: Mapping[str, list[str]], group: str, gateways: list[str], asks: str, why: str, findings: list[Finding]
) -> str | None:
    """The one host of a group, which must be a gateway; without the group, the first gateway."""
    hosts = groups.get(group) or gateways[:1]
    if len(hosts) > 1:
        problem = f"the inventory group '{group}' has {len(hosts)} hosts, and {why}"
        findings.append(Finding("inventory", problem, f"keep one host in '{group}'", check="references"))
    elif hosts and hosts[0] not in gateways:
        problem = f"'{hosts[0]}' in the inventory group '{group}' is not a gateway, and {asks} the one of its host"
        findings.append(Finding("inventory", problem, f"put a host of 'gateway' into '{group}'", check="references"))
    return hosts[0] if hosts else None


def _engines(
    registry: Registry, groups: Mapping[str, list[str]], gateways: list[str], findings: list[Finding]
) -> dict[str, list[str]]:
    engines: dict[str, list[str]] = {}
    for name, provider in registry.providers.items():
        if not provider.active:
            continue
        path = join("ai_backend_providers", name)
        hosts = gateways
        if provider.hosts is not None:
            hosts = _hosts(groups, provider.hosts, join(path, "hosts"), f"'{name}' runs on it", findings)
        if not provider.is_managed:
            continue
        if not provider.installable:
            remedy = "write `managed: false` if it already runs there, or `status: inactive`"
            findings.append(Finding(path, f"this version does not install {provider.kind} yet", remedy))
            continue
        engines[name] = hosts
    return engines


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
