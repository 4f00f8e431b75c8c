# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_routing`: which name goes where. All spellings are read into one inner form.

The inner form: every rule's chain is one tuple of names in `chain`; patterns are globs in written order; a
capability and a pool are lists of targets with one strategy word of LiteLLM's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator

from .base import AlsoSpelled, Described, ModelName
from .pools import Capability, Pool, PoolTarget
from .rules import TIERS, Chain, Exact, Pattern, bare_provider

ROOT = "ai_backend_routing"


def _pattern_list(value: object) -> object:
    """The mapping form (glob: rule) becomes the list form."""
    if isinstance(value, dict):
        items = []
        for glob, rule in value.items():
            entry = bare_provider(rule)
            items.append({**entry, "glob": glob} if isinstance(entry, dict) else entry)
        return items
    return value


ExactEntry = Annotated[Exact, BeforeValidator(bare_provider), AlsoSpelled({"type": "string"})]
CapabilityEntry = Annotated[Capability, AlsoSpelled({"type": "array"})]
ChainEntry = Annotated[Chain, AlsoSpelled({"type": "array", "items": {"type": "string"}}, {"type": "string"})]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_pattern_list), AlsoSpelled({"type": "object"})]


class Routing(Described):
    """The decision order is exact, capability, pattern, default; then balancing inside; then the chain."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "custom_strategies": "LiteLLM runs no code from here; write pools, capabilities or chains",
        "retry_policy": "the gateway fails over instead of retrying: write `fallback_chain`",
        "circuit_breaker": "write it in ai_backend_gateway.breaker",
        "rate_limits": "write them at a model in ai_backend_providers, or ai_backend_gateway.requests_per_minute",
        "default_model": "write `default_provider`, and `default_model` at that provider",
        "model_aliases": "write them in `exact_matches`",
        "aliases": "write them in `exact_matches`",
    }
    ALSO: ClassVar[Mapping[str, str]] = {"capabilities": "capability_routing"}
    exact_matches: dict[ModelName, ExactEntry] = {}
    """Name to provider."""
    patterns: Patterns = ()
    """Globs (a mapping) or regexes (a list); LiteLLM asks the longest first and does not anchor the end."""
    capability_routing: dict[ModelName, CapabilityEntry] = {}
    """Name of a capability to models (also `capabilities`)."""
    load_balancing: dict[ModelName, Pool] = {}
    """Name to a pool of providers."""
    fallback_chains: dict[str, ChainEntry] = {}
    """Name to what is tried next, after the chain of that name's own rule; `default` is for names without any."""
    default_provider: str | None = None
    """Who answers to names nobody knows; without it they are refused."""


def _other_words() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = defaultdict(set)
    for model in (Routing, Exact, Pattern, Pool, PoolTarget, Capability, Chain):
        for word, field in model.ALSO.items():
            if word not in TIERS:
                found[field].add(word)
    return {field: tuple(sorted(words)) for field, words in found.items()}


# Each key of the routing -> other words for it.
OTHER_WORDS: Mapping[str, tuple[str, ...]] = _other_words()


def unwrap(data: object, root: str) -> tuple[object, str]:
    """Files of today have everything below one key, `routing:` or `routes:`; read what is below it."""
    if isinstance(data, dict) and len(data) == 1:
        key = next(iter(data))
        if key in ("routing", "routes"):
            return data[key], f"{root}.{key}"
    return data, root
