"""What the documents show is what the library takes."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries

ROOT = pathlib.Path(__file__).resolve().parents[3]
GROUPS = {"all": ["gpu1"], "gateway": ["gpu1"], "redis": ["gpu1"], "llama_cpp": ["gpu1"]}
WHOLE = re.compile(r"^```yaml\n(ai_backend_providers:\n.*?)^```", re.MULTILINE | re.DOTALL)


def whole_registries() -> list[tuple[str, dict[str, Any]]]:
    """(document, variables) of every YAML block that begins a registry."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [(page.name, yaml.safe_load(block)) for page in pages for block in WHOLE.findall(page.read_text())]


def test_the_readme_shows_a_registry() -> None:
    assert "README.md" in [name for name, _variables in whole_registries()]


@pytest.mark.parametrize(("page", "variables"), whole_registries())
def test_a_registry_in_a_document_plans_as_it_stands(page: str, variables: dict[str, Any]) -> None:
    shipped = yaml.safe_load((ROOT / "group_vars" / "all" / "ports.yml").read_text())
    variables = {**shipped, **variables}
    registry = {name.removeprefix("ai_backend_"): value for name, value in variables.items()}
    plan = entries.plan(registry, GROUPS, {})
    assert plan["members"] == ["gpu1"], page
    exact = variables.get("ai_backend_routing", {}).get("exact_matches", {})
    assert set(exact) <= set(plan["models"]), page
