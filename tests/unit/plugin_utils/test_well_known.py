# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clouds that are one row of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.remote.well_known import CLOUDS, WellKnown

Raw = dict[str, Any]


def test_the_table_and_the_types_are_the_same() -> None:
    assert get_args(WellKnown.model_fields["type"].annotation) == tuple(CLOUDS)


@pytest.mark.parametrize("kind", CLOUDS)
def test_a_cloud_needs_only_its_models(lab: Callable[..., Raw], litellm: Callable[..., Raw], kind: str) -> None:
    raw = lab()
    known = CLOUDS[kind]
    raw["providers"]["cloud"] = {"type": kind, "models": ["a/model"]}
    raw["secrets"] = {**raw.get("secrets", {}), known.env_var: "given"}
    (row,) = [row for row in litellm(raw)["model_list"] if row["model_name"] == "a/model"]
    params = row["litellm_params"]
    assert (params["model"], params["api_base"]) == (f"{known.prefix}/a/model", known.base_url)
    assert params["api_key"] == f"os.environ/{known.env_var}"


def test_its_key_is_asked_for(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab()
    raw["providers"]["cloud"] = {"type": "groq", "models": ["m"]}
    assert "GROQ_API_KEY" in wrong(raw)


def test_address_and_key_can_be_others(lab: Callable[..., Raw], litellm: Callable[..., Raw]) -> None:
    raw = lab()
    raw["providers"]["cloud"] = {
        "type": "mistral",
        "base_url": "https://proxy.example/mistral/v1",
        "env_var": "TEAM_KEY",
        "models": ["m"],
    }
    raw["secrets"] = {**raw.get("secrets", {}), "TEAM_KEY": "given"}
    (row,) = [row for row in litellm(raw)["model_list"] if row["model_name"] == "m"]
    assert row["litellm_params"]["api_base"] == "https://proxy.example/mistral/v1"
    assert row["litellm_params"]["api_key"] == "os.environ/TEAM_KEY"  # pragma: allowlist secret


def test_a_pattern_lists_no_models_that_nobody_declared(lab: Callable[..., Raw], litellm: Callable[..., Raw]) -> None:
    """For a wildcard, LiteLLM would list all models that it knows of the prefix."""
    raw = lab(routing={"patterns": {"groq-*": {"provider": "cloud"}}})
    raw["providers"]["cloud"] = {"type": "groq", "models": ["m"]}
    raw["secrets"] = {**raw.get("secrets", {}), "GROQ_API_KEY": "given"}  # pragma: allowlist secret
    (row,) = [row for row in litellm(raw)["model_list"] if row["model_name"] == "groq-*"]
    assert row["litellm_params"]["model"] == "hosted_vllm/groq-*"
