#!/usr/bin/env python3
# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write Grafana's dashboards, roles/grafana/files/dashboards/*.json, from the files in tests/tools/dashboards/.

With --check it writes nothing; the exit code is 1 if a file is not up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders import dashboard, logs, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

ROOT = Path(__file__).resolve().parents[2]
SOURCES, FILES = ROOT / "tests/tools/dashboards", ROOT / "roles/grafana/files/dashboards"
KINDS: dict[str, Any] = {"timeseries": timeseries.Panel, "stat": stat.Panel, "logs": logs.Panel}
WIDTH, HEIGHTS = 24, {"stat": 5, "timeseries": 8, "logs": 10}
DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
LOGS = models.DataSourceRef(type_val="loki", uid="${logs}")
# A variable of each dashboard: what it chooses among.
VARIABLES = {
    "host": "label_values(up, host)",
    "model": "label_values(ai_backend_requests_total, model)",
    "provider": "label_values(ai_backend_provider_calls_total, provider)",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on drift")
    check = parser.parse_args().check
    wanted = {FILES / f"{path.stem[2:]}.json": text_of(path) for path in sorted(SOURCES.glob("*.yml"))}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    left = [path for path in FILES.glob("*.json") if path not in wanted]
    for path in [*stale, *left]:
        print(f"{path.relative_to(ROOT)} is not up to date" if check else f"wrote {path.relative_to(ROOT)}")
        if not check and path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        elif not check:
            path.unlink()
    return 1 if check and (stale or left) else 0


def text_of(path: Path) -> str:
    """The JSON of one dashboard."""
    source = yaml.safe_load(path.read_text(encoding="utf-8"))
    board = (
        dashboard.Dashboard(f"AI backend: {source['title']}")
        .uid(f"ai-backend-{path.stem[2:]}")
        .description(source["about"])
        .tags(["ai-backend"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .readonly()
    )
    for variable in variables(source):
        board = board.with_variable(variable)
    for panel in panels(source):
        board = board.with_panel(panel)
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def variables(source: dict[str, Any]) -> list[Any]:
    """Where the data is, and those of VARIABLES that a panel uses."""
    used = json.dumps(source)
    found: list[Any] = [dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")]
    if source.get("source") == "loki":
        found.append(dashboard.DatasourceVariable("logs").label("Loki").type("loki"))
    for name, query in VARIABLES.items():
        if f"${name}" in used:
            found.append(
                dashboard.QueryVariable(name)
                .label(name.capitalize())
                .datasource(DATASOURCE)
                .query(query)
                .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
                .sort(models.VariableSort.ALPHABETICAL_ASC)
                .multi(True)
                .include_all(True)
                .all_value(".*")
                .current(models.VariableOption(selected=True, text="All", value="$__all"))
            )
    return found


def panels(source: dict[str, Any]) -> list[Any]:
    """The panels, from left to right and from the top to the bottom."""
    found, x, y, row = [], 0, 0, 0
    for number, each in enumerate(source["panels"], start=1):
        kind = each.get("kind", "timeseries")
        width, height = each["width"], each.get("height", HEIGHTS[kind])
        if x + width > WIDTH:
            x, y, row = 0, y + row, 0
        panel = panel_of(each, kind, source.get("source", ""))
        found.append(panel.id(number).grid_pos(models.GridPos(h=height, w=width, x=x, y=y)))
        x, row = x + width, max(row, height)
    return found


def panel_of(each: dict[str, Any], kind: str, source: str) -> Any:
    """One panel with its queries, which are named A, B, …"""
    panel = KINDS[kind]().title(each["title"]).description(each["about"])
    panel = panel.datasource(LOGS if source == "loki" else DATASOURCE)
    if "unit" in each:
        panel = panel.unit(each["unit"])
    if kind == "timeseries":
        panel = panel.fill_opacity(10).min(0).show_points(common.VisibilityMode.NEVER)
    for number, (legend, expression) in enumerate(each["show"].items()):
        query = prometheus.Dataquery().expr(expression).legend_format(str(legend)).ref_id("ABCDEFGH"[number])
        panel = panel.with_target(query.instant() if kind == "stat" else query)
    return panel


if __name__ == "__main__":
    sys.exit(main())
