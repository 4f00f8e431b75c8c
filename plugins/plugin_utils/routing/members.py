# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The members of a pool or capability: who they are, who of them is large enough, and in which order they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from ..engines.model import ModelEntry
from ..findings.findings import warning
from ..findings.paths import join
from ..schema.pools import Capability, Pool, PoolTarget
from ..schema.strategies import Strategy
from .names import Names
from .routes import Level, Target
from .targets import BEYOND_COMPLAINT, provider_at, target_of

# A member's targets, and where the rule names it.
Member: TypeAlias = tuple[Level, str]


def _size_of(entry: ModelEntry) -> float | None:
    """Billions of parameters."""
    return entry.billions


def _context_of(entry: ModelEntry) -> float | None:
    return entry.context_length


def pool_levels(names: Names, name: str, rule: Pool, path: str) -> tuple[Level, ...]:
    """The levels of a pool, its members' own order and shares applied."""
    places = [join(path, "providers", index) for index in range(len(rule.providers))]
    members = [(_member(names, member, name, at), at) for member, at in zip(rule.providers, places, strict=True)]
    return _levels(names, members, rule.strategy, path)


def capability_levels(names: Names, name: str, rule: Capability, path: str) -> tuple[Level, ...]:
    """The levels of a capability: its models, or all models of its providers, that are large enough."""
    members: list[Member] = []
    for index, member in enumerate(rule.preferred_models):
        at = join(path, "preferred_models", index)
        members.append((_member(names, member, name, at), at))
    for index, provider in enumerate(rule.providers):
        members += _all_models(names, provider, join(path, "providers", index))
    found = any(level for level, _at in members)
    if rule.min_model_size is not None:
        members = _at_least(names, members, rule.min_model_size, _size_of, "size", "8B")
    if rule.min_context is not None:
        members = _at_least(names, members, rule.min_context, _context_of, "context_length", "8192")
    if found and not any(level for level, _at in members):
        asked = [word for word in ("min_model_size", "min_context") if getattr(rule, word) is not None]
        names.complain(f"{path}.{asked[-1]}", "no member is left", "lower it, or add a member that has it", "routes")
        return BEYOND_COMPLAINT
    return _levels(names, members, rule.strategy, path)


def _member(names: Names, member: PoolTarget, asked: str, path: str) -> Level:
    """The targets of one member of a pool or capability, each with the member's weight."""
    if member.provider is not None:
        if (member.model or asked) in names.unknown.rules or names.unknown.more_rules:
            # It may be an alias that could not be read.
            found = provider_at(names, member.provider, path, ".provider")
            return (Target(member.provider, None),) if found is not None else ()
        # The model may be an alias of exact_matches, or the pool may have the name of an exact match; a model
        # that the provider has itself is meant first.
        alias = names.routing.exact_matches.get(member.model or asked)
        owner, backend = names.providers.get(member.provider), member.model
        own = backend is not None and owner is not None and owner.entry(backend) is not None
        if alias is not None and alias.provider == member.provider and not own:
            asked, backend = member.model or asked, alias.backend_model
        target = target_of(names, member.provider, asked, path, backend, ".provider", ".model")
        return (replace(target, weight=member.weight),) if target else ()
    model = member.model or ""
    if model not in names.all or model in names.routing.capability_routing:
        if model in names.all or not names.unknown.more_names:
            names.no_model(model, f"{path}.model")
        return (Target("", model),)
    if model in names.hidden or (model == asked and names.unknown.more_names):
        return (Target("", model),)
    if model == asked:
        owners = [owner for owner in names.declared.get(model, ()) if names.providers[owner].active]
        return tuple(Target(owner, model, member.weight) for owner in owners)
    group = names.group(model)
    if group is None:
        names.left_out_model(model, path)
        return ()
    return tuple(replace(target, weight=member.weight or target.weight) for target in group.levels[0])


def _all_models(names: Names, name: str, path: str) -> Iterator[Member]:
    provider = provider_at(names, name, path, "")
    if isinstance(provider, Target):
        yield (provider,), path
    elif provider is not None and not provider.entries:
        names.complain(path, f"'{name}' declares no model", f"write ai_backend_providers.{name}.models")
        yield BEYOND_COMPLAINT[0], path
    elif provider is not None:
        yield from (((Target(name, entry.name),), path) for entry in provider.entries)


def _entry(names: Names, target: Target) -> ModelEntry | None:
    provider = names.providers.get(target.provider)
    return provider.entry(target.model or "") if provider is not None else None


def _known(
    names: Names, target: Target, measure: Callable[[ModelEntry], float | None], word: str, example: str, path: str
) -> float | None:
    """A measure of a target's model; where it is not known, that is what is wrong."""
    entry = _entry(names, target)
    if entry is None:
        return None
    value = measure(entry)
    if value is None:
        remedy = f"write `{word}: {example}` at '{entry.name}' in ai_backend_providers.{target.provider}.models"
        names.complain(path, f"the {word} of '{entry.name}' is not known", remedy)
    return value


def _at_least(
    names: Names,
    members: Sequence[Member],
    least: float,
    measure: Callable[[ModelEntry], float | None],
    word: str,
    example: str,
) -> list[Member]:
    kept: list[Member] = []
    for level, path in members:
        values = [(target, _known(names, target, measure, word, example, path)) for target in level]
        kept.append((tuple(target for target, value in values if value is None or value >= least), path))
    return kept


def _levels(names: Names, members: Sequence[Member], strategy: Strategy, path: str) -> tuple[Level, ...]:
    """One after the other with the strategies that want it, else all at once; a target counts once."""
    seen: set[tuple[str, str]] = set()
    kept: list[Member] = []
    for level, at in members:
        fresh = tuple(target for target in level if target.key not in seen)
        seen |= {target.key for target in fresh}
        if fresh:
            kept.append((fresh, at))
    if strategy == "cost-based-routing":
        _check_prices(names, kept, path)
    if strategy == "quality-first":
        kept = _sorted(names, kept, lambda entry: _negative(_size_of(entry)), "size", "8B")
    elif strategy == "context-based":
        kept = _sorted(names, kept, _context_of, "context_length", "8192")
    if strategy in ("priority", "quality-first", "context-based"):
        return tuple(tuple(replace(target, weight=None) for target in level) for level, _at in kept)
    return (tuple(target for level in _even([level for level, _at in kept]) for target in level),) if kept else ()


def _even(levels: Sequence[Level]) -> Iterator[Level]:
    """Members that share: LiteLLM sends nothing to one without a weight if another one has a weight.

    A pool with weights of its own therefore counts as one member next to others without weights.
    """
    weights = [target.weight for level in levels for target in level]
    if None not in weights or not any(weights):
        yield from levels
        return
    for level in levels:
        total = sum(target.weight or 0 for target in level)
        yield tuple(replace(t, weight=(t.weight or 0) / total if total else 1 / len(level)) for t in level)


def _sorted(
    names: Names, members: Sequence[Member], measure: Callable[[ModelEntry], float | None], word: str, example: str
) -> list[Member]:
    """Each target a level of its own, the lowest measure first; equal ones as written."""
    rows = [
        (_known(names, target, measure, word, example, path) or 0.0, target, path)
        for level, path in members
        for target in level
    ]
    return [((target,), path) for _value, target, path in sorted(rows, key=lambda row: row[0])]


def _check_prices(names: Names, members: Sequence[Member], path: str) -> None:
    """LiteLLM counts a model without a price as 5 dollars a token in and out."""
    entries = [(_entry(names, target), target, at) for level, at in members for target in level]
    known = [(entry, target, at) for entry, target, at in entries if entry is not None]
    unpriced = [row for row in known if row[0].cost_per_1k_tokens is None]
    if len(known) < 2 or len(known) < len(entries):
        return
    if len(unpriced) == len(known):
        problem = "no member has a price, so LiteLLM would always ask the first"
        remedy = "write `cost_per_1k_tokens` at the models (0 for your own), or another strategy"
        names.complain(f"{path}.strategy", problem, remedy, "routes")
        return
    for entry, target, at in unpriced:
        problem = f"'{entry.name}' has no price, so LiteLLM treats it as more expensive than all that have one"
        remedy = f"write `cost_per_1k_tokens` (0 for your own) in ai_backend_providers.{target.provider}.models"
        names.warnings.append(warning(names.where(at), problem, remedy, "routes"))


def _negative(size: float | None) -> float | None:
    return None if size is None else -size
