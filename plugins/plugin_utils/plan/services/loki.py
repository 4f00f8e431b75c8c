# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loki: keeps the lines of the record and of the journals of all hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...data.row import Row

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "monitoring"
NAME = "loki"
# Other hosts bring lines, and read none.
PUSH = "/loki/api/v1/push"


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on the host of monitoring."""
    registry = fleet.registry
    if host != fleet.place.monitoring or not registry.monitoring.loki.enabled:
        return []
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.loki",
            "stage": STAGE,
            "ports": {NAME: registry.all_ports["loki"]},
            "slots": [],
            "secrets": {},
            "publish": {
                "name": NAME,
                "mode": "http",
                "here": False,
                "abroad": "members",
                "retries": 0,
                "paths": [PUSH],
            },
            "config": {"retention_days": registry.monitoring.loki.retention_days},
        }
    ]
