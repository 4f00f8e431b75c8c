# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_routing`: which name goes where. All spellings are read into one inner form.

The inner form: every rule's chain is one tuple of names in `chain`; patterns are globs in written order; a
capability and a pool are lists of targets with one strategy word of LiteLLM's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .base import AlsoSpelled, Described, ModelName, Words
from .globs import glob_of, names_of
from .pydantic_findings import refused
from .sizes import Size
from .strategies import StrategyWord

ROOT = "ai_backend_routing"
TIERS = ("primary", "secondary", "tertiary", "quaternary")
_BY_NAME = "LiteLLM routes by name only; give each case a name of its own"


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _one_word(data: dict[str, Any], also: str, word: str) -> dict[str, Any]:
    """Read another word for a key; where both are given they must agree."""
    result = dict(data)
    if also in result:
        value = result.pop(also)
        if result.setdefault(word, value) != value:
            raise ValueError(f"{also} and {word} differ → keep one of them")
    return result


def _chain_item(value: object) -> object:
    """An item of a chain may carry its tier: `{secondary: ollama}`, or say what it is: `{provider: ollama}`."""
    if not isinstance(value, dict):
        return value
    words = [key for key in value if key in (*TIERS, "provider", "model")]
    for key in value:
        if key in ("condition", "conditions") and value[key] != "always":
            raise refused("routes", f"has a `{key}` → {_BY_NAME}, and remove it")
    others = [key for key in value if key not in (*words, "condition", "conditions", *Described.model_fields)]
    if len(words) != 1 or others:
        raise refused("routes", "is not one name → write the provider or the model, nothing else")
    return value[words[0]]


ChainItem = Annotated[str, BeforeValidator(_chain_item), AlsoSpelled({"type": "object"})]
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
        raise refused("routes", f"{' and '.join(given)} name different chains → keep one of them")
    return {**rest, "chain": first}


class Rule(Described):
    """Anything with a chain: what is tried, in order, when the first choice fails. Items: providers or models."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "priority": "LiteLLM decides by its own rule: exact, capability, pattern, default",
        "retry": "the gateway fails over instead of retrying: write `fallback_chain`",
        "max_retries": "the gateway fails over instead of retrying: write `fallback_chain`",
        "timeout": "write `timeout_seconds` at the provider",
        "timeout_seconds": "write it at the provider",
        "retry_attempts": "the gateway fails over instead of retrying: write `fallback_chain`",
        "retry_delay_ms": "the gateway fails over instead of retrying: write `fallback_chain`",
        "condition": _BY_NAME,
        "conditions": _BY_NAME,
        "parameters": "the strategies have none; remove it",
        "capabilities": "write this name into `ai_backend_routing.capabilities.<capability>.preferred_models`",
        "fallback_strategy": "a chain is tried in its order; remove it",
        "model": "write `backend_model`: the provider's name for the model",
    }
    ALSO: ClassVar[Mapping[str, str]] = dict.fromkeys(_CHAIN_WORDS, "chain")
    chain: Annotated[tuple[ChainItem, ...], AlsoSpelled({"type": "string"})] = ()
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


class _Glob(str):
    """A pattern that is no regex."""

    __slots__ = ()


class Pattern(Rule):
    """Names that match a glob (`*` only: LiteLLM has nothing else).

    The list form has `pattern:`, a regex, or `glob:`. Inside, `pattern` is the glob; a regex that stands for a few
    names and no others stays as it is written, and `names` are those.
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
            rest = {key: value for key, value in data.items() if key != "glob"}
            return {**rest, "pattern": _Glob(data["glob"]) if isinstance(data["glob"], str) else data["glob"]}
        return data

    @field_validator("pattern", mode="before")
    @classmethod
    def _regex(cls, value: object) -> object:
        return glob_of(value) if isinstance(value, str) and not isinstance(value, _Glob) else value

    @field_validator("pattern")
    @classmethod
    def _glob(cls, value: str) -> str:
        if names_of(value):
            return value
        if re.search(r"[\s?\[\]{}^$|()\\\\]", value):
            raise refused("routes", "is not a glob LiteLLM can match, it knows only `*` → write `name*`")
        if "*" not in value:
            raise refused("routes", "has no `*` → write it in ai_backend_routing.exact_matches")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """The names a regex stands for when it is no glob."""
        return names_of(self.pattern)


class PoolTarget(Described):
    """One member of a pool or capability. Without `model` it is the provider's model of the pool's name."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "condition": f"{_BY_NAME}; shares are `weight`",
        "conditions": f"{_BY_NAME}; shares are `weight`",
        "priority": "write the members in that order and `strategy: priority`",
        "reason": "write `notes`",
        "saturation_overflow": "LiteLLM does not know how full an engine is: write `strategy: least_loaded`",
    }
    ALSO: ClassVar[Mapping[str, str]] = {"name": "provider", "preferred_model": "model"}
    provider: str | None = None
    """Who answers; without it the owner of `model`."""
    model: ModelName | None = None
    """The model; without it the provider's model of the pool's name, else its default."""
    weight: Annotated[float, Field(gt=0, le=10000)] | None = None
    """Share of the traffic, against the other weights."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        """`name` is another word for `provider`, `preferred_model` for `model`."""
        return (
            _one_word(_one_word(data, "name", "provider"), "preferred_model", "model")
            if isinstance(data, dict)
            else data
        )

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
    ALSO: ClassVar[Mapping[str, str]] = {**Rule.ALSO, "routing_strategy": "strategy"}
    strategy: StrategyWord = "simple-shuffle"
    """How the traffic is shared (also `routing_strategy`)."""
    providers: Annotated[
        tuple[PoolMember, ...],
        BeforeValidator(_pool_members),
        Field(min_length=1),
        AlsoSpelled({"type": "object", "additionalProperties": {"type": "number"}}),
    ]
    """Members: a list, or a mapping of providers to weights."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        return _one_word(data, "routing_strategy", "strategy") if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _check(self) -> Pool:
        _check_weights(self.providers, self.strategy)
        return self


class Capability(Rule):
    """A name for what a model is good at. A client asks for it as for a model. Default: one after the other."""

    REFUSED: ClassVar[Mapping[str, str]] = {**Pool.REFUSED, "model": "write `preferred_models`"}
    ALSO: ClassVar[Mapping[str, str]] = {
        **Pool.ALSO,
        "models": "preferred_models",
        "provider": "providers",
    }
    strategy: StrategyWord = "priority"
    """`priority`: one after the other; else how the traffic is shared (also `routing_strategy`)."""
    preferred_models: tuple[CapabilityMember, ...] = ()
    """Members, each a model or a mapping (also `models`); a capability may be the bare list."""
    providers: Words = ()
    """Without `preferred_models`: every model of these providers (also `provider`)."""
    min_model_size: Size | None = None
    """Only members of this size or more: 8B, 500M, or 8 for billions of parameters."""
    min_context: Annotated[int, Field(ge=1)] | None = None
    """Only members with this `context_length` or more, in tokens."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        """A bare list is the models; `models` is another word; `provider` stands for every model without one."""
        if isinstance(data, list):
            return {"preferred_models": data}
        if not isinstance(data, dict):
            return data
        result = _one_word(_one_word(data, "models", "preferred_models"), "routing_strategy", "strategy")
        if isinstance(result.get("preferred_models"), str):
            result["preferred_models"] = [result["preferred_models"]]
        if not isinstance(result.get("preferred_models"), list):
            return _one_word(result, "provider", "providers")
        provider = result.get("provider")
        if isinstance(provider, str):
            result.pop("provider")
            members = [_bare_model(member) for member in result["preferred_models"]]
            result["preferred_models"] = [{"provider": provider, **m} if isinstance(m, dict) else m for m in members]
        return result

    @model_validator(mode="after")
    def _check(self) -> Capability:
        if bool(self.preferred_models) == bool(self.providers):
            both = "both preferred_models and providers" if self.providers else "neither preferred_models nor provider"
            remedy = "write `provider:` at each model" if self.providers else "write `preferred_models: [model, …]`"
            raise ValueError(f"has {both} → {remedy}")
        _check_weights(self.preferred_models, self.strategy)
        return self


def _check_weights(members: tuple[PoolTarget, ...], strategy: str) -> None:
    weights = [member.weight for member in members if member.weight is not None]
    if weights and len(weights) != len(members):
        raise refused("routes", "some members have a weight and some have none → give each a weight, or none")
    if weights and strategy != "simple-shuffle":
        raise refused("routes", "weights count only with `strategy: weighted` → write that, or remove the weights")


class Chain(Rule):
    """A chain that stands for itself, in `fallback_chains`: a list, or tiers."""

    ALSO: ClassVar[Mapping[str, str]] = {**Rule.ALSO, **dict.fromkeys(TIERS[1:], "chain")}
    primary: str | None = None
    """Who is asked first anyway: it must agree with the rule of the name."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        data = {"chain": data} if isinstance(data, list | str) else data
        if not isinstance(data, dict):
            return data
        tiers = [tier for tier in TIERS[1:] if data.get(tier) is not None]
        if tiers:
            if any(data.get(word) is not None for word in _CHAIN_WORDS):
                raise refused("routes", "has tiers and a chain → keep one of them")
            rest = {key: value for key, value in data.items() if key not in TIERS[1:]}
            return {**rest, "chain": [data[tier] for tier in tiers]}
        data = _one_chain(data)
        chain = data.get("chain")
        if isinstance(chain, list) and chain and isinstance(chain[0], dict) and "primary" in chain[0]:
            if data.setdefault("primary", _chain_item(chain[0])) != chain[0]["primary"]:
                raise refused("routes", "names two primaries → keep one of them")
            return {**data, "chain": chain[1:]}
        return data


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
    """Name to what is tried next, after what the rule of that name says itself; `default` is for names without any."""
    default_provider: str | None = None
    """Who answers to names nobody knows; without it they are refused."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        """`capabilities` is another word for `capability_routing`."""
        return _one_word(data, "capabilities", "capability_routing") if isinstance(data, dict) else data


def unwrap(data: object, root: str) -> tuple[object, str]:
    """Files of today have everything below one key, `routing:` or `routes:`; read what is below it."""
    if isinstance(data, dict) and len(data) == 1:
        key = next(iter(data))
        if key in ("routing", "routes"):
            return data[key], f"{root}.{key}"
    return data, root
