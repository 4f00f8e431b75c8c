# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Alloy: ships the record of requests and the journal of its host to Loki."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....module_utils.host.layout import Layout
from ...data.row import Row
from ...schema.base import host_port
from ..watched import LOOPBACK
from .loki import PUSH

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "monitoring"
NAME = "alloy"


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on each host."""
    registry, monitoring = fleet.registry, fleet.place.monitoring
    if monitoring is None or not there or not registry.monitoring.loki.enabled:
        return []
    records = host in fleet.place.gateways and registry.monitoring.requests.enabled
    loki = host_port(LOOPBACK if host == monitoring else fleet.reach.relays[monitoring], registry.all_ports["loki"])
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.alloy",
            "stage": STAGE,
            "ports": {NAME: registry.all_ports["alloy"]},
            "slots": [],
            "secrets": {},
            "publish": {"name": NAME, "mode": "http", "here": False, "abroad": "monitoring", "retries": 0},
            "config": {"host": host, "record": Layout().records if records else "", "loki": f"http://{loki}{PUSH}"},
        }
    ]
