# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The addresses of each provider and of the cache for each gateway, and which hosts need an address for it.

What is managed on another host is asked through the gateway's own edge, which reaches the edge there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TypeAlias
from urllib.parse import urlsplit

from ..engines.site import EDGE_LOOPBACK
from ..findings.findings import Finding
from ..litellm.deployments import Endpoints
from ..routing.routes import Target
from ..schema.base import host_port, is_loopback, parse_address
from .placement import Placement

LOOPBACK = "127.0.0.1"
# Its addresses for the engines of other hosts, one for each host: engines of several hosts may have the same port.
RELAYS = IPv4Network("127.64.0.0/10")
# A host, and why other hosts need its address.
Need: TypeAlias = "tuple[str, str]"


@dataclass(frozen=True)
class Reach:
    """endpoints: {gateway: {provider: [(host, url)]}}. cache: {gateway: (address, port)}; empty without a cache.

    needs: the hosts whose addresses are needed, and why. relays: {host: the address for what is managed
    there, at the edges of other hosts}.
    """

    endpoints: Mapping[str, Endpoints]
    cache: Mapping[str, tuple[str, int]]
    needs: frozenset[Need]
    relays: Mapping[str, str]


def reach_of(place: Placement) -> Reach:
    """Compute all addresses once."""
    relays = relay_addresses(place.hosts)
    endpoints = {
        gateway: {name: list(_endpoints(place, name, gateway, relays)) for name in place.registry.providers}
        for gateway in place.gateways
    }
    port = place.registry.port_of(place.registry.cache.GROUP) or 0
    cache = {
        gateway: (EDGE_LOOPBACK if gateway == place.cache else relays[place.cache], port)
        for gateway in place.gateways
        if place.cache is not None
    }
    return Reach(endpoints, cache, frozenset(_needs(place)), relays)


def relay_addresses(hosts: Iterable[str]) -> dict[str, str]:
    """Host -> the loopback address at which the edge of a gateway offers what runs there.

    It follows from the host's name alone, so that a further host changes no other one's address; only of two names with
    the same number, the second one gets the next.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for host in sorted(hosts):
        number = int.from_bytes(hashlib.sha256(host.encode()).digest()[:4], "big")
        while (address := str(RELAYS[number % RELAYS.num_addresses])) in taken:
            number += 1
        taken.add(address)
        found[host] = address
    return found


def check_addresses(place: Placement, needs: Iterable[Need]) -> Iterator[Finding]:
    """A finding for each host that other hosts must reach, and that has no address, or only a local one."""
    for host, why in sorted(needs):
        given = place.addresses.get(host, "")
        address = parse_address(given)
        problem = ""
        if address is None:
            problem = "has no address" if not given else "has a name instead of an IP address"
        elif address.is_loopback() or not int(address):
            problem = "has only a local address"
        if problem:
            remedy = f"give '{host}' its IP address in the inventory: `ai_backend_address: 10.0.0.5`"
            yield Finding(f"inventory.{host}", f"{problem}, but {why}", remedy, check="references")


def _endpoints(place: Placement, name: str, gateway: str, relays: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(host, base URL) of a provider for a gateway, one for each host, sorted."""
    provider = place.registry.providers[name]
    if gateway in place.engines.get(name, ()) and provider.base_url is not None:
        yield gateway, f"http://{host_port(EDGE_LOOPBACK, place.port(name))}"
    elif provider.base_url is None and provider.hosts is None:
        # LiteLLM knows the address.
        yield name, ""
    elif provider.base_url is not None:
        there = urlsplit(provider.base_url).hostname or ""
        yield gateway if is_loopback(there) else there, provider.base_url
    else:
        for host in place.groups.get(provider.hosts or "", []):
            near, far = LOOPBACK, place.address(host)
            if name in place.engines:
                near, far = EDGE_LOOPBACK, relays[host]
            yield host, f"http://{host_port(near if host == gateway else far, place.port(name))}"


def _needs(place: Placement) -> Iterator[Need]:
    routed = _routed(place)
    for gateway in place.gateways:
        for name in sorted(routed):
            provider = place.registry.providers[name]
            hosts = place.groups.get(provider.hosts or "", []) if provider.base_url is None else []
            yield from ((host, f"gateway '{gateway}' uses '{name}' there") for host in hosts if host != gateway)
        if place.cache not in (gateway, None):
            yield str(place.cache), f"gateway '{gateway}' uses Redis there"


def _routed(place: Placement) -> set[str]:
    """Providers that a route uses; the others need no address."""
    groups = place.registry.routes.groups.values()
    steps = [target for group in groups for level in group.levels for target in level]
    steps += [step for group in groups for step in group.chain if isinstance(step, Target)]
    return {target.provider for target in steps} & set(place.registry.providers)
