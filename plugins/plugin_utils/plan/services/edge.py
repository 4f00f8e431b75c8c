# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge: the only managed process that other hosts can reach. It serves the gateway and the published services."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ....module_utils.host.layout import Layout, slot_instance
from ...data.row import Publish, Row, listens
from ...engines.site import EDGE_LOOPBACK
from ...schema.base import host_port
from ...schema.gateway import Gateway
from ...schema.ports import FLEET, GATEWAY
from ...schema.secrets import FLEET_IDENTITY
from ..fleet_identity import server_name
from ..watched import LOOPBACK

if TYPE_CHECKING:
    from ..fleet import Fleet

# {kind, name, mode, addresses, port, allow, retries, quiet}; a `service` has {instance, to} besides, a `relay` {host,
# to, server_name}, the `fleet` its services. `to` is where it listens, as HAProxy writes it. quiet: whether only
# failures are logged.
Section: TypeAlias = "dict[str, Any]"

STAGE = "edge"
NAME = "edge"
LOOPBACKS = "127.0.0.0/8"
# The name of the edge's own measurements between hosts.
METRICS = "edge-metrics"
# Attempts to reach the edge of another host, which does not restart. One that is gone costs two seconds each.
FAR_RETRIES = 3
# Read again at each reload, as systemd does it with an environment file.
IDENTITY_FILE = "fleet.identity"
# What clients of other machines reach of LiteLLM, with and without /v1; a slash at the end stands for all below it. The
# rest of it is for operators, among it `/health`, which asks every deployment.
OFFERED = (
    "/audio/",
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/images/",
    "/mcp",
    "/mcp/",
    "/messages",
    "/messages/count_tokens",
    "/models",
    "/models/",
    "/moderations",
    "/rerank",
    "/responses",
    "/responses/",
)
# The same without a key.
HEALTH = ("/health/liveliness", "/health/liveness", "/health/readiness")


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on every host that runs anything."""
    if not there:
        return []
    slotted = [row for row in there if row["slots"]]
    port = fleet.registry.port_of(GATEWAY) or 0
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.edge",
            "stage": STAGE,
            "ports": {NAME: port} if slotted else {},
            "slots": [],
            "secrets": _secrets(fleet, host),
            "publish": None,
            "config": {
                "gateway": _gateway(fleet, slotted[0], port) if slotted else None,
                "pages": _pages(fleet, there) if slotted else [],
                "metrics": _metrics(fleet),
                "published": [*_near(fleet, host, there), *_fleet(fleet, host), *_relays(fleet, host)],
            },
        }
    ]


def _gateway(fleet: Fleet, row: Row, port: int) -> dict[str, Any]:
    gateway = fleet.registry.gateway
    return {
        "bind": gateway.bind,
        "port": port,
        "host_header": gateway.host_header,
        "service": row["service"],
        "slots": {slot: listens(row, slot_instance(row["instance"], slot)) for slot in row["slots"]},
        "max_body_bytes": gateway.max_body_bytes,
        "requests_per_minute": gateway.requests_per_minute,
        "connections_per_address": gateway.connections_per_address,
        # A proxy has the connections of many clients.
        "unlimited": [*gateway.trusted_networks, *gateway.trusted_proxies],
        "trusted_proxies": list(gateway.trusted_proxies),
        "paths": _paths(gateway),
        "status_page": _status_page(fleet),
        "cors_origins": list(gateway.cors_origins),
        "expose_deployment": gateway.expose_deployment,
        "stream_timeout_seconds": gateway.stream_timeout_seconds,
        "tls_certificate": gateway.tls_certificate,
    }


def _pages(fleet: Fleet, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The pages for browsers that run next to the gateway: [section].

    They ask the gateway at a loopback address of the edge, which has no TLS and counts no requests of an address.
    """
    return [
        {
            "kind": "page",
            "name": row["instance"],
            "addresses": [fleet.registry.gateway.bind],
            "port": row["ports"][row["instance"]],
            "to": listens(row, row["instance"]),
            "inside": EDGE_LOOPBACK,
            **row["config"]["page"],
        }
        for row in rows
        if "page" in row["config"]
    ]


def _status_page(fleet: Fleet) -> str:
    """Where the page of the operator is, as HAProxy writes it; empty without monitoring."""
    return f"{LOOPBACK}:{fleet.registry.all_ports['exporter']}" if fleet.place.monitoring is not None else ""


def offered_paths() -> list[str]:
    """Paths for clients of other machines, without those that the registry adds."""
    return [version + path for version in ("", "/v1") for path in OFFERED]


def _paths(gateway: Gateway) -> dict[str, list[str]]:
    """Paths for clients of other machines: {health, exact, below, added_below}, the last two with a slash at the end.

    What the registry adds below a path is kept apart: whether a slash at the end counts there, only its owner knows.
    """
    offered = offered_paths()
    return {
        "health": [version + path for version in ("", "/v1") for path in HEALTH],
        "exact": [path for path in [*offered, *gateway.paths] if not path.endswith("/")],
        "below": [path for path in offered if path.endswith("/")],
        "added_below": [path for path in gateway.paths if path.endswith("/")],
    }


def _secrets(fleet: Fleet, host: str) -> dict[str, dict[str, str]]:
    """The identity of the fleet, where the edge speaks with others."""
    needed = host in fleet.abroad or bool(list(_used(fleet, host)))
    return {IDENTITY_FILE: {FLEET_IDENTITY: FLEET_IDENTITY}} if needed else {}


def _near(fleet: Fleet, host: str, rows: Sequence[Row]) -> Iterator[Section]:
    """A section for each service of this host that gateways use, sorted by name."""
    abroad = fleet.abroad.get(host, [])
    for row, publish, port in _offers(
        [row for row in rows if row in abroad or (row["publish"] and row["publish"]["here"])]
    ):
        yield {
            **_section("service", publish["name"], publish, [EDGE_LOOPBACK], port),
            "instance": row["instance"],
            "to": listens(row, row["instance"]),
            **({"paths": publish["paths"]} if "paths" in publish else {}),
            **_turns(row),
        }


def _turns(row: Row) -> dict[str, Any]:
    """What the edge must know of a service that is not always in memory.

    {turns: {group, peers: {provider: where it listens}, min_resident, max_wait, health}} of one that a request wakes:
    its own place is where a look is answered that must not wake it, written as HAProxy writes it. {loaded: {file,
    group, model, first: the instance of the group that is loaded without a choice}} of one that is loaded by hand.
    """
    wake = row.get("wake")
    if wake is None:
        return {}
    if not wake["on_request"]:
        named = {"group": wake["group"], "model": wake["models"][0], "first": wake["members"][0]}
        return {"loaded": {"file": Layout().loaded, **named}}
    turns = {
        "group": wake["group"],
        "peers": {instance.partition("@")[2]: f"unix@{Layout().socket(instance)}" for instance in wake["members"]},
        "min_resident": wake["min_resident"],
        "max_wait": wake["max_wait"],
        "health": wake["health"],
    }
    return {"turns": turns}


def _fleet(fleet: Fleet, host: str) -> Iterator[Section]:
    """The one section that other hosts reach, over TLS: their edges name the service that they want."""
    services: list[Section] = [
        {
            "server_name": server_name(publish["name"]),
            "address": EDGE_LOOPBACK,
            "port": port,
            "allow": sorted(fleet.place.address(user) for user in fleet.users(host, publish)),
            "quiet": _quiet(publish),
        }
        for publish, port in _offered_by(fleet, host)
    ]
    if services:
        yield {
            "kind": "fleet",
            "name": FLEET,
            "mode": "tcp",
            "addresses": [fleet.place.address(host)],
            "port": fleet.port,
            "allow": sorted({user for service in services for user in service["allow"]}),
            "retries": 0,
            "quiet": False,
            "services": services,
        }


def _relays(fleet: Fleet, host: str) -> Iterator[Section]:
    """A section for each service of another host that this one uses, sorted by host and name."""
    for other, publish, port in _used(fleet, host):
        name, there = f"{other}:{publish['name']}", [fleet.reach.relays[other]]
        yield {
            **_section("relay", name, publish, there, port),
            "retries": min(publish["retries"], FAR_RETRIES),
            "host": other,
            "to": host_port(fleet.place.address(other), fleet.port),
            "server_name": server_name(publish["name"]),
        }


def _used(fleet: Fleet, host: str) -> Iterator[tuple[str, Publish, int]]:
    """(other host, what it publishes, port) of all that this host uses elsewhere."""
    for other in sorted(fleet.abroad):
        offers = _offered_by(fleet, other)
        yield from ((other, publish, port) for publish, port in offers if host in fleet.users(other, publish))


def _metrics(fleet: Fleet) -> list[Section]:
    """Where HAProxy tells its own measurements, to this host alone: [section], none without monitoring."""
    port = _metrics_port(fleet)
    return [{"kind": "metrics", "name": METRICS, "addresses": [EDGE_LOOPBACK], "port": port}] if port else []


def _metrics_port(fleet: Fleet) -> int:
    """Where HAProxy tells its own measurements; 0 without monitoring."""
    return fleet.registry.all_ports["edge_metrics"] if fleet.place.monitoring is not None else 0


def _offered_by(fleet: Fleet, host: str) -> list[tuple[Publish, int]]:
    """(how it is published, port) of all that a host offers to others."""
    found = [(publish, port) for _row, publish, port in _offers(fleet.abroad.get(host, []))]
    if host != fleet.place.monitoring and (port := _metrics_port(fleet)):
        found.append(({"name": METRICS, "mode": "http", "here": False, "abroad": "monitoring", "retries": 0}, port))
    return found


def _offers(rows: Sequence[Row]) -> list[tuple[Row, Publish, int]]:
    """(service, how it is published, port), sorted by name."""
    found = [(row, row["publish"], port) for row in rows if row["publish"] for port in row["ports"].values()]
    return sorted(found, key=lambda offer: offer[1]["name"])


def _section(kind: str, name: str, publish: Publish, addresses: list[str], port: int) -> Section:
    """kind: `service` of this host, `relay` to one of another host, or `fleet`. allow: who may ask."""
    return {
        "kind": kind,
        "name": name,
        "mode": publish["mode"],
        "addresses": addresses,
        "port": port,
        "allow": [LOOPBACKS],
        "retries": publish["retries"],
        "quiet": _quiet(publish),
    }


def _quiet(publish: Publish) -> bool:
    """Whether it is asked all the time by what watches; a line for each line that is shipped would never end."""
    return publish["abroad"] in ("monitoring", "members")
