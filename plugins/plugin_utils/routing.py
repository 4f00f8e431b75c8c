# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_routing`: which name goes where. All spellings are read into one inner form.

The inner form: every rule's chain is one tuple of names in `chain`; patterns are globs in written order; a
capability and a pool are lists of targets with one strategy word of LiteLLM's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ansible_collections.lab.ai_backend.plugins.plugin_utils.base import AlsoSpelled, Described, ModelName
from ansible_collections.lab.ai_backend.plugins.plugin_utils.patterns import glob_of

ROOT = "ai_backend_routing"
Strategy = Literal[
    "priority", "simple-shuffle", "least-busy", "latency-based-routing", "usage-based-routing-v2", "cost-based-routing"
]
# The users' words for LiteLLM's strategies. `priority` is ours: one after the other, in the written order.
STRATEGY_WORDS = {
    "weighted": "simple-shuffle",
    "random": "simple-shuffle",
    "shuffle": "simple-shuffle",
    "least_loaded": "least-busy",
    "fastest": "latency-based-routing",
    "latency_based": "latency-based-routing",
    "lowest_latency": "latency-based-routing",
    "usage_based": "usage-based-routing-v2",
    "cost_based": "cost-based-routing",
    "lowest_cost": "cost-based-routing",
    "ordered": "priority",
    "failover": "priority",
}
_NO_STRATEGY = {
    "round_robin": "LiteLLM has no round robin; write `strategy: simple_shuffle`, which spreads evenly",
    "quality_first": "LiteLLM knows no quality; write `strategy: priority` and the models in that order",
    "sticky": "LiteLLM has no sessions here; write `strategy: simple_shuffle`",
    "hash": "LiteLLM has no sessions here; write `strategy: simple_shuffle`",
}


def _strategy(value: object) -> object:
    if not isinstance(value, str):
        return value
    word = value.strip().lower().replace("-", "_")
    if word in _NO_STRATEGY:
        raise ValueError(f"is not a strategy of LiteLLM → {_NO_STRATEGY[word]}")
    word = STRATEGY_WORDS.get(word, word.replace("_", "-"))
    return {"usage-based-routing": "usage-based-routing-v2"}.get(word, word)


StrategyWord = Annotated[Strategy, BeforeValidator(_strategy), AlsoSpelled({"enum": sorted(STRATEGY_WORDS)})]


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


_CHAIN_WORDS = ("chain", "fallback", "fallback_chain", "fallbacks")


def _one_chain(data: Any) -> Any:
    """Read `fallback`, `fallbacks`, `fallback_chain` and `chain` into `chain`; several must agree."""
    if not isinstance(data, dict):
        return data
    given = {word: _names(data[word]) for word in _CHAIN_WORDS if data.get(word) is not None}
    rest = {key: value for key, value in data.items() if key not in _CHAIN_WORDS}
    if not given:
        return rest
    first = next(iter(given.values()))
    if any(other != first for other in given.values()):
        raise ValueError(f"{' and '.join(given)} name different chains → keep one of them")
    return {**rest, "chain": first}


class Rule(Described):
    """Anything with a chain: what is tried, in order, when the first choice fails. Items: providers or models."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "priority": "LiteLLM decides by its own rule: exact, capability, pattern, default",
        "retry": "the gateway fails over instead of retrying: write `fallback_chain`",
        "max_retries": "the gateway fails over instead of retrying: write `fallback_chain`",
        "timeout": "write `timeout_seconds` at the provider",
        "timeout_seconds": "write it at the provider",
        "condition": "LiteLLM routes by name only; give each case a name of its own",
        "conditions": "LiteLLM routes by name only; give each case a name of its own",
        "fallback_strategy": "a chain is tried in its order; remove it",
        "model": "write `backend_model`: the provider's name for the model",
    }
    ALSO: ClassVar[Mapping[str, str]] = dict.fromkeys(_CHAIN_WORDS, "chain")
    chain: Annotated[tuple[str, ...], AlsoSpelled({"type": "string"})] = ()
    """What is tried next, in order: providers or models (also `fallback`, `fallbacks`, `fallback_chain`)."""

    @model_validator(mode="before")
    @classmethod
    def _chain(cls, data: Any) -> Any:
        return _one_chain(data)


def _bare_provider(value: object) -> object:
    return {"provider": value} if isinstance(value, str) else value


class Exact(Rule):
    """One name, one provider; `backend_model` is the provider's own name for the model when it differs."""

    provider: str
    """Who answers."""
    backend_model: ModelName | None = None
    """The provider's name for the model, where it differs."""


class Pattern(Rule):
    """Names that match a glob (`*` only: LiteLLM has nothing else).

    The list form has `pattern:`, a regex that is read as a glob, or `glob:`. Inside, `pattern` is the glob.
    """

    REFUSED: ClassVar[Mapping[str, str]] = {**Rule.REFUSED, "regex": "write `pattern`"}
    ALSO: ClassVar[Mapping[str, str]] = {**Rule.ALSO, "glob": "pattern"}
    pattern: str
    """Regex of the list form; `glob` is the plain form, and the key of the mapping form."""
    provider: str
    """Who answers."""
    backend_model: ModelName | None = None
    """One model for all names; without it Ollama and clouds get the name as asked."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if "glob" in data:
            if "pattern" in data:
                raise ValueError("has both glob and pattern → keep one of them")
            return {**{key: value for key, value in data.items() if key != "glob"}, "pattern": data["glob"]}
        pattern = data.get("pattern")
        return {**data, "pattern": glob_of(pattern)} if isinstance(pattern, str) else data

    @field_validator("pattern")
    @classmethod
    def _glob(cls, value: str) -> str:
        if re.search(r"[\s?\[\]{}^$|()\\\\]", value):
            raise ValueError("is not a glob LiteLLM can match, it knows only `*` → write `name*`")
        if "*" not in value:
            raise ValueError("has no `*` → write it in ai_backend_routing.exact_matches")
        return value


class PoolTarget(Described):
    """One member of a pool or capability. Without `model` it is the provider's model of the pool's name."""

    provider: str | None = None
    """Who answers; without it the owner of `model`."""
    model: ModelName | None = None
    """The model; without it the provider's model of the pool's name, else its default."""
    weight: Annotated[float, Field(gt=0, le=10000)] | None = None
    """Share of the traffic, against the other weights."""

    @model_validator(mode="after")
    def _check(self) -> PoolTarget:
        if self.provider is None and self.model is None:
            raise ValueError("names neither provider nor model → write `model:` or `provider:`")
        return self


def _bare_member(value: object) -> object:
    return {"provider": value} if isinstance(value, str) else value


def _bare_model(value: object) -> object:
    return {"model": value} if isinstance(value, str) else value


PoolMember = Annotated[PoolTarget, BeforeValidator(_bare_member), AlsoSpelled({"type": "string"})]
CapabilityMember = Annotated[PoolTarget, BeforeValidator(_bare_model), AlsoSpelled({"type": "string"})]


def _pool_members(value: object) -> object:
    """`{ollama: 0.7, vllm: 0.3}` is a list of providers with weights."""
    if isinstance(value, dict):
        return [{"provider": name, "weight": weight} for name, weight in value.items()]
    return value


class Pool(Rule):
    """Several deployments behind one name. Without weights the strategy is an even shuffle."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        **Rule.REFUSED,
        "weights": "write them at the members: `providers: [{provider: …, weight: 0.7}, …]`",
        "health_check": "nothing polls engines; the breaker (ai_backend_gateway.breaker) sees each call",
        "sticky": "LiteLLM has no sessions here; remove it",
    }
    strategy: StrategyWord = "simple-shuffle"
    """How the traffic is shared."""
    providers: Annotated[
        tuple[PoolMember, ...],
        BeforeValidator(_pool_members),
        Field(min_length=1),
        AlsoSpelled({"type": "object", "additionalProperties": {"type": "number"}}),
    ]
    """Members: a list, or a mapping of providers to weights."""

    @model_validator(mode="after")
    def _check(self) -> Pool:
        _check_weights(self.providers, self.strategy)
        return self


class Capability(Rule):
    """A name for what a model is good at. A client asks for it as for a model. Default: one after the other."""

    REFUSED: ClassVar[Mapping[str, str]] = {**Pool.REFUSED, "model": "write `preferred_models`"}
    ALSO: ClassVar[Mapping[str, str]] = {**Rule.ALSO, "models": "preferred_models"}
    strategy: StrategyWord = "priority"
    """`priority`: one after the other; else how the traffic is shared."""
    preferred_models: Annotated[tuple[CapabilityMember, ...], Field(min_length=1)]
    """Members, each a model or a mapping (also `models`); a capability may be the bare list."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        """A bare list is the models; `models` is another word; `provider` stands for every model without one."""
        if isinstance(data, list):
            return {"preferred_models": data}
        if not isinstance(data, dict):
            return data
        result = dict(data)
        if "models" in result:
            models = result.pop("models")
            if result.setdefault("preferred_models", models) != models:
                raise ValueError("models and preferred_models differ → keep one of them")
        if isinstance(result.get("preferred_models"), str):
            result["preferred_models"] = [result["preferred_models"]]
        provider = result.get("provider")
        if isinstance(provider, str) and isinstance(result.get("preferred_models"), list):
            result.pop("provider")
            members = [_bare_model(member) for member in result["preferred_models"]]
            result["preferred_models"] = [{"provider": provider, **m} if isinstance(m, dict) else m for m in members]
        return result

    @model_validator(mode="after")
    def _check(self) -> Capability:
        _check_weights(self.preferred_models, self.strategy)
        return self


def _check_weights(members: tuple[PoolTarget, ...], strategy: str) -> None:
    weights = [member.weight for member in members if member.weight is not None]
    if weights and len(weights) != len(members):
        raise ValueError("some members have a weight and some have none → give each a weight, or none")
    if weights and strategy != "simple-shuffle":
        raise ValueError("weights count only with `strategy: weighted` → write that, or remove the weights")


class Chain(Rule):
    """A chain that stands for itself, in `fallback_chains`."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        **Rule.REFUSED,
        "primary": "the key is the name whose chain this is; remove it",
    }

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return _one_chain({"chain": data} if isinstance(data, list | str) else data)


def _pattern_list(value: object) -> object:
    """The mapping form (glob: rule) becomes the list form."""
    if isinstance(value, dict):
        items = []
        for glob, rule in value.items():
            entry = _bare_provider(rule)
            items.append({**entry, "glob": glob} if isinstance(entry, dict) else entry)
        return items
    return value


ExactEntry = Annotated[Exact, BeforeValidator(_bare_provider), AlsoSpelled({"type": "string"})]
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
    """Name to what is tried next, after what the rule of that name says itself."""
    default_provider: str | None = None
    """Who answers to names nobody knows; without it they are refused."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        """`capabilities` is another word for `capability_routing`."""
        if not isinstance(data, dict) or "capabilities" not in data:
            return data
        result = dict(data)
        capabilities = result.pop("capabilities")
        if result.setdefault("capability_routing", capabilities) != capabilities:
            raise ValueError("capabilities and capability_routing differ → keep one of them")
        return result


def unwrap(data: object, root: str) -> tuple[object, str]:
    """Files of today have everything below one key, `routing:` or `routes:`; read what is below it."""
    if isinstance(data, dict) and len(data) == 1:
        key = next(iter(data))
        if key in ("routing", "routes"):
            return data[key], f"{root}.{key}"
    return data, root
