# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The generated part of docs/alerts.md: every alert with its limit, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.lab.ai_backend.plugins.plugin_utils.monitoring.alert import Alert, alerts_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.alerts import Alerts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def page() -> str:
    """The page with a new table; the text outside of the markers is written by hand."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{body()}\n{END}{rest.partition(END)[2]}"


def body() -> str:
    """A table of all alerts, and a section for each."""
    found = alerts_of(Alerts())
    rows = ["| Alert | Severity | Area | After |", "| --- | --- | --- | --- |"]
    rows += [
        f"| [{one.name}](#{one.name.lower()}) | {one.severity} | {area} | {one.lasts or 'at once'} |"
        for area, alerts in found.items()
        for one in alerts
    ]
    sections = [section(one) for alerts in found.values() for one in alerts]
    return "\n".join(rows) + "\n\n" + "\n".join(sections)


def section(alert: Alert) -> str:
    """Its heading is its name, to which the alert itself leads."""
    steps = "".join(f"{number}. {plain(step)}\n" for number, step in enumerate(alert.fix, start=1))
    return (
        f"### {alert.name}\n\n{plain(alert.summary)}. {plain(alert.means)}\n\n"
        f"```text\nlook: {plain(alert.look)}\nwhen: {alert.when}\n```\n\n{steps}"
    )


def plain(text: str) -> str:
    """A text without Prometheus' templates: `{{ $labels.host }}` is `HOST`."""
    return re.sub(r"{{ \$(?:labels\.)?(\w+)[^}]*}}", lambda found: found[1].upper(), text)
