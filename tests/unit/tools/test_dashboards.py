# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Grafana's dashboards: up to date, and without what Grafana itself would only show as an empty panel."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from toolcache import ROOT

FILES = sorted((ROOT / "roles/grafana/files/dashboards").glob("*.json"))
DASHBOARDS = [pytest.param(json.loads(path.read_text()), id=path.stem) for path in FILES]


def test_there_are_six_and_the_overview_has_eleven_panels() -> None:
    assert len(FILES) == 6
    (overview,) = (json.loads(path.read_text()) for path in FILES if path.stem == "overview")
    assert len(overview["panels"]) == 11


@pytest.mark.parametrize("board", DASHBOARDS)
def test_panels_have_a_number_a_title_and_words_of_their_own(board: dict[str, Any]) -> None:
    panels = board["panels"]
    for key in ("id", "title"):
        assert len({panel[key] for panel in panels}) == len(panels)
    assert all(panel["description"] for panel in panels)
    assert all(panel["type"] == "logs" or panel["fieldConfig"]["defaults"]["unit"] for panel in panels)


@pytest.mark.parametrize("board", DASHBOARDS)
def test_panels_are_inside_the_page_and_none_is_over_another(board: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@pytest.mark.parametrize("board", DASHBOARDS)
def test_queries_have_names_and_ask_the_datasource_that_is_chosen(board: dict[str, Any]) -> None:
    for panel in board["panels"]:
        names = [target["refId"] for target in panel["targets"]]
        assert names and len(set(names)) == len(names)
        assert panel["datasource"]["uid"] in ("${datasource}", "${logs}")
    variables = {variable["name"] for variable in board["templating"]["list"]}
    assert "datasource" in variables


@pytest.mark.parametrize("board", DASHBOARDS)
def test_a_rate_over_the_time_of_the_panel_uses_the_interval_of_grafana(board: dict[str, Any]) -> None:
    for panel in board["panels"]:
        if panel["type"] == "timeseries" and panel["datasource"]["type"] == "prometheus":
            texts = [target["expr"] for target in panel["targets"] if "rate(" in target["expr"]]
            assert all("$__rate_interval" in text for text in texts), panel["title"]


@pytest.mark.parametrize("board", DASHBOARDS)
def test_every_variable_that_is_used_is_there(board: dict[str, Any]) -> None:
    variables = {variable["name"] for variable in board["templating"]["list"]}
    text = json.dumps(board["panels"])
    assert {name for name in ("host", "model", "provider") if f"${name}" in text} <= variables
