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

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.catalog import provider_types
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.importing import litellm_tables as tables
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
    rows = [row for row in made["report"]["findings"] if row["fate"] == fate]
    return "\n".join(f"{row['path']}: {row['message']} → {row['hint']}" for row in rows)


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
    assert "providers.llama-cpp-python: is named 'llama_cpp_python' everywhere" in fates(today, "changed")
    assert "providers.llama-cpp-python.type: is `llama_cpp`" in fates(today, "changed")


def test_what_the_checks_refuse_is_taken_out_and_said(today: Raw) -> None:
    registry = registry_of(today)
    assert "lost" not in registry.routing.exact_matches
    assert registry.routing.exact_matches["retried"].backend_model == "llama3.1:8b"
    refused = fates(today, "refused")
    assert "routing.exact_matches.lost.provider: 'nobody' is not a provider" in refused
    assert "routing.exact_matches.retried.retry: is not supported" in refused
    assert today["report"]["names"]["lost"] == ["lost"]
    assert "pulled_at" in refused


def test_patterns_stand_in_the_order_litellm_asks_them(today: Raw) -> None:
    assert [rule.pattern for rule in registry_of(today).routing.patterns] == ["claude-*", "*"]
    assert "routing.patterns: are in the order in which LiteLLM checks them" in fates(today, "changed")


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
        ({"a.yaml": "x: ["}, "a.yaml: is not YAML: did not find expected node content"),
        ({"a.yaml": "- x"}, "a.yaml: is not a mapping"),
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
    ]
    settings = {"default_fallbacks": ["az"], "context_window_fallbacks": [{"m": ["az"]}]}
    made = litellm(model_list=rows, router_settings=settings)
    registry_of(made)
    assert "router_settings.default_fallbacks[0]: 'az' is not a name of the model list" in fates(made, "refused")
    assert "router_settings.context_window_fallbacks[0]: 'az' is not a name" in fates(made, "refused")


def test_of_two_lists_for_a_name_the_first_counts_as_it_did() -> None:
    rows = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": "http://10.0.0.1/v1"}}
        for name in ("a", "b", "c")
    ]
    made = litellm(model_list=rows, router_settings={"fallbacks": [{"a": ["b"], "b": ["c"]}, {"a": ["c"]}]})
    chains = registry_of(made).routing.fallback_chains
    assert {name: list(chain.chain) for name, chain in chains.items()} == {"a": ["b"], "b": ["c"]}
    assert "fallbacks[1]: is a second list for 'a', and LiteLLM used the first alone" in fates(made, "refused")
    assert "fallbacks[0]: is a list for 'b' too, where LiteLLM read the first name" in fates(made, "changed")


def test_the_master_key_is_the_deployments_secret() -> None:
    made = litellm(general_settings={"master_key": "os.environ/MY_MASTER_KEY"})
    assert (
        "LITELLM_MASTER_KEY: \"{{ lookup('ansible.builtin.env', 'MY_MASTER_KEY') }}\"" in made["files"]["secrets.yml"]
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"model_name": "a", "litellm_params": {"model": "mine", "api_base": "http://10.0.0.1/v1"}},
            "no provider can be told from 'mine' → write it with the prefix",
        ),
        ({"model_name": "a", "litellm_params": {"model": "azurre/x"}}, "no provider can be told from 'azurre/x'"),
        (
            {"model_name": "a", "litellm_params": {"model": "os.environ/MODEL"}},
            "model_list[1].litellm_params.model: is read from the environment → write the model itself",
        ),
        (
            {"model_name": "a", "litellm_params": {"model": "lm_studio/x"}},
            "api_base: is not given, and LiteLLM knows no",
        ),
        ({"model_name": "a"}, "model_list[1]: has no model_name or no litellm_params.model"),
        (
            {"model_name": "a-*", "litellm_params": {"model": "openai/*-*", "api_base": "http://10.0.0.1/v1"}},
            "its model '*-*' has another number of `*` than the name",
        ),
        ({"model_name": "*", "litellm_params": {"model": "*"}}, "no provider can be told from '*'"),
        (
            {"model_name": "anthropic/*", "litellm_params": {"model": "anthropic/*"}},
            "LiteLLM would list all its models that it knows → declare the models that are asked for",
        ),
    ],
)
def test_a_deployment_that_has_no_place_is_refused_by_name(row: Raw, message: str) -> None:
    rows = [{"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": "http://10.0.0.1/v1"}}, row]
    made = litellm(model_list=rows)
    assert message in fates(made, "refused")
    (found,) = [
        finding
        for finding in made["report"]["findings"]
        if message.split(" → ")[0] in f"{finding['path']}: {finding['message']}"
    ]
    assert (found["names"], found["file"], found["line"] is not None) == ([row["model_name"]], "config.yaml", True)


@pytest.mark.parametrize("model", ["openai/*", "*"])
def test_a_wildcard_sends_what_its_star_stands_for(model: str) -> None:
    row = {"model_name": "wild/*", "litellm_params": {"model": f"openai/{model.rpartition('/')[2]}", "api_base": BASE}}
    (rule,) = registry_of(litellm(model_list=[row])).routing.patterns
    assert (rule.pattern, rule.backend_model) == ("wild/*", "*")


BASE = "http://10.0.0.1/v1"


def test_what_a_deployment_says_of_its_model_goes_to_the_model() -> None:
    params = {
        "model": "ollama_chat/m",
        "api_base": "http://10.0.0.1:11434",
        "rpm": 5,
        "input_cost_per_token": 0.001,
        "num_ctx": 4096,
    }
    made = litellm(model_list=[{"model_name": "m", "litellm_params": params}])
    (entry,) = registry_of(made).providers["ollama"].entries
    assert entry.rate_limits is not None and entry.rate_limits.requests_per_minute == 5
    assert entry.cost_per_1k_tokens is not None and entry.cost_per_1k_tokens.input == 1
    assert getattr(entry, "options").num_ctx == 4096  # noqa: B009  # a field of this kind of model only


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


def test_a_second_deployment_of_a_model_keeps_its_own_settings() -> None:
    place = {"model": "openai/m", "api_base": BASE}
    rows = [
        {"model_name": "slow", "litellm_params": {**place, "rpm": 1}},
        {"model_name": "quick", "litellm_params": {**place, "rpm": 1000}},
        {"model_name": "again", "litellm_params": {**place, "rpm": 1}},
    ]
    registry = registry_of(litellm(model_list=rows))
    limits = {
        name: registry.providers[rule.provider].entry("m").rate_limits.requests_per_minute  # type: ignore[union-attr]
        for name, rule in registry.routing.exact_matches.items()
        if name != "m"
    }
    assert limits == {"slow": 1, "quick": 1000, "again": 1}
    assert len(registry.providers) == 2


WILD = [
    {
        "model_name": "wild/*",
        "litellm_params": {"model": "openai/*", "api_base": BASE, "api_key": "none"},  # pragma: allowlist secret
    },
    {"model_name": "wild/*", "litellm_params": {"model": "openai/own", "api_base": "http://10.0.0.2/v1"}},
    {
        "model_name": "own",
        "litellm_params": {
            "model": "openai/b",
            "api_base": "http://10.0.0.3/v1",
            "api_key": "none",  # pragma: allowlist secret
        },
    },
]


def test_an_alias_and_a_chain_may_lead_to_a_name_that_a_wildcard_takes() -> None:
    router = {"model_group_alias": {"fast": "wild/a"}, "fallbacks": [{"own": ["wild/c"]}, {"wild/d": ["own"]}]}
    made = litellm(model_list=WILD[::2], router_settings=router)
    routing = registry_of(made).routing
    models = {name: rule.backend_model for name, rule in routing.exact_matches.items()}
    assert models == {"fast": "a", "own": "b", "wild/c": "c", "wild/d": "d"}
    chains = {name: rule.chain for name, rule in routing.fallback_chains.items()}
    assert chains == {"own": ("wild/c",), "wild/d": ("own",)}


def test_a_name_of_a_wildcard_with_several_deployments_is_a_pool() -> None:
    made = litellm(model_list=WILD, router_settings={"model_group_alias": {"fast": "wild/a"}})
    pool = registry_of(made).routing.load_balancing["fast"]
    assert [member.model for member in pool.providers] == ["a", "own"]


def test_a_model_that_gets_its_own_name_takes_none_from_a_wildcard() -> None:
    rows = [
        {"model_name": "best", "litellm_params": {"model": "openai/gpt-4o", "api_base": BASE}},
        {
            "model_name": "gpt-*",
            "litellm_params": {"model": "openai/gpt-*", "api_key": "os.environ/K"},  # pragma: allowlist secret
        },
    ]
    routing = registry_of(litellm(model_list=rows)).routing
    assert routing.exact_matches["gpt-4o"].provider == routing.patterns[0].provider
    assert routing.exact_matches["best"].provider != routing.patterns[0].provider


def test_an_alias_of_a_name_that_was_refused_is_lost_too() -> None:
    rows = [{"model_name": "bedrock/*", "litellm_params": {"model": "bedrock/*"}}, row_of()]
    made = litellm(model_list=rows, router_settings={"model_group_alias": {"fast": "bedrock/x"}})
    assert made["report"]["names"]["lost"] == ["bedrock/*", "fast"]


@pytest.mark.parametrize(("word", "left"), [("weight", 0), ("order", None)])
def test_a_deployment_that_litellm_never_asks_is_left_out_and_named(word: str, left: object) -> None:
    first, second = row_of(), row_of()
    first["litellm_params"] = {**first["litellm_params"], "api_base": "http://10.0.0.2/v1", word: 3}
    second["litellm_params"] = {**second["litellm_params"], **({word: left} if left is not None else {})}
    made = litellm(model_list=[first, second])
    assert f"model_list[1]: has no {word} next to others that have one" in fates(made, "changed")
    assert registry_of(made).routing.load_balancing == {}


# -- the tables of docs/import.md ------------------------------------------------------------------------------------

VALUES = {
    "custom_llm_provider": "openai",
    "model_info": {},
    "order": 1,
    "weight": 2,
    "timeout": 30,
    "api_key": "os.environ/K",  # pragma: allowlist secret
}
ADDRESSES = ("api_base", "base_url")


def row_of(**more: Any) -> Raw:
    params = {"model": "openai/m", "api_base": BASE, "api_key": "none"}  # pragma: allowlist secret
    return {"model_name": "m", "litellm_params": params, **more}


def fate_of(made: Raw, path: str) -> str:
    found = {row["fate"] for row in made["report"]["findings"] if row["path"].endswith(path)}
    return found.pop() if len(found) == 1 else "kept" if not found else str(found)


@pytest.mark.parametrize(
    "word", sorted({*tables.PARAMETERS, "organization"} - {"litellm_credential_name", "model", *ADDRESSES})
)
def test_a_parameter_has_the_fate_of_the_table(word: str) -> None:
    row = row_of()
    row["litellm_params"] = {"model": "openai/m", "api_base": BASE, "api_key": "none", word: VALUES.get(word, 1)}
    made = litellm(model_list=[row])
    assert fate_of(made, f".litellm_params.{word}") == tables.PARAMETERS.get(word, tables.OTHER_PARAMETER).fate
    assert made["models"] == ["m"]


@pytest.mark.parametrize("word", sorted({*tables.INFO, "supports_vision"}))
def test_a_key_of_model_info_has_the_fate_of_the_table(word: str) -> None:
    value = {"mode": "embedding", "tags": ["a"], "description": "x"}.get(word, 5)
    made = litellm(model_list=[row_of(model_info={word: value})])
    assert fate_of(made, f".model_info.{word}") == tables.INFO.get(word, tables.OTHER_INFO).fate


@pytest.mark.parametrize("word", sorted({*tables.DECIDED, *tables.SETTINGS}))
def test_a_setting_has_the_fate_of_the_table(word: str) -> None:
    assert fate_of(litellm(router_settings={word: 5}), f"router_settings.{word}") == "changed"


@pytest.mark.parametrize("word", tables.SECTIONS)
def test_a_section_has_the_fate_of_the_table(word: str) -> None:
    value = {"include": [], "model_list": [row_of()], "credential_list": []}.get(word, {"a": {"url": "http://x"}})
    made = litellm(**{"model_list": [row_of()], word: value})
    assert fate_of(made, word) == tables.SECTIONS[word].fate or word.endswith("_settings")


@pytest.mark.parametrize("kind", sorted({kind for way in tables.WAYS.values() for kind in way if kind}))
def test_the_types_of_the_table_exist(kind: str) -> None:
    assert kind in provider_types()


def test_a_cache_that_was_off_stays_off() -> None:
    assert not registry_of(litellm(litellm_settings={"cache": False})).cache.enabled
    assert not registry_of(litellm()).cache.enabled
    made = litellm(litellm_settings={"cache": True, "cache_params": {"type": "s3", "s3_bucket_name": "b"}})
    assert registry_of(made).cache.enabled
    assert "cache_params.type: is redis, where it was s3" in fates(made, "changed")
    assert "cache_params.s3_bucket_name: is left out" in fates(made, "changed")


@pytest.mark.parametrize("key", ["sk-1234", "", "sk-" + "abcdefgh12345678"])
def test_a_master_key_that_cannot_be_kept_is_named(key: str) -> None:
    made = litellm(general_settings={"master_key": key})
    assert "general_settings.master_key: " in fates(made, "refused")
    assert "set LITELLM_MASTER_KEY in ai_backend_secrets" in fates(made, "refused")


def test_an_alias_of_a_pool_shares_like_the_pool() -> None:
    rows = [row_of(), {"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": "http://10.0.0.2/v1"}}]
    router = {"routing_strategy": "usage-based-routing-v2", "model_group_alias": {"fast": "m"}}
    pools = registry_of(litellm(model_list=rows, router_settings=router)).routing.load_balancing
    assert pools["fast"].strategy == pools["m"].strategy == "usage-based-routing-v2"


def test_timeouts_of_a_wildcard_are_kept_and_its_settings_named() -> None:
    params = {"model": "openai/x-*", "api_base": BASE, "stream_timeout": 5, "rpm": 3, "organization": "o", "timeout": 7}
    made = litellm(model_list=[{"model_name": "x-*", "litellm_params": params}])
    for word in ("rpm", "organization"):
        assert f"litellm_params.{word}: " in fates(made, "refused")
    (provider,) = registry_of(made).providers.values()
    assert (provider.timeout_seconds, provider.stream_gap_seconds) == (7, 5)


def test_a_python_file_of_the_user_is_no_callback() -> None:
    made = litellm(litellm_settings={"callbacks": ["mine.handler", "prometheus"]})
    assert registry_of(made).gateway.litellm.extra["litellm_settings"] == {"callbacks": ["prometheus"]}
    assert "mine.handler: the deployment has no Python files of yours" in fates(made, "refused")
