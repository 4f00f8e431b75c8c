# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prometheus: measures everything, on the host of monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...data.row import Row
from ...monitoring.prometheus import prometheus_config
from ...monitoring.rules import rules_of
from ...schema.secrets import ENGINE_KEY
from ..watched import ENGINE_KEY_FILE, LOOPBACK, targets_of

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "monitoring"
NAME = "prometheus"


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on its host."""
    settings, port = fleet.registry.monitoring, fleet.registry.all_ports
    if host != fleet.place.monitoring or not settings.prometheus.managed:
        return []
    alertmanager = f"{LOOPBACK}:{port['alertmanager']}"
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.prometheus",
            "stage": STAGE,
            "ports": {NAME: port[NAME]},
            "slots": [],
            "secrets": {f"{NAME}-{ENGINE_KEY_FILE}": {"key": ENGINE_KEY}},
            "publish": None,
            "config": {
                "config": prometheus_config(
                    settings.prometheus, targets_of(fleet), alertmanager, settings.alerts.rule_files
                ),
                "rules": rules_of(settings.alerts),
                "retention_days": settings.prometheus.retention_days,
                "retention_size": settings.prometheus.retention_size,
            },
        }
    ]
