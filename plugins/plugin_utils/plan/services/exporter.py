# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exporter of the collection: what requests and changes add up to, and what engines and cards tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ....module_utils.host.layout import Layout
from ...data.row import Row
from ...engines.asked import Asked
from ...schema.base import host_port
from ...schema.secrets import MASTER_KEY
from ..watched import LOOPBACK

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "monitoring"
NAME = "exporter"
# The operator's key, which opens the status page.
KEY_FILE = "exporter.key"


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on each host."""
    if fleet.place.monitoring is None or not there:
        return []
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.exporter",
            "stage": STAGE,
            "ports": {NAME: fleet.registry.all_ports[NAME]},
            "slots": [],
            "secrets": {KEY_FILE: {"key": MASTER_KEY}} if host in fleet.place.gateways else {},
            "publish": {"name": NAME, "mode": "http", "here": False, "abroad": "monitoring", "retries": 0},
            "config": {"watched": _watched(fleet, host)},
        }
    ]


def _watched(fleet: Fleet, host: str) -> dict[str, Any]:
    """{host, record: path, or empty without a gateway, models, providers: [name], first_token_seconds,
    engines: {kind: {provider: URL}} that are asked}."""
    registry, gateway = fleet.registry, host in fleet.place.gateways
    engines: dict[str, dict[str, str]] = {}
    for name in fleet.place.engines_on(host):
        provider = registry.providers[name]
        if isinstance(provider, Asked):
            engines.setdefault(provider.ASKED_AS, {})[name] = f"http://{host_port(LOOPBACK, fleet.place.port(name))}"
    return {
        "host": host,
        "record": Layout().records if gateway and registry.monitoring.requests.enabled else "",
        "models": registry.routes.names if gateway and fleet.sound else [],
        "providers": sorted(name for name, one in registry.providers.items() if one.active) if gateway else [],
        "first_token_seconds": registry.monitoring.alerts.first_token_seconds,
        "engines": engines,
    }
