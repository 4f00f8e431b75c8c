# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a request goes and why; `make contract` compares the same with the real LiteLLM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm.simulation import Deployment, shares
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.changes import routing_diff
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.explain import explain
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.explain_lines import as_lines
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load

Raw = dict[str, Any]
Routed = Callable[[str], Registry]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}
TWO = {**GROUPS, "llama_cpp": ["one", "two"]}
RULES = """
exact_matches: {gpt-4o: {provider: openai, fallback_chain: [vllm, native]}}
capability_routing: {code: [{model: "qwen2.5-coder:7b", provider: ollama}, {model: lab-tiny, provider: native}]}
load_balancing:
  gguf: {providers: [{provider: python, weight: 3}, {provider: native, weight: 1}], fallback: ollama}
patterns: {"qwen-*": vllm, "q*": ollama}
"""


def told(registry: Registry, model: str, *down: str, groups: Raw | None = None, addresses: Raw | None = None) -> Raw:
    return explain(fleet_of(registry, groups or GROUPS, addresses or {}), model, down)


def way(told: Raw) -> list[str]:
    return [f"{ask['provider']}/{ask['model']}" for ask in told["asked"]]


@pytest.fixture(scope="module")
def registry(lab: Callable[..., Raw]) -> Registry:
    raw = lab(routing=yaml.safe_load(RULES))
    raw["providers"]["ollama"]["default_model"] = "llama3.1:8b"
    return load(raw)


@pytest.mark.parametrize(
    ("model", "kind", "path"),
    [
        ("gpt-4o", "exact", "ai_backend_routing.exact_matches.gpt-4o"),
        ("claude-3", "exact", "ai_backend_providers.anthropic.models"),
        ("gguf", "exact", "ai_backend_routing.load_balancing.gguf"),
        ("code", "capability", "ai_backend_routing.capability_routing.code"),
        ("qwen-9", "pattern", 'ai_backend_routing.patterns["qwen-*"]'),
        ("quark", "pattern", 'ai_backend_routing.patterns["q*"]'),
    ],
)
def test_the_rule_that_takes_a_name(registry: Registry, model: str, kind: str, path: str) -> None:
    rule = told(registry, model)["rule"]
    assert (rule["kind"], rule["path"]) == (kind, path)


def test_earlier_rules_say_why_they_did_not(registry: Registry) -> None:
    rows = told(registry, "quark")["passed_over"]
    assert [row["kind"] for row in rows] == ["exact", "capability", "pattern"]
    assert rows[2]["why"] == "'quark' does not match 'qwen-*'"
    assert "before 'q*', which match too" in told(registry, "qwen-9")["rule"]["why"]


def test_a_name_nobody_takes(registry: Registry) -> None:
    result = told(registry, "nobody")
    assert (result["rule"], result["asked"], result["answers"]) == (None, [], None)
    assert result["passed_over"][-1]["kind"] == "default"
    assert as_lines(result)[-1] == "  nobody answers"


@pytest.mark.parametrize("model", ["模型", "a b", "gpt-4o,qwen-9", "x" * 257, ""])
def test_a_name_that_the_gateway_does_not_take_has_no_rule(registry: Registry, model: str) -> None:
    result = told(registry, model)
    assert (result["rule"], result["asked"]) == (None, [])
    assert "printable ASCII" in result["passed_over"][0]["why"]


def test_an_inactive_owner_is_named(registry: Registry) -> None:
    assert "'cloud' is inactive" in told(registry, "kimi-k2:1t-cloud")["passed_over"][0]["why"]


def test_the_default_comes_last(routed: Routed) -> None:
    result = told(routed("default_provider: ollama"), "nobody")
    assert result["rule"]["path"] == "ai_backend_routing.default_provider"
    assert way(result) == ["ollama/nobody"]


def test_one_after_the_other_is_out(registry: Registry) -> None:
    rows = told(registry, "gpt-4o")["when_down"]
    assert [(row["down"], row["answers"]) for row in rows] == [
        (["openai"], "vllm"),
        (["openai", "vllm"], "native"),
        (["native", "openai", "vllm"], None),
    ]


def test_a_pool_shares_by_weight_and_takes_the_other_when_one_is_down(registry: Registry) -> None:
    result = told(registry, "gguf", "python")
    (level, *_later) = result["levels"]
    assert {row["provider"]: row["share"] for row in level["deployments"]} == {"python": 0.75, "native": 0.25}
    assert result["asked"][0]["one_of"] == ["native", "python"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([{}, {}], [0.5, 0.5]),
        ([{"weight": 3}, {"weight": 1, "rpm": 900}], [0.75, 0.25]),
        ([{"rpm": 100}, {"rpm": 300, "tpm": 1}], [0.25, 0.75]),
        ([{"rpm": 100}, {}], [1, 0]),
        ([{"tpm": 100}, {"tpm": 100}], [0.5, 0.5]),
    ],
)
def test_shares_are_those_of_litellms_shuffle(params: list[dict[str, int]], expected: list[float]) -> None:
    level = [Deployment("id", "provider", "openai", "model", one) for one in params]
    assert shares(level) == expected


def test_only_a_shuffle_asks_its_siblings(routed: Routed) -> None:
    pool = "load_balancing: {gguf: {strategy: %s, providers: [python, native]}}"
    shuffled = told(routed(pool % "simple_shuffle"), "gguf", "python")
    least = told(routed(pool % "least_loaded"), "gguf", "python")
    assert (shuffled["answers"], least["answers"]) == ("native", None)


def test_each_host_is_a_deployment(routed: Routed) -> None:
    result = told(routed("{}"), "lab-tiny", groups=TWO, addresses={"one": "10.0.0.1", "two": "10.0.0.2"})
    (level,) = result["levels"]
    assert [(row["host"], row["api_base"], row["share"]) for row in level["deployments"]] == [
        ("one", "http://127.0.0.2:8080/v1", 0.5),
        ("two", "http://127.68.204.254:8080/v1", 0.5),
    ]


def test_limits_are_those_of_the_config(registry: Registry) -> None:
    (level, *_later) = told(registry, "gpt-4o")["levels"]
    row = level["deployments"][0]
    assert (row["engine"], row["timeout_seconds"], row["stream_gap_seconds"]) == ("openai", 600, 300)
    assert told(registry, "gpt-4o")["breaker"] == {"failures": 3, "cooldown_seconds": 300, "alone": False}


def test_a_name_that_nobody_is_asked_after_is_not_out_for_long(routed: Routed) -> None:
    result = told(routed("{}"), "lab-tiny")
    assert result["breaker"] == {"failures": 3, "cooldown_seconds": 5, "alone": True}
    assert "  breaker: cooldown after 3 failures, for 5 s: there is no alternative" in as_lines(result)


def test_who_is_down_must_exist(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="did you mean 'openai'"):
        told(registry, "gpt-4o", "openaj")


def test_the_entry_takes_words_and_wants_a_model(lab: Callable[..., Raw]) -> None:
    assert entries.explain(lab(), "gpt-4o", GROUPS, None, "openai, vllm")["down"] == ["openai", "vllm"]
    with pytest.raises(RegistryError, match="-e model="):
        entries.explain(lab(), "", GROUPS, None, [])


def test_the_entry_takes_the_length_of_the_prompt(lab: Callable[..., Raw]) -> None:
    members = ["llama3.1:8b", "qwen2.5-coder:7b"]
    raw = lab(routing={"capabilities": {"texts": {"routing_strategy": "context_based", "preferred_models": members}}})
    raw["providers"]["ollama"]["models"] = [
        {"name": name, "context_length": length} for name, length in zip(members, (1000, 9000), strict=True)
    ]

    def answers(tokens: object) -> str:
        model: str = entries.explain(raw, "texts", GROUPS, None, [], tokens)["asked"][-1]["model"]
        return model

    assert [answers(tokens) for tokens in (0, None, "999", 5000)] == [*[members[0]] * 3, members[1]]
    with pytest.raises(RegistryError, match="-e tokens="):
        answers("many")


def test_the_diff_of_two_registries(routed: Routed) -> None:
    old = routed(
        "{exact_matches: {a: vllm, b: vllm, gpt-4o: {provider: openai, fallback: native}}, patterns: {'q*': ollama}}"
    )
    new = routed("exact_matches: {b: openai_x, c: vllm, gpt-4o: openai}".replace("openai_x", "python"))
    before, after = (fleet_of(registry, GROUPS, {}) for registry in (old, new))
    assert routing_diff(before, after) == {
        "added": ["c"],
        "removed": ["a", "q*"],
        "rerouted": {"b": {"old": ["vllm/Qwen/Coder-AWQ"], "new": ["python/gguf"]}},
        "chains": {"gpt-4o": {"old": ["native/lab-tiny"], "new": []}},
    }
    assert not any(routing_diff(before, before).values())


def test_a_deployments_id_has_no_colon(registry: Registry) -> None:
    """LiteLLM's usage-based routing cuts an id there, and would refuse every request."""
    ids = [row["id"] for level in told(registry, "llama3.1:8b")["levels"] for row in level["deployments"]]
    assert ids == ["llama3.1%3A8b#1|ollama@one/llama3.1%3A8b"]


def test_nobody_is_asked_twice_for_one_request(routed: Routed) -> None:
    """After the rest of a pool, LiteLLM before 1.108 asked the chain again that had just failed."""
    pool = "load_balancing: {gguf: {strategy: simple_shuffle, providers: [python, native]}}"
    registry = routed(f"{pool}\nfallback_chains: {{gguf: [gpt-4o]}}")
    result = told(registry, "gguf", "python", "native", "openai")
    assert sorted(way(result)) == ["native/lab-tiny", "openai/gpt-4o", "python/gguf"]


def test_a_name_that_wakes_its_engine_says_so(lab: Callable[..., Raw]) -> None:
    raw = lab()
    raw["providers"]["native"]["models"][0] = {"name": "lab-tiny", "source": "tiny", "options": {"sleep_after": "15m"}}
    found = told(load(raw), "lab-tiny")
    assert [row["sleeps_after_seconds"] for level in found["levels"] for row in level["deployments"]] == [900]
    (line,) = (line for line in as_lines(found) if "native (llama_cpp)" in line)
    assert line.endswith(", sleeps after 900 s without a request and wakes for the next")


def test_a_pattern_may_send_only_what_its_star_stands_for(routed: Routed) -> None:
    registry = routed("patterns: {'openai/*': {provider: openai, backend_model: '*'}, 'my-*': ollama}")
    answer = told(registry, "openai/gpt-next")
    assert (answer["answers"], answer["asked"][0]["model"]) == ("openai", "gpt-next")
    assert told(registry, "my-model")["asked"][0]["model"] == "my-model"
