# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge: the only managed process that other hosts can reach. It serves the gateway and the published services."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ....module_utils.host.layout import slot_instance
from ...data.row import Row
from ...schema.gateway import Gateway
from ...schema.ports import GATEWAY
from ..reach import EDGE_LOOPBACK

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "edge"
NAME = "edge"
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
            "secrets": {},
            "publish": None,
            "config": {
                "gateway": _gateway(fleet, slotted[0], port) if slotted else None,
                "published": list(_published(fleet, host, there)),
            },
        }
    ]


def _gateway(fleet: Fleet, row: Row, port: int) -> dict[str, Any]:
    gateway = fleet.registry.gateway
    return {
        "bind": gateway.bind,
        "port": port,
        "host_header": gateway.host_header,
        "slots": {slot: "unix@" + row["sockets"][slot_instance(row["instance"], slot)] for slot in row["slots"]},
        "max_body_bytes": gateway.max_body_bytes,
        "requests_per_minute": gateway.requests_per_minute,
        "connections_per_address": gateway.connections_per_address,
        # A proxy has the connections of many clients.
        "unlimited": [*gateway.trusted_networks, *gateway.trusted_proxies],
        "trusted_proxies": list(gateway.trusted_proxies),
        "paths": _paths(gateway),
        "cors_origins": list(gateway.cors_origins),
        "expose_deployment": gateway.expose_deployment,
        "stream_timeout_seconds": gateway.stream_timeout_seconds,
        "tls_certificate": gateway.tls_certificate,
    }


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


def _published(fleet: Fleet, host: str, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """A section for each service that gateways use: {name, mode, addresses, port, allow, retries}, sorted by name."""
    found = [(row["publish"], port) for row in rows if row["publish"] is not None for port in row["ports"].values()]
    for publish, port in sorted(found, key=lambda pair: pair[0]["name"]):
        others = fleet.place.gateways_beside(host) if publish["abroad"] else []
        addresses = [EDGE_LOOPBACK] if publish["here"] else []
        addresses += [fleet.place.address(host)] if others else []
        if addresses:
            yield {
                "name": publish["name"],
                "mode": publish["mode"],
                "addresses": addresses,
                "port": port,
                "allow": [*sorted(map(fleet.place.address, others)), *(["127.0.0.0/8"] if publish["here"] else [])],
                "retries": publish["retries"],
            }
