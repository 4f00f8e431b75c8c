# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two spellings, one inner form."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.routing import Routing, unwrap

SAME = [
    ("exact_matches: {a: p}", "exact_matches: {a: {provider: p}}"),
    ("exact_matches: {a: {provider: p, fallback: q}}", "exact_matches: {a: {provider: p, chain: [q]}}"),
    ("exact_matches: {a: {provider: p, fallbacks: [q]}}", "exact_matches: {a: {provider: p, fallback_chain: [q]}}"),
    (
        "exact_matches: {a: {provider: p, fallback: q, fallback_chain: [q]}}",
        "exact_matches: {a: {provider: p, chain: q}}",
    ),
    ("fallback_chains: {a: [p, q]}", "fallback_chains: {a: {chain: [p, q]}}"),
    ("fallback_chains: {a: p}", "fallback_chains: {a: {fallback_chain: [p]}}"),
    ("patterns: {'q*': p}", "patterns: [{pattern: '^q.*', provider: p}]"),
    ("patterns: {'q*': {provider: p}}", "patterns: [{glob: 'q*', provider: p}]"),
    ("capabilities: {c: [m]}", "capability_routing: {c: [{model: m}]}"),
    ("capabilities: {c: {models: m}}", "capability_routing: {c: {preferred_models: [m], strategy: priority}}"),
    (
        "capabilities: {c: {provider: p, models: [m, {model: n, provider: q}]}}",
        "capability_routing: {c: [{model: m, provider: p}, {model: n, provider: q}]}",
    ),
    (
        "load_balancing: {a: {strategy: weighted, providers: {p: 1, q: 2}}}",
        "load_balancing: {a: {providers: [{provider: p, weight: 1}, {provider: q, weight: 2}]}}",
    ),
    ("load_balancing: {a: {strategy: random, providers: [p]}}", "load_balancing: {a: {providers: [{provider: p}]}}"),
    (
        "load_balancing: {a: {strategy: least_loaded, providers: [p]}}",
        "load_balancing: {a: {strategy: least-busy, providers: [p]}}",
    ),
    (
        "load_balancing: {a: {strategy: usage-based-routing, providers: [p]}}",
        "load_balancing: {a: {strategy: usage_based, providers: [p]}}",
    ),
]


def read(text: str) -> Routing:
    return Routing.model_validate(yaml.safe_load(text))


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_are_one_form(one: str, other: str) -> None:
    assert read(one) == read(other)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exact_matches: {a: {provider: p, fallback: q, chain: [r]}}", "fallback and chain name different|chain and"),
        ("capabilities: {a: [m]}\ncapability_routing: {b: [m]}", "differ"),
        ("capabilities: {a: {models: [m], preferred_models: [n]}}", "models and preferred_models differ"),
        ("capabilities: {a: [{}]}", "names neither provider nor model"),
        ("capabilities: {a: 7}", "valid dictionary"),
        ("patterns: [{pattern: 'a.*', glob: 'a*', provider: p}]", "has both glob and pattern"),
        ("patterns: {'a': p}", "has no `\\*`"),
        ("patterns: {'a?*': p}", "is not a glob"),
        ("patterns: {'a*': [p]}", "valid dictionary"),
        ("patterns: [{pattern: '(a|b)', provider: p}]", "cannot match"),
        ("patterns: a", "valid tuple"),
        ("load_balancing: {a: {providers: [{provider: p, weight: 1}, q]}}", "some members have a weight"),
        ("load_balancing: {a: {strategy: fastest, providers: {p: 1}}}", "weights count only"),
        ("load_balancing: {a: {strategy: round_robin, providers: [p]}}", "LiteLLM has no round robin"),
        ("load_balancing: {a: {strategy: 7, providers: [p]}}", "Input should be"),
        ("fallback_chains: {a: 7}", "valid dictionary"),
        ("exact_matches: 7", "valid dictionary"),
        ("[]", "valid dictionary"),
    ],
)
def test_contradictions_and_foreign_words_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(text)


@pytest.mark.parametrize("key", ["routes", "routing"])
def test_todays_files_have_one_key_above(key: str) -> None:
    data: dict[str, Any] = {"default_provider": "p"}
    assert unwrap({key: data}, "r") == (data, f"r.{key}")
    assert unwrap(data, "r") == (data, "r")
