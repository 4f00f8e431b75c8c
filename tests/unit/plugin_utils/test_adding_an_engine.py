# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/adding-an-engine.md: an engine is one file. Here it lies outside of the collection: nothing in it knows it."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines import catalog
from plans import config_of, rows

Raw = dict[str, Any]
PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "adding-an-engine.md"
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"], "echo": ["one"]}
ECHO = {"type": "echo", "hosts": "echo", "models": ["repeat"]}


@pytest.fixture
def raw(lab: Callable[..., Raw], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Raw:
    """The lab with a provider of the page's type."""
    found = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    (tmp_path / "echo.py").write_text(found[1])
    monkeypatch.setattr(catalog, "FOLDERS", (*catalog.FOLDERS, tmp_path))
    registry = lab(ports={"services": {"native": 8080, "shout": 8090}})
    registry["providers"]["shout"] = dict(ECHO)
    return registry


def test_it_is_planned_as_a_service(raw: Raw) -> None:
    plan = entries.plan(raw, GROUPS, None)
    (row,) = rows(plan, "one", "echo")
    assert row["ports"] == {"echo@shout": 8090}
    assert row["config"] == {"models": ["repeat"]}
    host = plan["hosts"]["one"]
    assert "echo@shout" in host["instances"]
    assert host["secrets"]["echo.env"] == {"ECHO_API_KEY": "AI_BACKEND_ENGINE_KEY"}
    assert [section["name"] for section in host["published"]] == ["native", "redis", "shout"]
    assert plan["tags"] == ["echo", "edge", "litellm", "llama_cpp", "redis"]
    (upstream,) = [row for row in host["upstreams"] if row["provider"] == "shout"]
    assert (upstream["health"], upstream["unit"]) == ("http://127.0.0.2:8090/health", "ai-backend-echo@shout.service")


def test_it_is_rendered_and_explained(raw: Raw) -> None:
    config = yaml.safe_load(config_of(entries.plan(raw, GROUPS, None), "one", "litellm")["config"])
    (deployment,) = [entry for entry in config["model_list"] if entry["model_name"] == "repeat"]
    assert deployment["litellm_params"]["api_base"] == "http://127.0.0.2:8090/v1"
    assert deployment["litellm_params"]["api_key"] == "os.environ/AI_BACKEND_ENGINE_KEY"
    assert entries.explain(raw, "repeat", GROUPS, None, ())["answers"] == "shout"


def test_its_mistakes_are_found(raw: Raw) -> None:
    raw["providers"]["shout"] |= {"modles": ["repeat"]}
    found = entries.validate(raw, GROUPS, None, None, None, lambda value: None)["lines"]
    assert any("ai_backend_providers.shout.modles" in line for line in found)


def test_without_its_file_it_is_no_type(lab: Callable[..., Raw]) -> None:
    registry = lab(ports={"services": {"native": 8080, "shout": 8090}})
    registry["providers"]["shout"] = dict(ECHO)
    found = entries.validate(registry, GROUPS, None, None, None, lambda value: None)["lines"]
    assert any("ai_backend_providers.shout.type: is not a known type" in line for line in found)
