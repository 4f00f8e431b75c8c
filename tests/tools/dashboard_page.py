"""A dashboard as one page with the live data of a Prometheus, for people to look at where Grafana can't be had.

Panels stand where Grafana puts them, and the library that Grafana draws with (uPlot) draws the curves. Choosing hosts,
zooming and links are Grafana's alone.
"""

from __future__ import annotations

import html
import json
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

# What stands for one path of Prometheus' interface: its `data`.
Ask = Callable[[str], Any]
SCRIPT = pathlib.Path(__file__).with_name("dashboard_page.js")
# Looks of Prometheus are 15 s apart.
STEP = 15


def filled(expression: str) -> str:
    """With Grafana's variables filled in: everything, and intervals of four looks."""
    found = expression.replace("$__rate_interval", "1m").replace("$__interval", "1m")
    return re.sub(r"\$\{?(host|model|provider)\}?", ".*", found)


def page(board: Mapping[str, Any], ask: Ask, end: float, minutes: int, uplot: pathlib.Path) -> str:
    """The page of a dashboard. end: seconds since 1970; uplot: the folder of the package."""
    panels = [drawn(panel, ask, end, minutes) for panel in board["panels"]]
    # A closing tag in a label must not end the script.
    data = json.dumps(panels).replace("</", "<\\/")
    style = (uplot / "dist/uPlot.min.css").read_text()
    script = (uplot / "dist/uPlot.iife.min.js").read_text()
    title = html.escape(str(board["title"]))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{style}</style>"
        f"<body><script>{script}</script><script>const TITLE = {json.dumps(title)}, PANELS = {data};</script>"
        f"<script>{SCRIPT.read_text()}</script>"
    )


def drawn(panel: Mapping[str, Any], ask: Ask, end: float, minutes: int) -> dict[str, Any]:
    """{title, kind, unit, place, series: [{name, times, values}]} of one panel."""
    found = {
        "title": panel["title"],
        "kind": panel["type"],
        "unit": panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short"),
        "place": panel["gridPos"],
        "series": [],
    }
    if panel["datasource"]["type"] != "prometheus":
        return {**found, "note": "lines out of Loki"}
    for target in panel["targets"]:
        legend, expression = target.get("legendFormat", ""), filled(target["expr"])
        if panel["type"] == "stat":
            answer = ask(f"/api/v1/query?{urlencode({'query': expression, 'time': end})}")["result"]
            answer = [{"metric": one["metric"], "values": [one["value"]]} for one in answer]
        else:
            span = {"query": expression, "start": end - 60 * minutes, "end": end, "step": STEP}
            answer = ask(f"/api/v1/query_range?{urlencode(span)}")["result"]
        for one in answer:
            times, values = zip(*((at, _number(value)) for at, value in one["values"]), strict=True)
            found["series"].append({"name": named(legend, one["metric"]), "times": times, "values": values})
    return found


def named(legend: str, labels: Mapping[str, str]) -> str:
    """The legend with its labels filled in, as Grafana does it."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend) or str(dict(labels))


def _number(text: str) -> float | None:
    """JSON has no NaN."""
    return None if text in ("NaN", "+Inf", "-Inf") else float(text)
