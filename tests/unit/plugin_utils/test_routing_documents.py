# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/routing.md and docs/model-selection-guide.md say what the library does."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.llama_cpp_model import LlamaCppModel
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema import strategies
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.capacity import GIB

DOCS = pathlib.Path(__file__).resolve().parents[3] / "docs"
ROUTING = (DOCS / "routing.md").read_text()
GUIDE = (DOCS / "model-selection-guide.md").read_text()
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
WHOLE, *PARTS = [yaml.safe_load(block) for page in (GUIDE, ROUTING) for block in BLOCK.findall(page)]
ROW = re.compile(r"^\| (\d+B) \| ([\d,]+) \| ([\d.]+) GiB \| ([\d.]+) GiB \| ([\d.]+) GiB \|$", re.MULTILINE)
WEIGHTS = re.compile(r"^\| ([A-Z0-9_]+)[^|]* \| ([\d.]+) \|(.*)\|$", re.MULTILINE)


def words_of(strategy: str) -> str:
    return ", ".join(f"`{word}`" for word, inner in strategies.WORDS.items() if inner == strategy)


@pytest.mark.parametrize("strategy", strategies.MECHANISMS)
def test_each_word_stands_beside_its_mechanism(strategy: strategies.Strategy) -> None:
    mechanism, after = strategies.MECHANISMS[strategy]
    assert f"| {words_of(strategy)} | {mechanism} | {after} |\n" in ROUTING


@pytest.mark.parametrize("word", strategies.REFUSED)
def test_each_refused_word_stands_beside_another(word: str) -> None:
    why, _arrow, instead = strategies.REFUSED[word].partition(" → ")
    assert f"| `{word}` | {why} | {instead} |\n" in ROUTING


def loaded(routing: dict[str, Any]) -> Registry:
    secrets = dict.fromkeys(WHOLE["ai_backend_secrets"], "given")
    return load({"providers": WHOLE["ai_backend_providers"], "routing": routing, "secrets": secrets})


def test_the_guide_begins_with_a_whole_registry() -> None:
    assert loaded(WHOLE["ai_backend_routing"]).warnings == ()
    assert len(PARTS) == 8


@pytest.mark.parametrize("part", PARTS, ids=lambda part: str(next(iter(part["ai_backend_routing"].values())))[:40])
def test_each_part_loads_beside_it_without_a_warning(part: dict[str, Any]) -> None:
    assert set(part) == {"ai_backend_routing"}
    registry = loaded({**WHOLE["ai_backend_routing"], **part["ai_backend_routing"]})
    assert registry.warnings == ()


def test_memory_is_what_the_check_counts() -> None:
    rows = ROW.findall(GUIDE)
    assert len(rows) == 5
    for size, context, weights, cache, together in rows:
        length = int(context.replace(",", ""))
        need = LlamaCppModel(name="m", size=size, quantization="Q4_K_M", context_length=length).need
        assert need is not None
        assert [f"{part / GIB:.1f}" for part in (need.weights, need.kv_cache, need.total)] == [weights, cache, together]


def test_weights_are_what_the_check_counts() -> None:
    rows = WEIGHTS.findall(GUIDE)
    assert [name for name, _bits, _sizes in rows] == ["F16", "Q8_0", "Q6_K", "Q4_K_M", "AWQ"]
    for name, bits, columns in rows:
        needs = [LlamaCppModel(name="m", size=size, quantization=name).need for size in ("8B", "14B", "32B", "70B")]
        assert [f" {need.weights / GIB:.1f} GiB " for need in needs if need] == columns.split("|")
        assert needs[0] is not None
        assert needs[0].weights == int(8e9 * float(bits) / 8)
