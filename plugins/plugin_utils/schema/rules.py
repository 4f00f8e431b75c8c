# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of the routing that name one provider, and chains: what is tried, in order, when the first choice fails."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, field_validator, model_validator

from .base import AlsoSpelled, Described, ModelName, check_model_name, one_word_each
from .globs import glob_of, names_of
from .pydantic_findings import refused

TIERS = ("primary", "secondary", "tertiary", "quaternary")
BY_NAME = "LiteLLM routes by name only; give each case a name of its own"


def _text_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _chain_item(value: object) -> object:
    """An item of a chain may carry its tier: `{secondary: ollama}`, or its kind: `{provider: ollama}`."""
    if not isinstance(value, dict):
        return value
    words = [key for key in value if key in (*TIERS, "provider", "model")]
    for key in value:
        if key in ("condition", "conditions") and value[key] != "always":
            raise refused("routes", f"has a `{key}` → {BY_NAME}, and remove it")
    others = [key for key in value if key not in (*words, "condition", "conditions", *Described.model_fields)]
    if len(words) != 1 or others:
        raise refused("routes", "is not one name → write the provider or the model, nothing else")
    return value[words[0]]


ChainItem = Annotated[str, BeforeValidator(_chain_item), AlsoSpelled({"type": "object"})]


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
        "condition": BY_NAME,
        "conditions": BY_NAME,
        "parameters": "the strategies have none; remove it",
        "capabilities": "write this name into `ai_backend_routing.capabilities.<capability>.preferred_models`",
        "fallback_strategy": "a chain is tried in its order; remove it",
        "model": "write `backend_model`: the provider's name for the model",
    }
    ALSO: ClassVar[Mapping[str, str]] = dict.fromkeys(("fallback", "fallback_chain", "fallbacks"), "chain")
    chain: Annotated[tuple[ChainItem, ...], BeforeValidator(_text_list), AlsoSpelled({"type": "string"})] = ()
    """What is tried next, in order: providers or models (also `fallback`, `fallbacks`, `fallback_chain`)."""

    @classmethod
    def differ(cls, field: str, words: Sequence[str]) -> Exception:
        """What is raised where several words for a field have different values."""
        if field != "chain":
            return super().differ(field, words)
        return refused("routes", f"{' and '.join(sorted(words))} name different chains → keep one of them")


def bare_provider(value: object) -> object:
    """A rule may be written as its bare provider."""
    return {"provider": value} if isinstance(value, str) else value


class Exact(Rule):
    """One name, one provider; `backend_model` is the provider's own name for the model when it differs."""

    provider: str
    """Who answers."""
    backend_model: ModelName | None = None
    """The provider's name for the model, where it differs."""


def _template(value: str) -> str:
    """A name with `*` in places that the pattern fills."""
    check_model_name(value.replace("*", "x"))
    return value


BackendName = Annotated[str, AfterValidator(_template)]


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
    backend_model: BackendName | None = None
    """One model for all names, or `*` for what the pattern's `*` stands for; by default the name as it is asked for."""

    @classmethod
    def mapping_of(cls, data: Any) -> Any:
        """A glob is marked, because what `pattern` gives is a regex."""
        if not isinstance(data, dict) or "glob" not in data:
            return data
        if "pattern" in data:
            raise ValueError("has both glob and pattern → keep one of them")
        rest = {key: value for key, value in data.items() if key != "glob"}
        return {**rest, "pattern": _Glob(data["glob"]) if isinstance(data["glob"], str) else data["glob"]}

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

    @model_validator(mode="after")
    def _fillable(self) -> Pattern:
        """LiteLLM fills each `*` of the model with what the same `*` of the name took, if both have as many."""
        stars = (self.backend_model or "").count("*")
        if stars and stars != (0 if self.names else self.pattern.count("*")):
            raise refused("routes", "backend_model has another number of `*` than the glob → write as many, or no `*`")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names a regex stands for when it is no glob."""
        return names_of(self.pattern)


class Chain(Rule):
    """A chain that stands for itself, in `fallback_chains`: a list, or tiers."""

    ALSO: ClassVar[Mapping[str, str]] = {**Rule.ALSO, **dict.fromkeys(TIERS[1:], "chain")}
    primary: str | None = None
    """Who is asked first anyway: it must agree with the rule of the name."""

    @classmethod
    def mapping_of(cls, data: Any) -> Any:
        """A bare list is the chain, tiers are one, and its first item may be the primary."""
        data = {"chain": data} if isinstance(data, list | str) else data
        if not isinstance(data, dict):
            return data
        tiers = [tier for tier in TIERS[1:] if data.get(tier) is not None]
        if tiers:
            if any(data.get(word) is not None for word in ("chain", *Rule.ALSO)):
                raise refused("routes", "has tiers and a chain → keep one of them")
            rest = {key: value for key, value in data.items() if key not in TIERS[1:]}
            return {**rest, "chain": [data[tier] for tier in tiers]}
        data = one_word_each(data, Rule.ALSO, cls.differ)
        chain = data.get("chain")
        if isinstance(chain, list) and chain and isinstance(chain[0], dict) and "primary" in chain[0]:
            if data.setdefault("primary", _chain_item(chain[0])) != chain[0]["primary"]:
                raise refused("routes", "names two primaries → keep one of them")
            return {**data, "chain": chain[1:]}
        return data
