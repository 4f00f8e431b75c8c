"""What the documents show is what the library takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries
from pages import Block, every_block
from toolcache import ROOT

SNIPPETS = [block for block in every_block() if block.language == "yaml"]
# What the environment or a vault would give.
GIVEN = re.compile(r"\{\{ lookup\('ansible\.builtin\.env', .*?\) \}\}")
GROUPS = {
    "all": ["gpu1"],
    "gateway": ["gpu1"],
    "redis": ["gpu1"],
    "llama_cpp": ["gpu1"],
    "ollama": ["gpu1"],
    "vllm": ["gpu1"],
}
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


def merged(below: Any, above: Any) -> Any:
    """A snippet put into the files that ship: mappings are joined, all else is replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{name: merged(below.get(name), value) for name, value in above.items()}}


def shipped() -> dict[str, Any]:
    """All variables of the registry as it ships."""
    files = sorted((ROOT / "group_vars" / "all").glob("*.yml"))
    return {name: value for file in files for name, value in yaml.safe_load(given(file.read_text())).items()}


def given(text: str) -> str:
    return GIVEN.sub("given", text)


def role_variables() -> set[str]:
    """The names that roles take from the inventory."""
    declared = {
        name
        for file in ROOT.glob("roles/*/meta/argument_specs.yml")
        for spec in yaml.safe_load(file.read_text())["argument_specs"].values()
        for name in spec.get("options") or {}
    }
    tasks = [file.read_text() for file in ROOT.glob("roles/*/*/*.yml")]
    return declared | {name for text in tasks for name in re.findall(r"\b(ai_backend_\w+) \| default\(", text)}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.place)
def test_a_snippet_is_taken_as_it_stands(snippet: Block) -> None:
    variables = yaml.safe_load(given(snippet.text))
    registry = {name for name in variables if name in shipped()}
    assert set(variables) - registry <= role_variables()
    whole = merged(shipped(), {name: variables[name] for name in registry})
    # An entry that a reader writes takes the place of the shipped one.
    whole["ai_backend_providers"] |= variables.get("ai_backend_providers", {})
    plan = entries.plan({name.removeprefix("ai_backend_"): value for name, value in whole.items()}, GROUPS, {})
    assert plan["members"] == ["gpu1"]


def test_every_page_that_a_newcomer_follows_has_snippets() -> None:
    assert {snippet.page for snippet in SNIPPETS} >= {"README.md", "docs/quick-start.md", "docs/adding-providers.md"}
