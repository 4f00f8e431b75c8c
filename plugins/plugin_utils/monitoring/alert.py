# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The alerts, one file for each area in `alerts/`: when each fires, and what a tired person reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from ..schema.alerts import Alerts, Severity
from .objectives import burning

PAGE = "docs/alerts.md"
FILES = Path(__file__).parent / "alerts"
# In the order of the documents.
AREAS = ("gateway", "providers", "latency", "cache", "capacity", "hosts", "changes", "itself")


class Alert(BaseModel):
    """An entry of a file. Texts may hold `${limit}`, a limit of the registry, and Prometheus' `{{ $labels.name }}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """Its name, which is also its anchor in the documents."""
    severity: Severity
    """critical is for the night, warning is for the day, info is only shown."""
    when: str
    """PromQL that has a value while it is so."""
    lasts: str = ""
    """For how long it must be so, such as `2m`."""
    summary: str
    """What is wrong, in one line."""
    means: str
    """What that means for those who use the endpoint."""
    look: str
    """The command to look with."""
    fix: tuple[str, ...]
    """What to do, in order."""

    def rule(self, area: str) -> dict[str, Any]:
        """It as a rule of Prometheus, in the group of its area."""
        found: dict[str, Any] = {
            "alert": self.name,
            "expr": self.when,
            "labels": {"severity": self.severity, "area": area},
            "annotations": {
                "summary": self.summary,
                "description": self.means,
                "command": self.look,
                "runbook": f"{PAGE}#{self.name.lower()}",
            },
        }
        return {**found, **({"for": self.lasts} if self.lasts else {})}


def alerts_of(limits: Alerts) -> dict[str, list[Alert]]:
    """{area: its alerts} with the limits of the registry."""
    values = {name: f"{value:g}" for name, value in limits.model_dump().items() if isinstance(value, int | float)}
    return {area: list(_read(area, {**values, **burning(limits)})) for area in AREAS}


def _read(area: str, values: Mapping[str, str]) -> Iterator[Alert]:
    for entry in yaml.safe_load((FILES / f"{area}.yml").read_text(encoding="utf-8")):
        yield Alert(**{key: _filled(value, values) for key, value in entry.items()})


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """A text with its limits. `$labels` and `$value` are Prometheus', and stay."""
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    return Template(value).safe_substitute(values)
