# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway's new config changes for clients, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.filter import filters as filter_module
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.changes import config_changes
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}


@pytest.fixture
def config(lab: Callable[..., Raw]) -> Callable[..., str]:
    """LiteLLM's config of the lab with other routing, or other parts."""

    def build(routing: Raw | None = None, **parts: Any) -> str:
        plan = make_plan(load(lab(routing=routing or {}, **parts)), GROUPS, None)
        text: str = config_of(plan, "one", "litellm")["config"]
        return text

    return build


def test_nothing_changes_when_the_text_is_the_same(config: Callable[..., str]) -> None:
    same = config_changes(config(), config())
    assert (same["lines"], same["diff"], same["removed"]) == ([], "", [])
    assert same == filter_module.config_changes(config(), config())


def test_routes_are_named_before_the_text(config: Callable[..., str]) -> None:
    old = {"exact_matches": {"fast": "native", "slow": "python"}, "fallback_chains": {"gguf": ["gpt-4o"]}}
    new = {"exact_matches": {"fast": "python", "more": "native"}, "fallback_chains": {"gguf": ["lab-tiny"]}}
    made = config_changes(config(old), config(new))
    assert made["lines"] == [
        "new: more",
        "gone: slow",
        "rerouted: fast: native/lab-tiny becomes python/gguf",
        "chain: gguf: openai/gpt-4o becomes native/lab-tiny",
    ]
    assert made["removed"] == ["slow"]
    assert made["diff"].startswith("--- serves now\n+++ would serve\n")


def test_where_only_settings_change_that_is_said(config: Callable[..., str]) -> None:
    made = config_changes(config(), config(gateway={"breaker": {"failures": 9}}))
    assert made["lines"] == ["no route changes; settings of the gateway do"]
    assert "+  allowed_fails: 8" in made["diff"]


def test_before_the_first_deploy_everything_is_new(config: Callable[..., str]) -> None:
    made = config_changes("", config())
    assert "new: lab-tiny" in made["lines"]
    assert made["removed"] == []


@pytest.mark.parametrize("old", ["model_list: [{}]", "[", "- x", "router_settings: 7", "model_list: [{model_name: a}]"])
def test_a_config_of_another_version_is_compared_as_text_alone(config: Callable[..., str], old: str) -> None:
    made = config_changes(old, config())
    assert made["routing"] is None
    problem = "the routing cannot be compared: the config that serves now was written by another version"
    assert made["lines"] == [problem]
    assert made["diff"]


def test_a_pool_shows_its_weights_and_strategy(config: Callable[..., str]) -> None:
    def pool(**more: Any) -> Raw:
        return {"load_balancing": {"both": {"providers": ["native", "python"], **more}}}

    made = config_changes(config(pool()), config(pool(strategy="least_loaded")))
    assert made["lines"] == [
        "rerouted: both: native/lab-tiny, python/gguf becomes native/lab-tiny, python/gguf, by least-busy"
    ]
