# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Providers that LiteLLM knows and the collection has no type for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries
from plans import config_of, rows

Raw = dict[str, Any]
Lab = Callable[..., Raw]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}
BEDROCK = {
    "type": "litellm",
    "prefix": "bedrock",
    "parameters": {
        "aws_region_name": "eu-central-1",
        "aws_secret_access_key": "os.environ/AWS_SECRET",  # pragma: allowlist secret
    },
    "models": ["anthropic.claude"],
}


def with_provider(lab: Lab, routing: Raw | None = None, **provider: Any) -> Raw:
    raw = lab(**({"routing": routing} if routing else {}))
    raw["providers"]["far"] = provider
    raw["secrets"] = {
        **raw.get("secrets", {}),
        "AWS_SECRET": "given",  # pragma: allowlist secret
        "AZURE_API_KEY": "given",  # pragma: allowlist secret
    }
    return raw


def params_of(config: Raw, name: str) -> Raw:
    (row,) = [row for row in config["model_list"] if row["model_name"] == name]
    return {key: value for key, value in row["litellm_params"].items() if "timeout" not in key}


def test_one_whose_address_litellm_knows_needs_none_and_no_key(lab: Lab, litellm: Callable[..., Raw]) -> None:
    assert params_of(litellm(with_provider(lab, **BEDROCK)), "anthropic.claude") == {
        "aws_region_name": "eu-central-1",
        "aws_secret_access_key": "os.environ/AWS_SECRET",  # pragma: allowlist secret
        "model": "bedrock/anthropic.claude",
    }


def test_an_address_is_used_as_it_is_written(lab: Lab, litellm: Callable[..., Raw]) -> None:
    azure = {"prefix": "azure", "base_url": "https://x.openai.azure.com", "env_var": "AZURE_API_KEY", "models": ["g"]}
    raw = with_provider(lab, type="litellm", parameters={"api_version": "2024-10-21"}, **azure)
    assert params_of(litellm(raw), "g") == {
        "api_base": "https://x.openai.azure.com",
        "api_key": "os.environ/AZURE_API_KEY",  # pragma: allowlist secret
        "api_version": "2024-10-21",
        "model": "azure/g",
    }


@pytest.mark.parametrize(
    "place", [{"base_url": "http://10.0.0.1/v1"}, {"parameters": {"api_base": "http://10.0.0.1/v1"}}]
)
def test_no_other_providers_key_is_sent_to_an_address(lab: Lab, litellm: Callable[..., Raw], place: Raw) -> None:
    """Without a key, LiteLLM would send that of OpenAI from its environment."""
    raw = with_provider(lab, type="litellm", prefix="openai", models=["own"], **place)
    assert params_of(litellm(raw), "own")["api_key"] == "none"  # pragma: allowlist secret


def test_a_pattern_keeps_its_client(lab: Lab, litellm: Callable[..., Raw]) -> None:
    raw = with_provider(lab, {"patterns": {"amazon.*": {"provider": "far"}}}, **BEDROCK)
    assert params_of(litellm(raw), "amazon.*")["model"] == "bedrock/amazon.*"


def test_its_secrets_reach_the_gateway_and_it_is_asked_for_nothing(lab: Lab, planned: Callable[..., Raw]) -> None:
    plan = planned(with_provider(lab, **BEDROCK))
    (row,) = rows(plan, "one", "litellm")
    assert "AWS_SECRET" in row["secrets"]["litellm.env"]
    assert "far" not in [upstream["provider"] for upstream in config_of(plan, "one", "litellm")["upstreams"]]


def test_it_is_explained(lab: Lab) -> None:
    text = "\n".join(entries.explain(with_provider(lab, **BEDROCK), "anthropic.claude", GROUPS, None, ())["text"])
    assert "far (litellm) anthropic.claude at the address that LiteLLM knows" in text


def test_what_it_refers_to_must_have_a_value(lab: Lab, wrong: Callable[..., str]) -> None:
    raw = with_provider(lab, **BEDROCK)
    del raw["secrets"]["AWS_SECRET"]
    assert "AWS_SECRET" in wrong(raw)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prefix": "bedrok"}, "far.prefix: LiteLLM"),
        ({"prefix": "bedrok"}, "did you mean 'bedrock'?"),
        ({"parameters": {"aws_regoin_name": "x"}}, "did you mean 'aws_region_name'?"),
        ({"parameters": {"api_key": "os.environ/X"}}, "write `env_var`"),  # pragma: allowlist secret
        (
            {"parameters": {"aws_secret_access_key": "hunter2"}},  # pragma: allowlist secret
            "write `aws_secret_access_key: os.environ/SOME_NAME`",
        ),
        ({"parameters": {"rpm": 5}}, "write `rate_limits`"),
        ({"prefix": None}, "far.prefix"),
        ({"prefix": "ollama_chat", "parameters": {}}, "LiteLLM would start an Ollama itself → write `type: ollama`"),
        ({"hosts": "gpu"}, "hosts is not possible for this type"),
    ],
)
def test_its_mistakes_are_found(lab: Lab, change: Raw, words: str) -> None:
    provider = {key: value for key, value in {**BEDROCK, **change}.items() if value is not None}
    found = entries.validate(with_provider(lab, **provider), GROUPS, None, None, None, lambda value: None)["lines"]
    assert words in "\n".join(found)
