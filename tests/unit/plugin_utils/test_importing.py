# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registry files from what people have today, and what became of each part."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.importing.importing import import_path, import_texts
from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm import config as litellm_config
from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm.simulation import Router, asks, router_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.yaml_files import read_texts
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.validation import Inventory, validate_sources

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"]}
PROVIDERS = """
providers:
  ollama:
    type: ollama
    base_url: http://localhost:11434
    status: active
    description: Local models
    models:
      - {name: "llama3.1:8b", size: 8B, quantization: Q4_K_M, pulled_at: "2025-10-01"}
      - name: "qwen2.5-coder:7b"
    health_endpoint: /api/tags
  llama-cpp-python:
    type: llama.cpp
    base_url: http://127.0.0.1:8000
    models: [gguf]
  claude:
    type: anthropic
    api_key: ${CLAUDE_KEY}
    models: [claude-3-sonnet]
  house:
    type: custom
    base_url: https://llm.example.com/v1
    api_key: sk-0123456789abcdefghij
    models: [house-model]
metadata: {version: 1}
"""
MAPPINGS = """
routing:
  exact_matches:
    "llama3.1:8b": {provider: ollama, fallback: house-model}
    lost: {provider: nobody}
    retried: {provider: ollama, backend_model: "llama3.1:8b", retry: 3}
  patterns:
    "*": {provider: ollama}
    "claude-*": {provider: claude}
"""
PORTS = """
ports:
  redis_cache: {port: 6379, service: Redis, required: true, health_check: "redis-cli ping"}
  ollama: {port: 11434, health_check: "curl http://localhost:11434/api/tags", category: engines}
reserved_ports: {later: 8099}
port_ranges: {engines: {start: 8000, end: 12000, note: x}, cache: 6000-7000, gateway: 4000-4999}
"""


def registry_of(made: Raw) -> Registry:
    """The imported files as a deployment reads them: nothing may be found in them."""
    sources = read_texts(made["files"].items())
    outcome = validate_sources(sources, Inventory(GROUPS))
    assert [str(finding) for finding in outcome.findings if finding.severity == "critical"] == []
    return load(sources.registry)


def fates(made: Raw, fate: str) -> str:
    return "\n".join(made["report"][fate])


# -- today's files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def today() -> Raw:
    return import_texts({"providers.yaml": PROVIDERS, "model-mappings.yaml": MAPPINGS, "ports.yaml": PORTS})


def test_what_comes_out_is_sound_and_answers_to_the_same_names(today: Raw) -> None:
    registry = registry_of(today)
    assert today["models"] == registry.routes.names
    assert set(registry.providers) == {"ollama", "llama_cpp_python", "claude", "house"}
    assert {"llama3.1:8b", "qwen2.5-coder:7b", "gguf", "claude-3-sonnet", "house-model"} <= set(registry.routes.names)


def test_engines_that_run_there_are_not_taken_over(today: Raw) -> None:
    providers = registry_of(today).providers
    assert not providers["ollama"].is_managed
    assert "has `managed: false`, because it runs already" in fates(today, "changed")


def test_a_key_by_reference_is_an_env_var_and_a_literal_one_is_refused_unseen(today: Raw) -> None:
    assert registry_of(today).providers["claude"].env_var == "CLAUDE_KEY"
    assert "lookup('ansible.builtin.env', 'CLAUDE_KEY')" in today["files"]["secrets.yml"]
    assert "providers.house.api_key: a literal key is not imported" in fates(today, "refused")
    assert "sk-0123456789abcdefghij" not in str(today)  # pragma: allowlist secret


def test_names_and_types_are_written_as_the_registry_wants_them(today: Raw) -> None:
    assert "providers.llama-cpp-python: is named 'llama_cpp_python'" in fates(today, "changed")
    assert "providers.llama-cpp-python.type: is `llama_cpp`" in fates(today, "changed")


def test_what_the_checks_refuse_is_taken_out_and_said(today: Raw) -> None:
    registry = registry_of(today)
    assert "lost" not in registry.routing.exact_matches
    assert registry.routing.exact_matches["retried"].backend_model == "llama3.1:8b"
    refused = fates(today, "refused")
    assert "ai_backend_routing.exact_matches.lost.provider: 'nobody' is not a provider" in refused
    assert "ai_backend_routing.exact_matches.retried.retry: is not supported" in refused
    assert "pulled_at" in refused


def test_patterns_stand_in_the_order_litellm_asks_them(today: Raw) -> None:
    assert [rule.pattern for rule in registry_of(today).routing.patterns] == ["claude-*", "*"]
    assert "patterns: are in the order in which LiteLLM checks them" in fates(today, "changed")


def test_ports_lose_what_has_no_meaning_and_give_way_to_ours(today: Raw) -> None:
    ports = registry_of(today).ports
    assert ports.services["ollama"].health == "/api/tags"
    assert "redis_cache" not in ports.services
    assert "ports.redis_cache.required: has no meaning" in fates(today, "refused")
    assert "redis_cache.service:" not in fates(today, "refused")
    assert (ports.ranges["engines"].start, ports.ranges["cache"].end) == (8000, 7000)


def test_files_are_read_from_a_folder(tmp_path: Path, today: Raw) -> None:
    for name, text in (("providers.yaml", PROVIDERS), ("model-mappings.yaml", MAPPINGS), ("ports.yml", PORTS)):
        (tmp_path / name).write_text(text)
    (tmp_path / "notes.txt").write_text("nothing")
    assert import_path(str(tmp_path))["files"] == today["files"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a.yaml": "x: ["}, "a.yaml: is not YAML or JSON"),
        ({"a.yaml": "- x"}, "a.yaml: is not a mapping"),
        ({"a.yaml": "nothing: {}"}, "has no provider that could be imported"),
        ({"a.yaml": "model_list: []"}, "has no provider that could be imported"),
    ],
)
def test_what_cannot_be_imported_is_an_error_that_says_why(texts: dict[str, str], message: str) -> None:
    with pytest.raises(RegistryError, match=message.replace(".", r"\.")):
        import_texts(texts)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="is not there → name a configuration file or folder"):
        import_path(str(tmp_path / "gone.yaml"))
    with pytest.raises(RegistryError, match="has no YAML file"):
        import_path(str(tmp_path))


# -- Ollama -----------------------------------------------------------------------------------------------------------


def test_a_running_ollama_is_a_provider_with_its_models() -> None:
    details = {"parameter_size": "8.0B", "quantization_level": "Q4_K_M", "family": "llama"}
    tags = {"models": [{"name": "llama3.1:8b", "size": 4920753328, "digest": "46e0", "details": details}]}
    provider = registry_of(import_texts({"api/tags": json.dumps(tags)}, "http://127.0.0.1:11434/")).providers["ollama"]
    (entry,) = provider.entries
    assert (entry.name, entry.size, entry.quantization) == ("llama3.1:8b", "8.0B", "Q4_K_M")
    assert (provider.base_url, provider.is_managed) == ("http://127.0.0.1:11434", False)


# -- LiteLLM ----------------------------------------------------------------------------------------------------------

SETTINGS = {"fallbacks": [], "max_fallbacks": 20, "allowed_fails": 100, "enable_weighted_failover": True}


def as_asked(router: Router, name: str, down: Collection[str]) -> list[list[tuple[str, str]]]:
    """Whom a request leads to: of several, all that could be taken, as (address, model)."""
    found = asks(router, name, down, lambda one_of: next((d for d in one_of if d.provider in down), one_of[0]))
    return [sorted({_engine(d.params, d.model) for d in ask.one_of}) for ask in found]


def _engine(params: Any, model: str) -> tuple[str, str]:
    base = str(params.get("api_base", "")).removesuffix("/v1")
    return (base, model)


def original(config: Raw) -> Router:
    """LiteLLM's own reading of the config that is imported; an engine is known by its address."""
    rows = []
    for index, row in enumerate(config["model_list"]):
        params = row["litellm_params"]
        rows.append({**row, "model_info": {"id": str(index), "provider": _engine(params, "")[0]}})
    return router_of({"model_list": rows, "router_settings": {**SETTINGS, **config.get("router_settings", {})}})


def imported(config: Raw) -> Router:
    """The config that is rendered from what was imported."""
    registry = registry_of(import_texts({"config.yaml": yaml.safe_dump(config)}))
    reach = fleet_of(registry, GROUPS, None).reach
    made = litellm_config.build(registry, reach.endpoints["one"], reach.cache.get("one"))
    for row in made["model_list"]:
        row["model_info"]["provider"] = _engine(row["litellm_params"], "")[0]
    made["router_settings"] |= {"allowed_fails": 100, "max_fallbacks": 20}
    return router_of(made)


ENGINES = {
    f"http://10.0.0.{n}:8001/v1": prefix for n, prefix in enumerate(["hosted_vllm", "openai", "openai"], start=1)
}
ENGINES["http://10.0.0.9:11434"] = "ollama_chat"


def config_of(seed: int) -> Raw:
    """A LiteLLM config of random deployments, pools, wildcards, aliases and chains."""
    dice = random.Random(seed)
    rows: list[Raw] = []
    names = [f"name{number}" for number in range(dice.randint(2, 6))]
    for name in names:
        count = dice.choice([1, 1, 1, 2, 3])
        chosen = dice.sample(sorted(ENGINES), min(count, len(ENGINES)))
        ordered, weighted = dice.random() < 0.3, dice.random() < 0.3
        for number, base in enumerate(chosen, start=1):
            model = dice.choice([name, name, dice.choice(names), f"engine-{dice.randint(1, 4)}"])
            params: Raw = {
                "model": f"{ENGINES[base]}/{model}",
                "api_base": base,
                "api_key": "none",  # pragma: allowlist secret
            }
            if ordered and count > 1:
                params["order"] = number
            elif weighted and count > 1:
                params["weight"] = number
            rows.append({"model_name": name, "litellm_params": params})
    chains = []
    for index, name in enumerate(names[:-1]):
        if dice.random() < 0.5:
            later = names[index + 1 :]
            chains.append({name: dice.sample(later, dice.randint(1, len(later)))})
    if dice.random() < 0.4:
        base = dice.choice([base for base, prefix in ENGINES.items() if prefix == "ollama_chat"])
        rows.append({"model_name": "wild-*", "litellm_params": {"model": "ollama_chat/wild-*", "api_base": base}})
    return {"model_list": rows, "router_settings": {"fallbacks": chains}}


@pytest.mark.parametrize("seed", range(60))
def test_imported_and_rendered_the_same_engines_are_asked_in_the_same_order(seed: int) -> None:
    config = config_of(seed)
    before, after = original(config), imported(config)
    names = [*dict.fromkeys(row["model_name"] for row in config["model_list"] if "*" not in row["model_name"])]
    engines = [base.removesuffix("/v1") for base in ENGINES]
    for name in [*names, "wild-card"] if any("*" in r["model_name"] for r in config["model_list"]) else names:
        for count in range(len(engines)):
            for down in itertools.combinations(engines, count):
                was, now = as_asked(before, name, down), as_asked(after, name, down)
                # Who is asked twice in vain is asked once, or the other way round: it answers nobody.
                assert list(_once(was)) == list(_once(now)), (name, down)


def _once(way: list[list[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    return [step for index, step in enumerate(way) if step not in way[:index]]


def litellm(**parts: Any) -> Raw:
    rows = [{"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": "http://10.0.0.1/v1"}}]
    made: Raw = import_texts({"config.yaml": yaml.safe_dump({"model_list": rows, **parts})})
    return made


def test_settings_with_a_word_in_the_registry_get_it() -> None:
    made = litellm(
        router_settings={"allowed_fails": 2, "cooldown_time": 30, "timeout": 900},
        litellm_settings={"cache": True, "cache_params": {"type": "redis", "ttl": 60, "namespace": "x"}},
    )
    registry = registry_of(made)
    assert (registry.gateway.breaker.failures, registry.gateway.breaker.cooldown_seconds) == (3, 30)
    assert (registry.gateway.timeouts.request_seconds, registry.gateway.stream_timeout_seconds) == (900, 910)
    assert (registry.cache.ttl, registry.cache.namespace) == (60, "x")


def test_settings_without_a_word_are_kept_when_litellm_reads_them() -> None:
    made = litellm(
        router_settings={"enable_tag_filtering": True}, litellm_settings={"success_callback": ["prometheus"]}
    )
    extra = registry_of(made).gateway.litellm.extra
    assert extra["router_settings"] == {"enable_tag_filtering": True}
    assert "router_settings.enable_tag_filtering: unchanged" in fates(made, "kept")


def test_a_setting_litellm_would_ignore_is_refused() -> None:
    made = litellm(router_settings={"retry_polcy": {}, "enable_tag_filtering": True})
    assert registry_of(made).gateway.litellm.extra == {"router_settings": {"enable_tag_filtering": True}}
    assert "retry_polcy: LiteLLM" in fates(made, "refused")
    assert "retry_polcy" not in fates(made, "kept")


def test_a_literal_secret_among_the_settings_is_refused_by_its_keys_name_and_not_shown() -> None:
    made = litellm(
        environment_variables={
            "SMTP_PASSWORD": "hunter2",  # pragma: allowlist secret
            "LANGFUSE_HOST": "http://10.0.0.2",
        },
        general_settings={"litellm_license": "short", "alerting_args": {"hook_token": "tiny", "delay": 5}},
        litellm_settings={"max_tokens": 5},
    )
    extra = registry_of(made).gateway.litellm.extra
    assert extra["environment_variables"] == {"LANGFUSE_HOST": "http://10.0.0.2"}
    assert extra["general_settings"] == {"alerting_args": {"delay": 5}}
    assert extra["litellm_settings"] == {"max_tokens": 5}
    for path in ("environment_variables.SMTP_PASSWORD", "litellm_license", "alerting_args.hook_token"):
        assert f"{path}: a literal secret is not imported" in fates(made, "refused")
    for value in ("hunter2", "short", "tiny"):
        assert value not in str(made)


def test_what_settings_refer_to_is_asked_of_the_environment() -> None:
    made = litellm(general_settings={"alerting_args": {"hook": "os.environ/SLACK_HOOK"}})
    assert registry_of(made).secrets["SLACK_HOOK"]
    assert "SLACK_HOOK: \"{{ lookup('ansible.builtin.env', 'SLACK_HOOK') }}\"" in made["files"]["secrets.yml"]


def test_a_fallback_among_the_settings_to_a_name_that_was_refused_goes_too() -> None:
    rows = [
        {"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": "http://10.0.0.1/v1"}},
        {"model_name": "az", "litellm_params": {"model": "azure/x"}},
    ]
    settings = {"default_fallbacks": ["az"], "context_window_fallbacks": [{"m": ["az"]}]}
    made = litellm(model_list=rows, router_settings=settings)
    registry_of(made)
    assert "default_fallbacks: 'az' is not a name of this gateway" in fates(made, "refused")


def test_the_master_key_is_the_deployments_secret() -> None:
    made = litellm(general_settings={"master_key": "os.environ/MY_MASTER_KEY"})
    assert (
        "LITELLM_MASTER_KEY: \"{{ lookup('ansible.builtin.env', 'MY_MASTER_KEY') }}\"" in made["files"]["secrets.yml"]
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"model_name": "a", "litellm_params": {"model": "azure/gpt"}}, "'azure' is not a provider of this version"),
        (
            {"model_name": "a", "litellm_params": {"model": "azure/gpt", "api_base": "https://x.openai.azure.com"}},
            "'a' is not imported: 'azure' is not a provider of this version",
        ),
        (
            {"model_name": "a", "litellm_params": {"model": "gemini-1.5-pro"}},
            "no provider can be told from 'gemini-1.5-pro'",
        ),
        (
            {"model_name": "a", "litellm_params": {"model": "mine", "api_base": "http://10.0.0.1/v1"}},
            "no provider can be told from 'mine'; write it with the prefix",
        ),
        ({"model_name": "a", "litellm_params": {"model": "ollama/x"}}, "'ollama/' has no address without api_base"),
        ({"model_name": "a"}, "has no model_name or no litellm_params.model"),
        (
            {"model_name": "a-*", "litellm_params": {"model": "openai/b-*", "api_base": "http://10.0.0.1/v1"}},
            "uses the model 'b-",
        ),
        # Its engine would get `wild/gpt-4o` in place of `gpt-4o`.
        (
            {"model_name": "wild/*", "litellm_params": {"model": "openai/*", "api_base": "http://10.0.0.1/v1"}},
            "model_list (wild/*): it uses the model '*'; a pattern uses the name unchanged",
        ),
    ],
)
def test_a_deployment_that_has_no_place_is_refused_by_name(row: Raw, message: str) -> None:
    rows = [{"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": "http://10.0.0.1/v1"}}, row]
    assert message in fates(litellm(model_list=rows), "refused")


def test_what_a_deployment_says_of_its_model_goes_to_the_model() -> None:
    params = {
        "model": "ollama_chat/m",
        "api_base": "http://10.0.0.1:11434",
        "rpm": 5,
        "input_cost_per_token": 0.001,
        "num_ctx": 4096,
        "mystery": 1,
    }
    made = litellm(model_list=[{"model_name": "m", "litellm_params": params}])
    (entry,) = registry_of(made).providers["ollama"].entries
    assert entry.rate_limits is not None and entry.rate_limits.requests_per_minute == 5
    assert entry.cost_per_1k_tokens is not None and entry.cost_per_1k_tokens.input == 1
    assert getattr(entry, "options").num_ctx == 4096  # noqa: B009  # a field of this kind of model only
    assert "model_list[0].litellm_params.mystery: has no key in the registry" in fates(made, "refused")


def test_an_alias_of_a_group_leads_where_the_group_does() -> None:
    made = litellm(router_settings={"model_group_alias": {"fast": "m", "lost": "nobody"}})
    assert registry_of(made).routing.exact_matches["fast"].backend_model == "m"
    assert "router_settings.model_group_alias.lost: has no target" in fates(made, "refused")


def test_clouds_with_a_prefix_of_their_own_keep_it() -> None:
    rows = [
        {"model_name": "fast", "litellm_params": {"model": "groq/llama-3.1-8b-instant"}},
        {
            "model_name": "big",
            "litellm_params": {"model": "mistral/large", "api_key": "os.environ/TEAM"},  # pragma: allowlist secret
        },
        {"model_name": "far", "litellm_params": {"model": "xai/grok", "api_base": "https://proxy.example/v1"}},
    ]
    registry = registry_of(import_texts({"config.yaml": yaml.safe_dump({"model_list": rows})}))
    reach = fleet_of(registry, GROUPS, None).reach
    built = litellm_config.build(registry, reach.endpoints["one"], reach.cache.get("one"))
    params = {row["model_name"]: row["litellm_params"] for row in built["model_list"]}
    assert (params["fast"]["model"], params["fast"]["api_key"]) == (
        "groq/llama-3.1-8b-instant",
        "os.environ/GROQ_API_KEY",
    )
    assert (params["big"]["model"], params["big"]["api_key"]) == ("mistral/large", "os.environ/TEAM")
    assert (params["far"]["model"], params["far"]["api_base"]) == ("xai/grok", "https://proxy.example/v1")


def test_the_settings_of_a_second_deployment_of_a_model_are_not_lost_in_silence() -> None:
    place = {"model": "openai/m", "api_base": "http://10.0.0.1/v1"}
    rows = [
        {"model_name": "m", "litellm_params": {**place, "rpm": 1}},
        {"model_name": "n", "litellm_params": {**place, "rpm": 1000}},
        {"model_name": "o", "litellm_params": place},
    ]
    made = import_texts({"config.yaml": yaml.safe_dump({"model_list": rows})})
    assert "model_list[1].litellm_params: the settings of an earlier deployment of 'm'" in fates(made, "changed")
    assert "model_list[2]" not in fates(made, "changed")
