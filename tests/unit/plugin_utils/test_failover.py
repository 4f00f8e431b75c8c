# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prompts longer than a model's context; `make contract` compares the same with the real LiteLLM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm.simulation import Router, asks, router_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.explain import explain
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.explain_lines import as_lines
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}
RULES = """
capabilities:
  long: {models: [gpt-4o, "llama3.1:8b", gguf], routing_strategy: context_based, fallback: claude-3}
"""


@pytest.fixture(scope="module")
def registry(lab: Callable[..., Raw]) -> Registry:
    raw = lab(routing=yaml.safe_load(RULES))
    raw["providers"]["ollama"]["models"][0]["context_length"] = 2048
    raw["providers"]["python"]["models"] = [{"name": "gguf", "context_length": 8192}]
    raw["providers"]["openai"]["models"] = [{"name": "gpt-4o", "context_length": 128000}]
    return load(raw)


def way(registry: Registry, model: str, tokens: int, *down: str) -> list[str]:
    return [ask["provider"] for ask in explain(fleet_of(registry, GROUPS, {}), model, down, tokens)["asked"]]


def test_the_first_that_the_prompt_fits_into_is_asked(registry: Registry) -> None:
    assert way(registry, "long", 2048) == ["ollama"]
    assert way(registry, "long", 2049) == ["python"]
    assert way(registry, "long", 8193) == ["openai"]


def test_what_fits_nowhere_goes_on_with_the_chain(registry: Registry) -> None:
    assert way(registry, "long", 128001) == ["anthropic"]


def test_a_failure_leads_to_longer_ones_only(registry: Registry) -> None:
    # LiteLLM begins with the levels above the first of the group, whichever it asked: that one is asked again.
    assert way(registry, "long", 2049, "python") == ["python", "python", "openai"]


def test_the_check_holds_for_every_name(registry: Registry) -> None:
    assert way(registry, "gguf", 8192) == ["python"]
    assert way(registry, "gguf", 8193) == []


def test_each_limit_is_told(registry: Registry) -> None:
    told = explain(fleet_of(registry, GROUPS, {}), "long")
    assert [(row["over"], row["answers"]) for row in told["when_long"]] == [
        (2048, "python"),
        (8192, "openai"),
        (128000, "anthropic"),
    ]
    assert "  prompt over 8192 tokens: asks openai/gpt-4o: openai answers" in as_lines(told)
    assert [row["deployments"][0]["max_input_tokens"] for row in told["levels"]] == [2048, 8192, 128000]


def test_nobody_looks_at_the_length_otherwise(routed: Callable[[str], Registry]) -> None:
    registry = routed("{}")
    assert explain(fleet_of(registry, GROUPS, {}), "gguf")["when_long"] == []
    assert way(registry, "gguf", 10**9) == ["python"]


def router(rows: list[tuple[str, str, int | None, int | None]], **settings: Any) -> Router:
    """A router of rows (group, deployment, order, limit)."""
    model_list = [
        {
            "model_name": group,
            "litellm_params": {"model": f"openai/{group}", **({"order": order} if order else {})},
            "model_info": {"id": f"{group}-{name}", "provider": name, "max_input_tokens": limit},
        }
        for group, name, order, limit in rows
    ]
    common = {"fallbacks": [], "max_fallbacks": 9, "allowed_fails": 9, "enable_weighted_failover": True}
    return router_of(
        {"model_list": model_list, "router_settings": {**common, "enable_pre_call_checks": True, **settings}}
    )


def asked(router: Router, model: str, *down: str) -> list[str]:
    return [ask.deployment.provider for ask in asks(router, model, down, lambda one_of: one_of[0], 11)]


def test_levels_a_prompt_does_not_fit_into_are_no_fallbacks() -> None:
    """They don't count towards the number of fallbacks a request may take."""
    rows = [("a", "one", 1, 10), ("a", "two", 2, 10), ("b", "three", None, None), ("c", "four", None, None)]
    chains = [{"a": ["b"]}, {"b": ["c"]}]
    assert asked(router(rows, fallbacks=chains, max_fallbacks=2), "a", "three") == ["three", "four"]


def test_the_breaker_hears_of_the_first_failure_at_once_and_of_later_ones_when_they_are_given_up() -> None:
    rows = [("a", "short", 1, 10), ("a", "one", 2, 99), ("a", "two", 2, 99), ("a", "three", 3, 99)]
    everybody = ("one", "two", "three")
    # With one failure it opens: `one` is out at once, `two` is not yet when `three` has failed too.
    assert asked(router(rows, allowed_fails=0), "a", *everybody) == ["one", "two", "three", "two"]


def test_a_prompt_that_fits_nowhere_is_the_first_failure() -> None:
    rows = [("a", "short", None, 10), ("b", "short", 1, 10), ("b", "one", 2, 99)]
    assert asked(router(rows, fallbacks=[{"a": ["b"]}], allowed_fails=0), "a", "one") == ["one", "one"]


def test_a_failure_that_was_given_up_keeps_its_deployment_from_being_asked_again() -> None:
    rows = [("a", "one", None, 99), ("a", "two", None, 99), ("b", "three", None, 99)]
    chains = [{"a": ["b"]}, {"b": ["a"]}]
    assert asked(router(rows, fallbacks=chains, allowed_fails=0), "a", "one", "two", "three") == ["one", "two", "three"]
