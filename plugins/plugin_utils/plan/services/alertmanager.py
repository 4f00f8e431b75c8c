# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Alertmanager: tells people, from the host of monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...data.row import Row
from ...monitoring.alertmanager import alertmanager_config
from ...schema.alerts import secrets_of

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "monitoring"
NAME = "alertmanager"


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on its host."""
    settings = fleet.registry.monitoring
    if host != fleet.place.monitoring or not settings.prometheus.managed:
        return []
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.alertmanager",
            "stage": STAGE,
            "ports": {NAME: fleet.registry.all_ports[NAME]},
            "slots": [],
            "secrets": {
                f"{NAME}-{receiver}.key": {"key": secret} for receiver, secret in secrets_of(settings.receivers).items()
            },
            "publish": None,
            "config": {"config": alertmanager_config(settings.receivers)},
        }
    ]
