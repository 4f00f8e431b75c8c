# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/registry.schema.json, as an editor reads it: it takes every example, and says no where an editor should."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "docs" / "registry.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
EXAMPLES = [
    *sorted((ROOT / "group_vars" / "all").glob("*.yml")),
    *sorted((ROOT / "inventory").glob("*/group_vars/all/*.yml")),
    *sorted((ROOT / "tests" / "faults" / "valid").glob("*.yml")),
]
# A link is opened where it leads.
WIRED = [path for path in EXAMPLES if "faults" not in path.parts and not path.is_symlink()]
BLOCK = re.compile(r"^```yaml\n(ai_backend_\w+:\n.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(yaml.safe_load(block), id=f"{page.name}-{number}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for number, block in enumerate(BLOCK.findall(page.read_text()))
]


def wrong(data: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(data)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_is_taken(path: pathlib.Path) -> None:
    assert wrong(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("data", BLOCKS)
def test_every_block_of_the_documents_is_taken(data: Any) -> None:
    assert wrong(data) == []


@pytest.mark.parametrize("path", WIRED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_names_the_schema_for_editors(path: pathlib.Path) -> None:
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", path.read_text().splitlines()[0])
    assert found is not None
    assert (path.parent / found[1]).resolve() == SCHEMA


@pytest.mark.parametrize(
    "text",
    [
        "ai_backend_providers: {a: {type: olama, base_url: 'http://10.0.0.1:1'}}",
        "ai_backend_providers: {a: {type: ollama, base_ur: 'http://10.0.0.1:1'}}",
        "ai_backend_providers: {a: {type: ollama, status: on}}",
        "ai_backend_gateway: {workers: 0}",
        "ai_backend_gateway: {brekaer: {}}",
        "ai_backend_cache: {database: 16}",
        "ai_backend_ports: {services: {a: {port: 70000}}}",
        "ai_backend_routing: {exact_matches: {m: {fallback: x}}}",
        "ai_backend_routing: {exact_match: {}}",
    ],
)
def test_what_an_editor_can_see_is_refused(text: str) -> None:
    assert wrong(yaml.safe_load(text)) != []
