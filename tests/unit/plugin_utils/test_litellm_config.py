# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""LiteLLM's config: what was seen to work, and nothing that was not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.data.yaml_writer import to_yaml

Raw = dict[str, Any]
Config = Callable[..., Raw]
TWO = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one", "two"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}


def rows(config: Raw, name: str) -> list[Raw]:
    return [row["litellm_params"] for row in config["model_list"] if row["model_name"] == name]


def routing(text: str) -> Raw:
    data: Raw = yaml.safe_load(text)
    return data


@pytest.mark.parametrize(
    ("name", "model", "base", "key"),
    [
        ("lab-tiny", "openai/lab-tiny", "http://127.0.0.2:8080/v1", "os.environ/AI_BACKEND_ENGINE_KEY"),
        ("gguf", "openai/gguf", "http://127.0.0.1:8000/v1", "none"),
        ("llama3.1:8b", "ollama_chat/llama3.1:8b", "http://127.0.0.1:11434", "none"),
        ("Qwen/Coder-AWQ", "hosted_vllm/Qwen/Coder-AWQ", "http://10.0.0.9:8001/v1", "none"),
        ("gpt-4o", "openai/gpt-4o", "https://api.openai.com/v1", "os.environ/OPENAI_API_KEY"),
        ("claude-3", "anthropic/claude-3", "https://api.anthropic.com", "os.environ/ANTHROPIC_API_KEY"),
    ],
)
def test_each_engine_has_its_client_address_and_key(
    lab: Callable[..., Raw], litellm: Config, name: str, model: str, base: str, key: str
) -> None:
    (params,) = rows(litellm(lab()), name)
    assert (params["model"], params["api_base"], params["api_key"]) == (model, base, key)
    assert (params["timeout"], params["stream_timeout"]) == (600, 300)


def test_wildcards_bring_the_name_as_asked_and_list_no_foreign_names(lab: Callable[..., Raw], litellm: Config) -> None:
    patterns = "patterns: {'gpt-*': openai, 'llama*': ollama, 'org/*': ollama}\ndefault_provider: ollama"
    config = litellm(lab(routing=routing(patterns)))
    assert [row["model_name"] for row in config["model_list"]][-4:] == ["gpt-*", "llama*", "org/*", "*"]
    assert rows(config, "gpt-*")[0]["model"] == "hosted_vllm/gpt-*"
    assert rows(config, "llama*")[0]["model"] == "ollama_chat/llama*"
    assert rows(config, "org/*")[0]["model"] == "hosted_vllm/org/*"
    assert (rows(config, "*")[0]["model"], rows(config, "*")[0]["api_base"]) == (
        "hosted_vllm/*",
        "http://127.0.0.1:11434/v1",
    )


def test_a_chain_to_whole_groups_is_a_fallback(lab: Callable[..., Raw], litellm: Config) -> None:
    config = litellm(lab(routing=routing("fallback_chains: {gpt-4o: [native, claude-3]}")))
    assert config["router_settings"]["fallbacks"] == [{"gpt-4o": ["lab-tiny", "claude-3"]}]
    assert len(rows(config, "gpt-4o")) == 1
    assert "order" not in rows(config, "gpt-4o")[0]


def test_a_step_without_a_group_of_its_own_is_an_order(lab: Callable[..., Raw], litellm: Config) -> None:
    text = """
    exact_matches:
      gguf: {provider: native, fallback_chain: [python, claude-3]}
      x: {provider: vllm, fallback_chain: [claude-3, python]}
    """
    config = litellm(lab(routing=routing(text)))
    assert [(row["model"], row["order"]) for row in rows(config, "gguf")] == [
        ("openai/lab-tiny", 1),
        ("openai/gguf", 2),
    ]
    # LiteLLM tries orders before fallbacks, so what stands before an order has to be one.
    assert [row["model"] for row in rows(config, "x")] == [
        "hosted_vllm/Qwen/Coder-AWQ",
        "anthropic/claude-3",
        "openai/gguf",
    ]
    assert config["router_settings"]["fallbacks"] == [{"gguf": ["claude-3"]}]


def test_a_wildcards_chain_is_all_orders(lab: Callable[..., Raw], litellm: Config) -> None:
    text = "patterns: {'q*': {provider: ollama, fallback: [gguf, native]}}\nfallback_chains: {gguf: claude-3}"
    config = litellm(lab(routing=routing(text)))
    assert [row["model"] for row in rows(config, "q*")] == [
        "ollama_chat/q*",
        "openai/gguf",
        "anthropic/claude-3",
        "openai/lab-tiny",
    ]
    assert config["router_settings"]["fallbacks"] == [{"gguf": ["claude-3"]}]


def test_a_long_chain_raises_litellms_limit(lab: Callable[..., Raw], litellm: Config) -> None:
    chain = ["gguf", "claude-3", "gpt-4o", "gpt-4o-mini", "Qwen/Coder-AWQ", "llama3.1:8b"]
    config = litellm(lab(routing={"fallback_chains": {"lab-tiny": chain}}))
    assert config["router_settings"]["max_fallbacks"] == 7


def test_weights_are_whole_numbers_shared_by_the_hosts(lab: Callable[..., Raw], litellm: Config) -> None:
    pool = "load_balancing: {p: {strategy: weighted, providers: {native: 0.7, python: 0.3}}}"
    config = litellm(lab(routing=routing(pool)), TWO, ADDRESSES)
    assert [(row["api_base"], row["weight"]) for row in rows(config, "p")] == [
        ("http://127.0.0.2:8080/v1", 7),
        ("http://127.68.204.254:8080/v1", 7),
        ("http://127.0.0.1:8000/v1", 6),
    ]
    assert "weight" not in rows(config, "lab-tiny")[0]


def test_every_deployment_has_an_id_of_its_own(lab: Callable[..., Raw], litellm: Config) -> None:
    config = litellm(lab(routing={"default_provider": "native"}), TWO, ADDRESSES)
    ids = [row["model_info"]["id"] for row in config["model_list"]]
    assert len(set(ids)) == len(ids)
    assert "lab-tiny#1|native@two/lab-tiny" in ids


def test_another_strategy_is_a_group_of_the_models_own_name(lab: Callable[..., Raw], litellm: Config) -> None:
    text = """
    capabilities: {c: {strategy: least_loaded, models: [gguf, lab-tiny]}}
    patterns: {"q*": {provider: cloud, fallback: c}}
    """
    assert litellm(lab(routing=routing(text)))["router_settings"]["routing_groups"] == [
        {"group_name": "c", "models": ["c"], "routing_strategy": "least-busy"}
    ]


def test_what_is_known_of_a_model_is_given_on(lab: Callable[..., Raw], litellm: Config) -> None:
    raw = lab()
    raw["providers"]["ollama"]["timeout_seconds"] = 60
    raw["providers"]["ollama"]["models"] = [
        {
            "name": "m",
            "context_length": 8192,
            "tags": ["b", "a"],
            "cost_per_1k_tokens": {"input": 0.001, "output": 0.002},
            "rate_limits": {"requests_per_minute": 5},
            "options": {"num_ctx": 8192},
        }
    ]
    config = litellm(raw)
    (params,) = rows(config, "m")
    assert (params["rpm"], params["num_ctx"], params["timeout"], params["stream_timeout"]) == (5, 8192, 60, 60)
    assert (params["input_cost_per_token"], params["output_cost_per_token"]) == (1e-06, 2e-06)
    (info,) = [row["model_info"] for row in config["model_list"] if row["model_name"] == "m"]
    assert (info["max_input_tokens"], info["tags"]) == (8192, ["a", "b"])
    assert config["router_settings"]["optional_pre_call_checks"] == ["enforce_model_rate_limits"]


def test_the_breaker_opens_on_the_failure_the_user_says(lab: Callable[..., Raw], litellm: Config) -> None:
    config = litellm(lab(gateway={"breaker": {"failures": 4, "cooldown_seconds": 60}}))
    settings = config["router_settings"]
    assert (settings["allowed_fails"], settings["cooldown_time"], settings["num_retries"]) == (3, 60, 0)
    assert settings["enable_weighted_failover"] is True
    # LiteLLM takes a router's number that is the library's for none at all.
    assert config["litellm_settings"]["allowed_fails"] != settings["allowed_fails"]


def own_cooldowns(config: Raw) -> Raw:
    told = {row["model_name"]: row["model_info"].get("cooldown_time") for row in config["model_list"]}
    return {name: seconds for name, seconds in told.items() if seconds is not None}


def test_what_nobody_is_asked_after_is_asked_again_soon(lab: Callable[..., Raw], litellm: Config) -> None:
    chains = {"gpt-4o": ["gguf", "claude-3"], "gpt-4o-mini": ["claude-3"]}
    found = own_cooldowns(litellm(lab(routing={"fallback_chains": chains})))
    assert not found.keys() & {"gpt-4o", "gpt-4o-mini"}, "they have a chain"
    assert "gguf" not in found, "others go on behind it"
    assert (found["claude-3"], found["lab-tiny"]) == (5, 5)
    shorter = {"breaker": {"cooldown_seconds": 2}}
    assert own_cooldowns(litellm(lab(gateway=shorter)))["claude-3"] == 2
    assert "lab-tiny" not in own_cooldowns(litellm(lab(), groups=TWO, addresses=ADDRESSES)), "a pool of two hosts"


def test_the_cache_is_redis_or_nothing(lab: Callable[..., Raw], litellm: Config) -> None:
    assert litellm(lab())["litellm_settings"]["cache_params"] == {
        "db": 1,
        "host": "127.0.0.2",
        "namespace": "litellm",
        "password": "os.environ/REDIS_PASSWORD",
        "port": 6379,
        "socket_connect_timeout": 0.1,
        "socket_timeout": 0.1,
        "ttl": 3600,
        "type": "redis",
        "username": "gateway",
    }
    settings = litellm(lab(cache={"enabled": False}))["litellm_settings"]
    assert settings["cache"] is False
    assert "cache_params" not in settings


def test_workers_and_gateways_of_one_release_share_cooldowns_and_no_other_release_inherits_them(
    lab: Callable[..., Raw], litellm: Config
) -> None:
    settings = litellm(lab())["router_settings"]
    assert (settings["redis_host"], settings["redis_port"]) == ("127.0.0.2", 6379)
    kwargs = settings["cache_kwargs"]
    assert (kwargs["db"], kwargs["namespace"]) == (2, "os.environ/AI_BACKEND_RELEASE")
    assert (kwargs["socket_timeout"], kwargs["username"]) == (0.1, "gateway")
    assert "redis_host" not in litellm(lab(cache={"enabled": False}))["router_settings"]


def test_extra_comes_last(lab: Callable[..., Raw], litellm: Config) -> None:
    extra = {"router_settings": {"num_retries": 1}, "general_settings": {"master_key": "os.environ/OPENAI_API_KEY"}}
    config = litellm(lab(gateway={"litellm": {"extra": extra}}))
    assert config["router_settings"]["num_retries"] == 1
    assert config["router_settings"]["allowed_fails"] == 2
    assert config["general_settings"]["master_key"] == "os.environ/OPENAI_API_KEY"


def test_extra_may_not_refer_to_a_secret_that_is_not_there(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    extra = {"mcp_servers": {"x": {"headers": ["os.environ/NOT_GIVEN"], "port": 1}}}
    message = wrong(lab(gateway={"litellm": {"extra": extra}}))
    assert "ai_backend_gateway.litellm.extra: refers to NOT_GIVEN, which has no value" in message


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(0, 1e6).map(lambda number: round(number, 6)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(PLAIN)
def test_what_is_written_is_what_yaml_reads(data: object) -> None:
    assert yaml.safe_load(to_yaml(data)) == data


def test_numbers_yaml_writes_its_own_way_survive() -> None:
    assert to_yaml([float("inf"), float("-inf"), float("nan"), 1e-7]) == "- .inf\n- -.inf\n- .nan\n- 0.0000001\n"


def test_ollama_gets_the_context_that_the_registry_states(lab: Callable[..., Raw], litellm: Config) -> None:
    """It cuts a prompt at a default of its own, without a word."""
    raw = lab()
    raw["providers"]["ollama"]["models"] = [
        {"name": "stated", "context_length": 16384},
        {"name": "asked", "context_length": 16384, "options": {"num_ctx": 8192}},
        {"name": "neither"},
        {"name": "made", "base": "neither", "context_length": 16384, "parameters": {"num_ctx": 4096}},
    ]
    found = {name: rows(litellm(raw), name)[0].get("num_ctx") for name in ("stated", "asked", "neither", "made")}
    assert found == {"stated": 16384, "asked": 8192, "neither": None, "made": None}


def test_litellm_fills_the_model_of_a_pattern(lab: Callable[..., Raw], litellm: Callable[..., Raw]) -> None:
    rules = {"patterns": {"openai/*": {"provider": "openai", "backend_model": "*"}}}
    (row,) = [row for row in litellm(lab(routing=rules))["model_list"] if row["model_name"] == "openai/*"]
    # Under `openai/` LiteLLM would list every model of OpenAI that it knows.
    assert row["litellm_params"]["model"] == "hosted_vllm/*"


def test_a_weighted_pool_is_one_member_of_a_capability(lab: Callable[..., Raw], litellm: Callable[..., Raw]) -> None:
    """LiteLLM sends nothing to a deployment without a weight if another one of its group has a weight."""
    rules = """
    load_balancing: {big: {providers: [{provider: openai, model: gpt-4o, weight: 3}, {provider: vllm, weight: 1}]}}
    capability_routing: {chat: {routing_strategy: simple_shuffle, preferred_models: [big, gguf]}}
    """
    config = litellm(lab(routing=yaml.safe_load(rules)))
    weights = {row["litellm_params"]["model"]: row["litellm_params"]["weight"] for row in config["model_list"]
               if row["model_name"] == "chat"}  # fmt: skip
    assert weights == {"openai/gpt-4o": 3, "hosted_vllm/Qwen/Coder-AWQ": 1, "openai/gguf": 4}
