# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pools and capabilities: several models behind one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from .base import AlsoSpelled, Described, ModelName, Words, one_word_each
from .pydantic_findings import refused
from .rules import BY_NAME, Rule
from .sizes import Size
from .strategies import StrategyWord


class PoolTarget(Described):
    """One member of a pool or capability. Without `model` it is the provider's model of the pool's name."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "condition": f"{BY_NAME}; shares are `weight`",
        "conditions": f"{BY_NAME}; shares are `weight`",
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


# From here on a weight next to one below 1 is a percentage.
_PERCENT = 10


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

    @classmethod
    def mapping_of(cls, data: Any) -> Any:
        """A bare list is the models; next to models `provider` is that of every model without one."""
        if isinstance(data, list):
            return {"preferred_models": data}
        if not isinstance(data, dict):
            return data
        data = one_word_each(data, {"models": "preferred_models"}, cls.differ)
        models, provider = data.get("preferred_models"), data.get("provider")
        models = [models] if isinstance(models, str) else models
        if not isinstance(models, list):
            return data
        if isinstance(provider, str):
            data.pop("provider")
            named = [_bare_model(member) for member in models]
            models = [{"provider": provider, **m} if isinstance(m, dict) else m for m in named]
        return {**data, "preferred_models": models}

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
    if weights and min(weights) < 1 and max(weights) >= _PERCENT:
        raise refused("routes", "weights mix shares and percentages → write all like 0.7 and 0.3, or like 70 and 30")
    if weights and strategy != "simple-shuffle":
        raise refused("routes", "weights count only with `strategy: weighted` → write that, or remove the weights")
