# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prometheus' rules: recordings, and the alerts of all areas."""

from __future__ import annotations

from typing import Any

from ..data.yaml_writer import to_yaml
from ..schema.alerts import Alerts
from .alert import alerts_of
from .objectives import recordings


def rules_of(limits: Alerts) -> str:
    """The text of the rule file."""
    groups: list[dict[str, Any]] = [{"name": "objectives", "rules": recordings()}]
    groups += [
        {"name": area, "rules": [alert.rule(area) for alert in alerts]} for area, alerts in alerts_of(limits).items()
    ]
    return to_yaml({"groups": groups})
