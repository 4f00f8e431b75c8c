# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who answers for a name: what the words of the routing mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.routing.cycles import depth_first

Raw = dict[str, Any]


def steps(registry: Registry, name: str) -> list[list[str]]:
    """Each step of a name as `provider/model`, * for the name as asked."""
    return [[f"{t.provider}/{t.model or '*'}" for t in level] for level in registry.routes.sequence(name)]


# name asked, routing, what is tried in which order
MEANINGS = [
    ("a declared model is an exact route", "lab-tiny", "{}", [["native/lab-tiny"]]),
    (
        "a provider in a chain is its model of that name",
        "gpt-4o",
        "exact_matches: {gpt-4o: {provider: native, fallback: openai}}",
        [["native/lab-tiny"], ["openai/gpt-4o"]],
    ),
    (
        "else its default model",
        "x",
        "exact_matches: {x: {provider: native, fallback: ollama}}",
        [["native/lab-tiny"], ["ollama/qwen2.5-coder:7b"]],
    ),
    (
        "else its only model",
        "x",
        "exact_matches: {x: {provider: vllm, fallback: python}}",
        [["vllm/Qwen/Coder-AWQ"], ["python/gguf"]],
    ),
    (
        "backend_model is the provider's own name",
        "fast",
        "exact_matches: {fast: {provider: openai, backend_model: gpt-4o-mini}}",
        [["openai/gpt-4o-mini"]],
    ),
    (
        "chains go on through chains, and nothing is tried twice",
        "gpt-4o",
        "fallback_chains: {gpt-4o: [claude-3, gguf], claude-3: [gguf], gguf: [lab-tiny]}",
        [["openai/gpt-4o"], ["anthropic/claude-3"], ["python/gguf"], ["native/lab-tiny"]],
    ),
    (
        "fallback_chains adds to the chain of the rule",
        "gpt-4o",
        "exact_matches: {gpt-4o: {provider: openai, fallback: gguf}}\n"
        "fallback_chains: {gpt-4o: [gguf, claude-3], gguf: [lab-tiny]}",
        [["openai/gpt-4o"], ["python/gguf"], ["native/lab-tiny"], ["anthropic/claude-3"]],
    ),
    (
        "a pool wins over the exact match of its name",
        "gpt-4o",
        "exact_matches: {gpt-4o: openai}\nload_balancing: {gpt-4o: {providers: [openai, python]}}",
        [["openai/gpt-4o", "python/gguf"]],
    ),
    (
        "a pool over an exact match keeps its backend model",
        "fast",
        "exact_matches: {fast: {provider: openai, backend_model: gpt-4o}}\n"
        "load_balancing: {fast: {providers: [openai, native]}}",
        [["openai/gpt-4o", "native/lab-tiny"]],
    ),
    (
        "a pool may go by priority",
        "p",
        "load_balancing: {p: {strategy: priority, providers: [python, native]}}",
        [["python/gguf"], ["native/lab-tiny"]],
    ),
    (
        "a pool member that is the pool's own name is who declares it",
        "gguf",
        "load_balancing: {gguf: {providers: [{model: gguf}, native]}}",
        [["python/gguf", "native/lab-tiny"]],
    ),
    (
        "a capability goes one after the other, by model or provider",
        "code",
        "exact_matches: {fast: {provider: openai, backend_model: gpt-4o}}\n"
        "capabilities: {code: {models: [{model: 'qwen2.5-coder:7b', provider: ollama}, fast,"
        " {model: fast, provider: openai}, {provider: native}], fallback: claude-3}}",
        [["ollama/qwen2.5-coder:7b"], ["openai/gpt-4o"], ["native/lab-tiny"], ["anthropic/claude-3"]],
    ),
    (
        "a capability can share its traffic",
        "code",
        "capabilities: {code: {strategy: least_loaded, models: [gguf, lab-tiny]}}",
        [["python/gguf", "native/lab-tiny"]],
    ),
    ("a pattern gives Ollama the name as asked", "q*", "patterns: {'q*': ollama}", [["ollama/*"]]),
    (
        "a pattern gives an engine with one model its model",
        "q*",
        "patterns: {'q*': {provider: vllm, fallback: [openai, claude-3]}}",
        [["vllm/Qwen/Coder-AWQ"], ["openai/*"], ["anthropic/claude-3"]],
    ),
    (
        "a pattern may name the model",
        "q*",
        "patterns: {'q*': {provider: openai, backend_model: gpt-4o}}\nfallback_chains: {'q*': native}",
        [["openai/gpt-4o"], ["native/lab-tiny"]],
    ),
    ("names nobody knows go to the default", "*", "default_provider: openai", [["openai/*"]]),
    ("a catch-all needs one model of Anthropic", "*", "default_provider: anthropic", [["anthropic/claude-3"]]),
    (
        "an inactive first choice gives way to the chain",
        "x",
        "exact_matches: {x: {provider: cloud, fallback_chain: [other, gguf, native]}}\n"
        "fallback_chains: {gguf: claude-3}",
        [["python/gguf"], ["anthropic/claude-3"], ["native/lab-tiny"]],
    ),
    (
        "an inactive first choice gives way to a provider in the chain",
        "x",
        "exact_matches: {x: {provider: cloud, fallback: native}}",
        [["native/lab-tiny"]],
    ),
    (
        "an inactive exact match leaves the provider that declares the name",
        "gguf",
        "exact_matches: {gguf: cloud}",
        [["python/gguf"]],
    ),
    (
        "inactive members leave a pool and a capability",
        "p",
        "load_balancing: {p: {providers: [cloud, native]}}\ncapabilities: {c: ['kimi-k2:1t-cloud', lab-tiny]}",
        [["native/lab-tiny"]],
    ),
    (
        "an inactive model leaves a chain",
        "gguf",
        "fallback_chains: {gguf: ['kimi-k2:1t-cloud', native], 'kimi-k2:1t-cloud': [gguf]}",
        None,
    ),
]


@pytest.mark.parametrize(
    ("name", "routing", "expected"), [row[1:] for row in MEANINGS], ids=[row[0] for row in MEANINGS]
)
def test_meaning(lab: Callable[..., Raw], name: str, routing: str, expected: list[list[str]] | None) -> None:
    raw = lab(routing=yaml.safe_load(routing))
    raw["providers"]["ollama"]["default_model"] = "qwen2.5-coder:7b"
    if expected is None:
        del raw["routing"]["fallback_chains"]["kimi-k2:1t-cloud"]
        expected = [["python/gguf"], ["native/lab-tiny"]]
    assert steps(load(raw), name) == expected


MISTAKES = [
    ("default_provider: olama", "default_provider: 'olama' is not a provider → did you mean 'ollama'?"),
    ("default_provider: cloud", "default_provider: no active target is left"),
    ("default_provider: openai\npatterns: {'*': native}", 'patterns["*"]: takes every name'),
    ("exact_matches: {x: openai}", "exact_matches.x: 'openai' has no model 'x' and no default_model"),
    ("exact_matches: {x: {provider: openai, backend_model: gpt4}}", "'gpt4' is not a model of 'openai' → did you mean"),
    ("exact_matches: {x: cloud}", "exact_matches.x: no active target is left → activate its provider"),
    ("exact_matches: {x: {provider: vllm, fallback: nope}}", "chain item 'nope' is neither a provider nor a model"),
    ("exact_matches: {x: {provider: vllm, fallback: x}}", "chain item 'x' is the name itself → remove it"),
    (
        "exact_matches: {x: {provider: vllm, fallback: [gguf, lab-tiny]}}\nfallback_chains: {x: [lab-tiny, gguf]}",
        "fallback_chains.x: has a different order from ai_backend_routing.exact_matches.x",
    ),
    (
        "exact_matches: {native: {provider: vllm}, x: {provider: vllm, fallback: native}}",
        "chain item 'native' is both a provider and a model",
    ),
    (
        "fallback_chains: {gguf: [claude-3], claude-3: [lab-tiny], lab-tiny: [gguf]}",
        "is circular: claude-3 → lab-tiny → gguf → claude-3",
    ),
    ("fallback_chains: {nope: [gguf]}", "fallback_chains.nope: is not a name a client may ask for"),
    ("capabilities: {gguf: [claude-3]}", "capabilities.gguf: is the name of a model or pool too"),
    ("capabilities: {c: [nope]}", "capabilities.c[0]: 'nope' is not a model"),
    ("capabilities: {c: ['kimi-k2:1t-cloud']}", "capabilities.c: no active target is left"),
    (
        "exact_matches: {gguf: python}\nload_balancing: {gguf: {providers: [native]}}",
        "load_balancing.gguf: does not contain 'python'",
    ),
    ("load_balancing: {x: {providers: [cloud]}}", "load_balancing.x: no active target is left"),
    ("patterns: {'q*': {provider: openai, backend_model: gpt}}", "'gpt' is not a model of 'openai'"),
    ("patterns: {'q*': nope}", "patterns[\"q*\"]: 'nope' is not a provider"),
    ("patterns: {'q*': {provide: openai}}", 'patterns["q*"].provider: is missing'),
    ("load_balancing: {default: {strategy: fastest, providers: [native]}}", "default: cannot have a strategy"),
    ("patterns: {'q*': cloud}", 'patterns["q*"]: no active target is left'),
    ("patterns: {'q*': openai, 'qwen*': openai}", "patterns[\"qwen*\"]: overlaps with 'q*' written before it"),
    ("patterns: {'org/*': anthropic}", "anthropic cannot take any name here"),
    ("patterns: {'a-*': {provider: openai, backend_model: '*-*'}}", "backend_model has another number of `*`"),
    ("patterns: {'a-*': {provider: openai, backend_model: 'b *'}}", "is empty or has blanks"),
    ("patterns: [{pattern: '^(gguf|m1)$', provider: openai, backend_model: '*'}]", "another number of `*`"),
    ("custom_strategies: {}", "custom_strategies: is not supported → LiteLLM runs no code from here"),
]


@pytest.mark.parametrize(("routing", "line"), MISTAKES, ids=[line for _, line in MISTAKES])
def test_mistake(lab: Callable[..., Raw], wrong: Callable[..., str], routing: str, line: str) -> None:
    raw = lab(routing=yaml.safe_load(routing))
    raw["providers"]["anthropic"]["models"] = ["claude-3", "claude-4"]
    assert line in wrong(raw)


def test_an_engine_without_models_stands_for_nothing(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab(routing={"default_provider": "vllm"})
    raw["providers"]["vllm"]["models"] = []
    assert "'vllm' serves one model at a time and names no default_model" in wrong(raw)


def test_a_name_declared_twice_must_be_settled(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab()
    raw["providers"]["vllm"]["models"] = ["gguf"]
    assert "'gguf' is declared by 'python' and 'vllm' → choose one" in wrong(raw)
    raw["routing"] = {"load_balancing": {"gguf": {"providers": {"python": 1, "vllm": 3}}}}
    assert steps(load(raw), "gguf") == [["python/gguf", "vllm/gguf"]]


def test_warnings_name_each_inactive_provider_once(routed: Callable[[str], Registry]) -> None:
    registry = routed(
        "exact_matches: {x: {provider: cloud, fallback: native}}\n"
        "fallback_chains: {gguf: ['kimi-k2:1t-cloud'], 'kimi-k2:1t-cloud': [lab-tiny]}\n"
        "patterns: {'*-mini': {provider: openai, fallback: other}}"
    )
    assert tuple(f"{finding.path}: {finding.problem}" for finding in registry.warnings) == (
        "ai_backend_providers.cloud: inactive, so it is left out of exact_matches.x, fallback_chains.gguf[0], "
        'fallback_chains["kimi-k2:1t-cloud"]',
        'ai_backend_providers.other: template, so it is left out of patterns["*-mini"].fallback',
        'ai_backend_routing.patterns["*-mini"]: LiteLLM does not anchor the end, longer names match too',
    )


LIMITED = {"name": "shared", "rate_limits": {"requests_per_minute": 10}}


@pytest.mark.parametrize(
    ("models", "weights", "warned"),
    [
        ((LIMITED, "shared"), (None, None), ["vllm"]),
        ((LIMITED, "shared"), (1, 1), []),
        ((LIMITED, LIMITED), (None, None), []),
        (("shared", "shared"), (None, None), []),
    ],
    ids=["one has a limit", "weights", "both have it", "none has it"],
)
def test_a_member_that_a_limit_of_others_leaves_out_is_named(
    lab: Callable[..., Raw], models: tuple[object, object], weights: tuple[int | None, int | None], warned: list[str]
) -> None:
    raw = lab()
    members = []
    for name, model, weight in zip(("ollama", "vllm"), models, weights, strict=True):
        raw["providers"][name]["models"] = [model]
        members.append({"provider": name, "model": "shared", **({"weight": weight} if weight else {})})
    raw["routing"] = {"load_balancing": {"shared": {"providers": members}}}
    found = [line for line in load(raw).warnings if "sends nothing to" in line.problem]
    assert [line.problem.partition("sends nothing to ")[2].partition(":")[0] for line in found] == warned
    assert all(line.path == "ai_backend_routing.load_balancing.shared" for line in found)


def test_a_deprecated_provider_still_answers(lab: Callable[..., Raw]) -> None:
    raw = lab()
    raw["providers"]["python"]["status"] = "deprecated"
    registry = load(raw)
    assert steps(registry, "gguf") == [["python/gguf"]]
    assert [(f.path, f.problem, f.check, f.severity) for f in registry.warnings] == [
        ("ai_backend_providers.python", "deprecated, it still answers", "routes", "warning")
    ]


def test_a_chain_may_be_longer_than_pythons_stack(lab: Callable[..., Raw]) -> None:
    names = [f"m{i}" for i in range(1500)]
    exact = {
        name: {"provider": "openai", "backend_model": "gpt-4o", "fallback": after} for name, after in _pairs(names)
    }
    registry = load(lab(routing={"exact_matches": exact}))
    assert steps(registry, "m0") == [["openai/gpt-4o"], ["python/gguf"]]


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    return list(zip(names, [*names[1:], "gguf"], strict=True))


def test_depth_first_says_every_round() -> None:
    order, loops = depth_first({"a": ["b"], "b": ["a", "c"], "d": ["d2"], "d2": ["d"]})
    assert loops == [["a", "b", "a"], ["d", "d2", "d"]]
    assert order.index("c") < order.index("b") < order.index("a")


def test_a_member_that_names_a_model_of_its_provider_means_that_one_not_an_alias(
    routed: Callable[[str], Registry],
) -> None:
    registry = routed(
        "exact_matches: {'llama3.1:8b': {provider: ollama, backend_model: 'qwen2.5-coder:7b'}}\n"
        "load_balancing: {both: {providers: [{provider: ollama, model: 'llama3.1:8b'}, python]}}"
    )
    assert steps(registry, "both") == [["ollama/llama3.1:8b", "python/gguf"]]
