# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Grafana: shows what is measured, as a page of the edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....module_utils.host.layout import Layout
from ...data.row import Row
from ...schema.secrets import GRAFANA_PASSWORD

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "monitoring"
NAME = "grafana"
# What it measures; it asks nobody for a key there.
METRICS = "/metrics"


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on the host of monitoring."""
    registry = fleet.registry
    if host != fleet.place.monitoring or not registry.monitoring.grafana.enabled:
        return []
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.grafana",
            "stage": STAGE,
            "ports": {NAME: registry.all_ports["grafana"]},
            "sockets": {NAME: Layout().socket(NAME)},
            "slots": [],
            "secrets": {f"{NAME}-admin.key": {"key": GRAFANA_PASSWORD}},
            "publish": None,
            "config": {
                "page": {"max_body_bytes": 1048576, "requests_per_minute": 3000, "private": [METRICS]},
                "url": next(iter(registry.monitoring.grafana.urls), ""),
                "secure": bool(registry.gateway.tls_certificate),
                "prometheus": registry.all_ports["prometheus"],
                "loki": registry.all_ports["loki"] if registry.monitoring.loki.enabled else 0,
            },
        }
    ]
