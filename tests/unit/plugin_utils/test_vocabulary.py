# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words of today's files: strategies, sizes, contexts, tiers and lists of names, and what refuses them by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema import sizes, strategies
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.routing import Routing

Raw = dict[str, Any]

PROVIDERS = """
ollama:
  type: ollama
  managed: false
  base_url: http://127.0.0.1:11434
  models:
    - {name: "llama3.1:8b", context_length: 8192, cost_per_1k_tokens: 0}
    - {name: small, size: 500M, context_length: 2048}
    - {name: "qwen2.5-coder:7b", size: 7B, context_length: 32768}
vllm: {type: vllm, managed: false, base_url: "http://10.0.0.9:8001", models: [{name: mixture, size: 8x7B}]}
openai: {type: openai, models: [{name: gpt-4o, size: 1T, context_length: 128000, cost_per_1k_tokens: 0.01}, nameless]}
asleep: {type: vllm, status: inactive, managed: false, base_url: "http://10.0.0.9:8002", models: [dreamer]}
"""


def raw(routing: str) -> Raw:
    return {
        "providers": yaml.safe_load(PROVIDERS),
        "routing": yaml.safe_load(routing),
        "secrets": {"OPENAI_API_KEY": "given"},  # pragma: allowlist secret
    }


def steps(registry: Registry, name: str) -> list[list[str]]:
    return [[f"{t.provider}/{t.model or '*'}" for t in level] for level in registry.routes.sequence(name)]


def findings(routing: str) -> list[str]:
    """`check path: problem → remedy` of everything that is wrong."""
    with pytest.raises(RegistryError) as caught:
        load(raw(routing))
    return [f"{finding.check} {finding}".replace("ai_backend_routing.", "") for finding in caught.value.findings]


def warnings(routing: str) -> list[str]:
    return [str(finding).replace("ai_backend_routing.", "") for finding in load(raw(routing)).warnings]


MEANINGS = [
    (
        "direct is one after the other",
        "capabilities: {c: {preferred_models: [gpt-4o, small], routing_strategy: direct}}",
        [["openai/gpt-4o"], ["ollama/small"]],
    ),
    (
        "quality_first begins with the largest, by size or by name",
        "capabilities: {c: {models: [small, 'llama3.1:8b', mixture, gpt-4o], routing_strategy: quality_first}}",
        [["openai/gpt-4o"], ["vllm/mixture"], ["ollama/llama3.1:8b"], ["ollama/small"]],
    ),
    (
        "context_based begins with the shortest context",
        "capabilities: {c: {models: [gpt-4o, small, 'llama3.1:8b'], routing_strategy: context_based}}",
        [["ollama/small"], ["ollama/llama3.1:8b"], ["openai/gpt-4o"]],
    ),
    (
        "min_model_size leaves out what is smaller",
        "capabilities: {c: {models: [small, 'llama3.1:8b', mixture], min_model_size: 8B}}",
        [["ollama/llama3.1:8b"], ["vllm/mixture"]],
    ),
    (
        "min_context leaves out what is shorter",
        "capabilities: {c: {models: [small, gpt-4o], min_context: 8192, routing_strategy: least_loaded}}",
        [["openai/gpt-4o"]],
    ),
    (
        "a provider alone is all its models",
        "capabilities: {c: {provider: ollama, min_model_size: 1, fallback: vllm}}",
        [["ollama/llama3.1:8b"], ["ollama/qwen2.5-coder:7b"], ["vllm/mixture"]],
    ),
    (
        "several providers are all of theirs",
        "capabilities: {c: {providers: [vllm, ollama], min_model_size: 7.5, strategy: most_capacity}}",
        [["vllm/mixture", "ollama/llama3.1:8b"]],
    ),
    (
        "a pool takes the same words",
        "load_balancing: {c: {routing_strategy: quality_first, providers:"
        " [{name: ollama, preferred_model: small}, {provider: vllm}]}}",
        [["vllm/mixture"], ["ollama/small"]],
    ),
    (
        "tiers are a chain",
        "exact_matches: {c: {provider: openai, backend_model: gpt-4o}}\n"
        "fallback_chains: {c: {primary: openai, secondary: vllm, tertiary: small}}",
        [["openai/gpt-4o"], ["vllm/mixture"], ["ollama/small"]],
    ),
    (
        "tiers may be items",
        "exact_matches: {c: {provider: openai, backend_model: gpt-4o}}\n"
        "fallback_chains: {c: {description: x, chain:"
        " [{primary: openai}, {secondary: vllm, condition: always}, {tertiary: small, notes: y}]}}",
        [["openai/gpt-4o"], ["vllm/mixture"], ["ollama/small"]],
    ),
    (
        "the primary may be the name itself",
        "exact_matches: {c: {provider: openai, backend_model: gpt-4o}}\n"
        "fallback_chains: {c: {primary: c, secondary: vllm}}",
        [["openai/gpt-4o"], ["vllm/mixture"]],
    ),
    (
        "the default chain is for names without one",
        "exact_matches: {c: {provider: openai, backend_model: gpt-4o}}\n"
        "fallback_chains: {default: {chain: [{primary: vllm}, {secondary: small}]}}",
        [["openai/gpt-4o"], ["vllm/mixture"], ["ollama/small"]],
    ),
    (
        "not for names that have one",
        "exact_matches: {c: {provider: openai, backend_model: gpt-4o, fallback: vllm}}\n"
        "fallback_chains: {default: [small]}",
        [["openai/gpt-4o"], ["vllm/mixture"]],
    ),
]


@pytest.mark.parametrize(("routing", "expected"), [row[1:] for row in MEANINGS], ids=[row[0] for row in MEANINGS])
def test_meaning(routing: str, expected: list[list[str]]) -> None:
    assert steps(load(raw(routing)), "c") == expected


def test_the_default_chain_leads_nobody_back_to_himself() -> None:
    registry = load(
        raw(
            "fallback_chains: {default: [small, vllm], small: [gpt-4o]}\n"
            "patterns: {'q*': ollama}\ndefault_provider: vllm"
        )
    )
    # `small` and what it leads to have only their own chains; everybody else goes through all of it.
    assert steps(registry, "small") == [["ollama/small"], ["openai/gpt-4o"]]
    assert steps(registry, "gpt-4o") == [["openai/gpt-4o"]]
    assert steps(registry, "llama3.1:8b") == [
        ["ollama/llama3.1:8b"],
        ["ollama/small"],
        ["openai/gpt-4o"],
        ["vllm/mixture"],
    ]
    assert steps(registry, "q*")[1:] == [["ollama/small"], ["openai/gpt-4o"], ["vllm/mixture"]]
    assert steps(registry, "*") == [["vllm/mixture"], ["ollama/small"], ["openai/gpt-4o"]]


def test_a_model_called_default_keeps_its_chain_to_itself() -> None:
    text = "exact_matches: {default: {provider: openai, backend_model: gpt-4o}}\nfallback_chains: {default: [small]}"
    registry = load(raw(text))
    assert steps(registry, "default") == [["openai/gpt-4o"], ["ollama/small"]]
    assert steps(registry, "mixture") == [["vllm/mixture"]]


def test_a_regex_for_a_few_names_is_a_rule_for_each() -> None:
    text = "patterns: [{pattern: '^(small|mixture|dreamer)$', provider: openai, backend_model: gpt-4o, fallback: vllm}]"
    registry = load(raw(text))
    for name in ("small", "mixture", "dreamer"):
        assert steps(registry, name) == [["openai/gpt-4o"], ["vllm/mixture"]]
    assert "^(small|mixture|dreamer)$" not in registry.routes.groups
    mixed = "exact_matches: {small: ollama}\n" + text
    assert steps(load(raw(mixed)), "small") == [["ollama/small"]]


MISTAKES = [
    (
        "capabilities: {c: {preferred_models: [small], routing_strategy: complexity_based}}",
        "routes capabilities.c.routing_strategy: is no strategy here: LiteLLM's complexity router counts English",
    ),
    (
        "load_balancing: {c: {strategy: adaptive_weighted, providers: [vllm]}}",
        "routes load_balancing.c.strategy: is no strategy here: LiteLLM does not look at the task",
    ),
    (
        "capabilities: {c: {preferred_models: [small], routing_strategy: fastest_respons}}",
        "routes capabilities.c.routing_strategy: is not a strategy → did you mean 'fastest_response'?",
    ),
    (
        "capabilities: {c: {models: [small, nameless], routing_strategy: quality_first}}",
        "references capabilities.c.models[1]: the size of 'nameless' is not known → write `size: 8B` at 'nameless'"
        " in ai_backend_providers.openai.models",
    ),
    (
        "capability_routing: {c: {preferred_models: [{model: mixture}], strategy: context_based}}",
        "references capability_routing.c.preferred_models[0]: the context_length of 'mixture' is not known",
    ),
    (
        "capabilities: {c: {models: [nameless], min_model_size: 8B}}",
        "references capabilities.c.models[0]: the size of 'nameless' is not known",
    ),
    (
        "capabilities: {c: {models: [small], min_model_size: 8B}}",
        "routes capabilities.c.min_model_size: no member is left → lower it",
    ),
    (
        "capabilities: {c: {provider: vllm, min_context: 9}}",
        "references capabilities.c.provider: the context_length of 'mixture' is not known",
    ),
    (
        "capabilities: {c: {models: [small], min_context: 99999}}",
        "routes capabilities.c.min_context: no member is left",
    ),
    (
        "capabilities: {c: {models: [small], min_model_size: huge}}",
        "routes capabilities.c.min_model_size: is not a size",
    ),
    (
        "capabilities: {c: {routing_strategy: direct}}",
        "schema capabilities.c: has neither preferred_models nor provider",
    ),
    ("capabilities: {c: {models: [small], providers: [vllm]}}", "schema capabilities.c: has both preferred_models and"),
    ("capabilities: {c: {provider: nope}}", "references capabilities.c.provider: 'nope' is not a provider"),
    (
        "capabilities: {c: {models: [vllm]}}",
        "references capabilities.c.models[0]: 'vllm' is not a model → it is a prov",
    ),
    (
        "capabilities: {c: {models: [mixture, nameless], routing_strategy: cost_optimized}}",
        "routes capabilities.c.routing_strategy: no member has a price, so LiteLLM would always ask the first",
    ),
    (
        "load_balancing: {c: {providers: [{provider: vllm, weight: 0.5, condition: 'request_count > 5'}]}}",
        "schema load_balancing.c.providers[0].condition: is not supported → LiteLLM routes by name only",
    ),
    (
        "exact_matches: {c: {provider: vllm, condition: 'request_count > 5'}}",
        "schema exact_matches.c.condition: is not supported → LiteLLM routes by name only",
    ),
    (
        "patterns: {'c*': {provider: vllm, condition: 'request_count > 5'}}",
        'schema patterns["c*"].condition: is not supported → LiteLLM routes by name only',
    ),
    (
        "capabilities: {c: {models: [small], condition: 'request_count > 5'}}",
        "schema capabilities.c.condition: is not supported → LiteLLM routes by name only",
    ),
    (
        "fallback_chains: {small: {chain: [{secondary: vllm, condition: 'request_count > 5'}]}}",
        "routes fallback_chains.small.chain[0]: has a `condition` → LiteLLM routes by name only",
    ),
    ("fallback_chains: {small: [{secondary: vllm, size: 7}]}", "routes fallback_chains.small[0]: is not one name"),
    (
        "fallback_chains: {small: {primary: vllm, secondary: gpt-4o}}",
        "routes fallback_chains.small.primary: 'vllm' is not asked first, 'ollama' is → make them agree",
    ),
    (
        "fallback_chains: {small: {primary: olama, secondary: gpt-4o}}",
        "references fallback_chains.small.primary: 'olama' is neither a provider nor a model → did you mean 'ollama'?",
    ),
    (
        "fallback_chains: {small: {primary: small, secondary: gpt4}}",
        "references fallback_chains.small.secondary: chain item 'gpt4' is neither",
    ),
    (
        "fallback_chains: {small: {chain: [{primary: ollama}, {secondary: nope}]}}",
        "references fallback_chains.small.chain[1]: chain item 'nope' is neither",
    ),
    ("fallback_chains: {small: {secondary: vllm, chain: [gpt-4o]}}", "routes fallback_chains.small: has tiers and a"),
    ("fallback_chains: {default: [nope]}", "references fallback_chains.default[0]: chain item 'nope' is neither"),
    (
        "fallback_chains: {default: [nope], 'llama3.1:8b': vllm, small: gpt-4o, 'qwen2.5-coder:7b': vllm,"
        " mixture: gpt-4o, gpt-4o: vllm, nameless: vllm, dreamer: vllm}",
        "references fallback_chains.default[0]: chain item 'nope' is neither",
    ),
    (
        "exact_matches: {c: {provider: vllm, fallback_chain: [gpt-4o, nope]}}",
        "references exact_matches.c.fallback_chain[1]: chain item 'nope' is neither",
    ),
    (
        "exact_matches: {c: {provider: vllm, fallback: nope}}",
        "references exact_matches.c.fallback: chain item 'nope' is neither",
    ),
    (
        "exact_matches: {c: {provider: openai, backend_model: gpt}}",
        "references exact_matches.c.backend_model: 'gpt' is not a model of 'openai'",
    ),
    (
        "fallback_chains: {small: {chain: [gpt-4o]}, gpt-4o: [small]}",
        "routes fallback_chains.gpt-4o[0]: is circular: gpt-4o → small → gpt-4o",
    ),
    (
        "patterns: [{pattern: '^gpt.*', provider: openai}, {pattern: '.*-(a|b)$', provider: vllm}]",
        "routes patterns[1].pattern: is a regex LiteLLM cannot match, it knows only `*` → write one",
    ),
    (
        "patterns: [{pattern: '^q.*', provider: nope}]",
        "references patterns[0].provider: 'nope' is not a provider",
    ),
    (
        "patterns: [{pattern: '^q.*', provider: vllm}, {glob: 'qwen*', provider: vllm}]",
        "routes patterns[1]: overlaps with 'q*' written before it",
    ),
    (
        "patterns: [{pattern: '^q.*', provider: vllm}, {glob: 'q*', provider: vllm}]",
        "routes patterns[1]: is a duplicate",
    ),
    ("patterns: {'a**': vllm, 'a*': openai}", "routes patterns[\"a*\"]: never decides: 'a**' takes all its names"),
    (
        "patterns: [{pattern: '^(x|y)$', provider: vllm}]",
        "routes patterns[0]: stands for 'x', 'y' but no provider declares one of them",
    ),
    (
        "exact_matches: {small: ollama}\npatterns: [{pattern: '^small$', provider: vllm}]",
        "routes patterns[0]: has no effect: each of its names has an earlier rule",
    ),
    (
        "patterns: [{pattern: '^small$', provider: ollama}, {pattern: '^(small)$', provider: vllm}]",
        "routes patterns[1]: has no effect: each of its names",
    ),
    (
        "patterns: [{glob: 's*', provider: vllm}, {pattern: '^small$', provider: ollama}]",
        "routes patterns[1]: overlaps with 's*' written before it, but is a list of names and decides",
    ),
    (
        "patterns: [{pattern: '^small$', provider: nope}]",
        "references patterns[0].provider: 'nope' is not a provider",
    ),
    ("routes: {exact_matches: {small: nope}}", "references routes.exact_matches.small: 'nope' is not a provider"),
]


@pytest.mark.parametrize(("routing", "line"), MISTAKES, ids=[line[:60] for _, line in MISTAKES])
def test_a_mistake_has_one_line_that_points_at_it(routing: str, line: str) -> None:
    (found,) = findings(routing)
    assert found.startswith(line)


def test_a_regex_that_names_more_than_there_is_says_so() -> None:
    assert warnings("patterns: [{pattern: '^(small|x|y|z|w)$', provider: vllm}]") == [
        "patterns[0]: no provider declares 'w', 'x', 'y' and 1 more, so it is left out → declare it in `models:`"
    ]


def test_a_member_without_a_price_is_named() -> None:
    (line,) = warnings("capabilities: {c: {models: [gpt-4o, mixture], routing_strategy: cost_optimized}}")
    assert line.startswith(
        "capabilities.c.models[1]: 'mixture' has no price, so LiteLLM treats it as more expensive than all"
    )


def test_free_is_a_price(litellm: Callable[..., Raw]) -> None:
    """LiteLLM takes 0 for none, and none for the dearest."""
    text = "capabilities: {c: {models: [gpt-4o, 'llama3.1:8b'], routing_strategy: cost_optimized}}"
    config = litellm({**raw(text), "ports": {}})
    prices = {
        row["litellm_params"]["model"]: row["litellm_params"]["input_cost_per_token"]
        for row in config["model_list"]
        if row["model_name"] == "c"
    }
    assert 0 < prices["ollama_chat/llama3.1:8b"] < 1e-9 < prices["openai/gpt-4o"]
    plain = [row["litellm_params"] for row in config["model_list"] if row["model_name"] == "llama3.1:8b"]
    assert plain[0]["input_cost_per_token"] == 0


def test_context_based_is_written_as_orders_with_checks(litellm: Callable[..., Raw]) -> None:
    text = "capabilities: {c: {models: [gpt-4o, small], routing_strategy: context_based, fallback: mixture}}"
    config = litellm({**raw(text), "ports": {}})
    rows = [row for row in config["model_list"] if row["model_name"] == "c"]
    assert [(row["litellm_params"]["order"], row["model_info"]["max_input_tokens"]) for row in rows] == [
        (1, 2048),
        (2, 128000),
    ]
    # LiteLLM finds the limit of an Ollama model only with the name of its client.
    assert [row["model_info"].get("litellm_provider") for row in rows] == ["ollama_chat", None]
    settings = config["router_settings"]
    assert settings["enable_pre_call_checks"] is True
    assert settings["context_window_fallbacks"] == settings["fallbacks"] == [{"c": ["mixture"]}]
    assert "routing_groups" not in settings
    assert "enable_pre_call_checks" not in litellm({**raw("{}"), "ports": {}})["router_settings"]


@pytest.mark.parametrize(
    ("text", "billions"),
    [
        ("8B", 8),
        ("500M", 0.5),
        ("8", 8),
        ("1.5b", 1.5),
        ("8x7B", 56),
        ("1T", 1000),
        ("7 B", 7),
        ("big", None),
        ("", None),
    ],
)
def test_a_size_is_billions_of_parameters(text: str, billions: float | None) -> None:
    assert sizes.declared_size(text) == billions


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("llama3.1:8b", 8),
        ("Qwen/Qwen2.5-Coder-7B-Instruct-AWQ", 7),
        ("mythomax-l2-13b-q5_k_m", 13),
        ("kimi-k2:1t-cloud", 1000),
        ("mixtral-8x7b-instruct", 56),
        ("smollm:135m", 0.135),
        ("Qwen3-30B-A3B", 30),
        ("gpt-4o", None),
        ("q4b-model", None),
        ("llama-cpp-default", None),
    ],
)
def test_a_size_may_stand_in_the_name(name: str, billions: float | None) -> None:
    assert sizes.named_size(name) == billions


@pytest.mark.parametrize("size", ["8B", 8, 8.0, "8", "8000M"])
def test_a_least_size_has_many_spellings(size: object) -> None:
    routing = Routing.model_validate({"capabilities": {"c": {"models": ["m"], "min_model_size": size}}})
    assert routing.capability_routing["c"].min_model_size == 8


def test_every_word_has_a_mechanism() -> None:
    assert set(strategies.WORDS.values()) == set(strategies.MECHANISMS)
    assert not set(strategies.WORDS) & set(strategies.REFUSED)
    for word in strategies.WORDS:
        for spelling in (word, word.replace("_", "-"), word.upper()):
            assert strategies.read(spelling) == strategies.WORDS[word]
    for text in strategies.REFUSED.values():
        assert set(re.findall(r"`(\w+)`", text)) <= set(strategies.WORDS)
