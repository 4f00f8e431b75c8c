# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything wrong in one run: no mistake hides another, and none is reported that mending another one removes."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.paths import join
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.validation import checked

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "engines": ["one"], "far": ["two"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}
ROUND = {"m1": ["native"], "claude-3": ["cloud"], "ring-a": ["ring-b"], "ring-b": ["ring-a"]}
LITERAL = "sk-" + "live-0123456789abcdefghijklmnop"  # pragma: allowlist secret

SOUND = """
providers:
  native: {type: llama_cpp, hosts: engines, models: [{name: lab-tiny, source: tiny}]}
  away: {type: llama_cpp, hosts: far, models: [{name: far-tiny, source: tiny}]}
  ollama: {type: ollama, managed: false, base_url: "http://127.0.0.1:11434", models: ["llama3.1:8b", qwen]}
  vllm: {type: vllm, status: inactive, managed: false, base_url: "http://10.0.0.9:8001", models: [coder]}
  cloud: {type: openai, models: [gpt-4o]}
  claude: {type: anthropic, models: [claude-3], timeout_seconds: 60}
  asleep: {type: vllm, status: inactive, managed: false, base_url: "http://10.0.0.9:8002", models: [dreamer]}
  other: {type: openai_compatible, base_url: "https://llm.example.com/v1", models: [m1]}
routing:
  exact_matches:
    chat: {provider: ollama, backend_model: qwen, fallback: [native]}
    best: {provider: claude, backend_model: claude-3, fallback: [chat]}
    spare: {provider: cloud, backend_model: gpt-4o}
    idle: {provider: vllm, backend_model: coder, fallback: [chat]}
    plain: other
    ring-a: native
    ring-b: native
  load_balancing: {pool: {strategy: weighted, providers: [{provider: cloud, weight: 1}, {provider: other, weight: 2}]}}
  capabilities: {coding: [qwen, lab-tiny], talking: {models: [gpt-4o]}}
  patterns: {"gpt-*": cloud, "qwen*": {provider: ollama, fallback: [native]}}
  fallback_chains: {m1: [native], claude-3: [cloud]}
  default_provider: native
ports: {services: {native: 8080, away: {port: 8081}, grafana: 3000, loki: 3100}, reserved: {later: 9000}}
gateway: {workers: 1}
cache: {ttl: 60}
secrets: {OPENAI_API_KEY: given-openai, ANTHROPIC_API_KEY: given-anthropic}
"""

# (kind, where, value, words of the one line). Two with the same place are no independent mistakes.
MISTAKES: list[tuple[str, str, Any, str]] = [
    ("unknown key", "providers/ollama/colour", "red", "ai_backend_providers.ollama.colour: unknown key"),
    ("misspelled key", "providers/cloud/modles", [], "cloud.modles: unknown key → did you mean 'models'"),
    ("misspelled status", "providers/claude/statsu", "inactive", "claude.statsu: unknown key → did you mean 'status'"),
    ("unknown key of a model", "providers/native/models/0/zzz", 1, "native.models[0].zzz: unknown key"),
    ("wrong type", "providers/claude/timeout_seconds", "soon", "claude.timeout_seconds: is not a whole number"),
    ("wrong type of models", "providers/other/models", 7, "other.models: is not a list"),
    ("wrong status word", "providers/vllm/status", "enabled", "vllm.status: is none of the words there are"),
    ("unknown type", "providers/fresh", {"type": "olama"}, "fresh.type: is not a known type"),
    ("no type", "providers/empty", None, "empty.type: is missing"),
    ("no address", "providers/lone", {"type": "ollama", "models": ["one"]}, "lone: has neither base_url nor hosts"),
    ("missing secret", "secrets/OPENAI_API_KEY", "", "ai_backend_secrets.OPENAI_API_KEY: has no value, 'cloud'"),
    ("secret that is none", "secrets/ANTHROPIC_API_KEY", ["a"], "ai_backend_secrets.ANTHROPIC_API_KEY: is not a text"),
    ("literal secret", "providers/other/notes", LITERAL, "ai_backend_providers.other.notes: looks like a literal"),
    ("literal secret in a rule", "routing/exact_matches/sly/provider", LITERAL, "sly.provider: looks like a literal"),
    ("missing provider", "routing/exact_matches/lost", {"provider": "olamma"}, "lost.provider: 'olamma' is not a"),
    ("missing provider, bare", "routing/exact_matches/gone", "olamma", "exact_matches.gone: 'olamma' is not a"),
    ("missing default", "routing/default_provider", "olamma", "routing.default_provider: 'olamma' is not a provider"),
    (
        "missing member",
        "routing/load_balancing/pool/providers/0/provider",
        "olamma",
        "pool.providers[0].provider: 'olamma' is",
    ),
    ("dead route", "routing/exact_matches/dead", "asleep", "exact_matches.dead: no active target is left"),
    ("unknown chain item", "routing/exact_matches/chat/fallback", ["nativ"], "chain item 'nativ' is neither"),
    ("chain that is itself", "routing/exact_matches/plain", {"provider": "other", "fallback": "plain"}, "name itself"),
    (
        "wrong model",
        "routing/exact_matches/big",
        {"provider": "cloud", "backend_model": "gpt-4"},
        "'gpt-4' is not a model of",
    ),
    ("chain cycle", "routing/fallback_chains", ROUND, "is circular: ring-a → ring-b → ring-a"),
    ("chain of nothing", "routing/fallback_chains/chatt", ["native"], "chatt: is not a name a client may ask for"),
    ("bad pattern", "routing/patterns/[ab]+", "ollama", "is not a glob LiteLLM can match"),
    ("capability to no model", "routing/capabilities/coding", ["qwwen"], "'qwwen' is not a model"),
    (
        "no strategy",
        "routing/capabilities/clever",
        {"models": ["qwen"], "routing_strategy": "adaptive"},
        "capabilities.clever.routing_strategy: is no strategy here",
    ),
    (
        "no size",
        "routing/capabilities/large",
        {"models": ["qwen"], "min_model_size": "8B"},
        "capabilities.large.models[0]: the size of 'qwen' is not known",
    ),
    (
        "wrong primary",
        "routing/fallback_chains/best",
        {"primary": "cloud", "secondary": "chat"},
        "fallback_chains.best.primary: 'cloud' is not asked first, 'claude' is",
    ),
    (
        "unknown item of the default chain",
        "routing/fallback_chains/default",
        {"secondary": "nativ"},
        "fallback_chains.default.secondary: chain item 'nativ' is neither",
    ),
    ("wrong rule", "routing/exact_matches/spare/provider", 7, "exact_matches.spare.provider: is not a text"),
    ("unknown key of a rule", "routing/exact_matches/best/fallbak", ["x"], "best.fallbak: unknown key → did you mean"),
    ("refused key", "routing/custom_strategies", {}, "routing.custom_strategies: is not supported"),
    ("duplicate port", "ports/services/loki", 3000, "ai_backend_ports.services.loki: port 3000 belongs to 'grafana'"),
    ("reserved port", "ports/services/tempo", 9000, "ai_backend_ports.services.tempo: port 9000 is reserved"),
    ("no port", "ports/services/prometheus", {"port": "many"}, "ai_backend_ports.services.prometheus.port: is not"),
    ("wrong setting", "gateway/binf", "::", "ai_backend_gateway.binf: unknown key → did you mean 'bind'"),
    ("wrong time", "cache/ttl", "soon", "ai_backend_cache.ttl: is not a whole number"),
    ("wrong part", "surprise", {}, "ai_backend_surprise: is not part of a registry"),
    ("unset reference", "gateway/litellm", {"extra": {"litellm_settings": {"a": "os.environ/UNSET_KEY"}}}, "UNSET_KEY"),
    ("empty group", "groups/gateway", [], "inventory: the inventory group 'gateway' has no host"),
    ("no host", "providers/away/hosts", "nowhere", "away.hosts: the inventory group 'nowhere' has no host"),
    ("no address of a host", "addresses/two", "", "inventory.two: has no address, but gateway 'one' uses 'away'"),
]
# What one leaves open, the other cannot be told without: mended one after the other.
DEPENDENT = {
    # The models of a provider that cannot be read may be those that are missed.
    ("misspelled key", "wrong type of models", "no type"): (
        "unknown chain item",
        "unknown item of the default chain",
        "capability to no model",
        "chain of nothing",
    ),
    ("misspelled key",): ("wrong model",),
    # Of a rule with a key that was probably another it is not known who is asked first.
    ("unknown key of a rule",): ("wrong primary",),
    # A common chain may be a way out of a dead end.
    ("unknown item of the default chain",): ("dead route",),
    # Without a gateway nobody asks a host for anything, and on hosts that are not there nothing can be asked.
    ("empty group", "no host"): ("no address of a host",),
    # What stands in a part of which one key was probably another is not looked at.
    ("wrong setting",): ("unset reference",),
}


def sound() -> Raw:
    raw: Raw = yaml.safe_load(SOUND)
    return {"groups": copy.deepcopy(GROUPS), "addresses": dict(ADDRESSES), **raw}


def put(raw: Raw, where: str, value: Any) -> None:
    *way, last = where.split("/")
    current: Any = raw
    for part in way:
        current = current[int(part)] if isinstance(current, list) else current.setdefault(part, {})
    current[last if isinstance(current, dict) else int(last)] = copy.deepcopy(value)


def lines(numbers: tuple[int, ...]) -> list[str]:
    """The findings of the sound registry with these mistakes."""
    raw = sound()
    for number in sorted(numbers):
        put(raw, MISTAKES[number][1], MISTAKES[number][2])
    groups, addresses = raw.pop("groups"), raw.pop("addresses")
    try:
        checked(raw, groups, addresses)
    except RegistryError as error:
        return sorted(str(finding) for finding in error.findings)
    return []


def independent(first: int, second: int) -> bool:
    kinds = {MISTAKES[first][0], MISTAKES[second][0]}
    if MISTAKES[first][1] == MISTAKES[second][1]:
        return False
    return not any(
        kinds == {one, other} for ones, others in DEPENDENT.items() for one, other in itertools.product(ones, others)
    )


SINGLE: dict[int, list[str]] = {}


def single(number: int) -> list[str]:
    if number not in SINGLE:
        SINGLE[number] = lines((number,))
    return SINGLE[number]


def test_the_registry_they_are_put_into_is_sound() -> None:
    assert lines(()) == []


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[row[0] for row in MISTAKES])
def test_one_mistake_is_one_line(number: int) -> None:
    assert len(single(number)) == (2 if MISTAKES[number][0] == "no address of a host" else 1)
    assert MISTAKES[number][3] in single(number)[0]


@pytest.mark.parametrize("first", range(len(MISTAKES)), ids=[row[0] for row in MISTAKES])
def test_two_mistakes_are_their_two_lines(first: int) -> None:
    for second in range(first):
        found, both = lines((first, second)), {*single(first), *single(second)}
        if independent(first, second):
            assert found == sorted(both), MISTAKES[second][0]
        elif MISTAKES[first][1] != MISTAKES[second][1]:
            assert found
            assert set(found) <= both, MISTAKES[second][0]


@given(st.sets(st.integers(0, len(MISTAKES) - 1), min_size=3, max_size=12))
def test_many_mistakes_are_all_their_lines(numbers: set[int]) -> None:
    chosen: list[int] = []
    for number in sorted(numbers):
        if all(independent(number, other) for other in chosen):
            chosen.append(number)
    assert lines(tuple(chosen)) == sorted({line for number in chosen for line in single(number)})


def places(value: Any, way: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every place below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, inner in pairs:
        found += [(*way, str(key)), *places(inner, (*way, str(key)))]
    return found


REGISTRY = [
    place for place in places(yaml.safe_load(SOUND)) if place not in {("providers",), ("secrets",)} and len(place) > 1
]


@pytest.mark.parametrize("junk", [7.5, {"zz": []}, "x y", [[]], True], ids=str)
@pytest.mark.parametrize("place", REGISTRY, ids="/".join)
def test_what_cannot_be_read_has_no_consequences_elsewhere(place: tuple[str, ...], junk: Any) -> None:
    """All that is said of a value that cannot be read is said of the entry it stands in."""
    if place == ("ports", "services") and isinstance(junk, dict):
        return  # The ports of the others are really gone then.
    raw = sound()
    groups, addresses = raw.pop("groups"), raw.pop("addresses")
    current: Any = raw
    for part in place[:-1]:
        current = current[int(part)] if isinstance(current, list) else current[part]
    current[int(place[-1]) if isinstance(current, list) else place[-1]] = junk
    try:
        checked(raw, groups, addresses)
    except RegistryError as error:
        near = join(f"ai_backend_{place[0]}", *place[1 : 2 if place[0] in ("providers", "secrets") else 3])
        away = [str(finding) for finding in error.findings if not finding.path.startswith(near)]
        assert not away
