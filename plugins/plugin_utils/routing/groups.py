# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The group of each plain name: who answers, balanced how, and who is next in its chain."""

from __future__ import annotations

from dataclasses import replace

from ..findings.paths import join
from ..schema.routing import ROOT
from .fallbacks import COMMON, chain_of, check_primary, steps_of
from .members import capability_levels, pool_levels
from .names import Names, stand_in
from .routes import Group, Level, Target
from .targets import target_of


def make_group(names: Names, name: str) -> Group | None:
    """The group of a plain name, or None when nobody active is left; the groups it needs are made before."""
    if name in names.unknown.rules:
        return stand_in(name)
    return _capability(names, name) if name in names.routing.capability_routing else _model(names, name)


def _model(names: Names, name: str) -> Group | None:
    exact, pool = names.routing.exact_matches.get(name), names.routing.load_balancing.get(name)
    listed = names.listed.get(name)
    levels: tuple[Level, ...] = ()
    if pool is not None:
        path = join(ROOT, "load_balancing", name)
        if exact is not None and exact.provider not in {member.provider for member in pool.providers}:
            problem = f"does not contain '{exact.provider}', the provider of this name in exact_matches"
            names.complain(path, problem, "add it to `providers:`, or remove the exact match", "routes")
        group = Group(name, "pool", pool_levels(names, name, pool, path), pool.strategy)
    elif exact is not None or listed is not None:
        path = join(ROOT, "exact_matches", name)
        if exact is not None:
            provider, backend = exact.provider, exact.backend_model
        elif listed is not None:
            path = join(ROOT, "patterns", listed.pattern)
            provider, backend = listed.provider, listed.backend_model
        target = target_of(names, provider, name, path, backend, ".provider", ".backend_model")
        levels = ((target,),) if target else ()
        group = Group(name, "exact", levels)
    else:
        return _declared(names, name)
    finished = finish(names, group)
    if finished is None and (names.declared.get(name) or name in names.hidden):
        return _declared(names, name)
    if finished is None:
        nobody(names, path)
    return finished


def _declared(names: Names, name: str) -> Group | None:
    """A declared model of an active provider is an exact route to it."""
    if name in names.hidden:
        return stand_in(name)
    owners = [owner for owner in names.declared.get(name, ()) if names.providers[owner].active]
    if not owners:
        return None
    if len(owners) > 1 and not names.unknown.more_rules:
        both = " and ".join(f"'{owner}'" for owner in owners)
        remedy = "choose one in ai_backend_routing.exact_matches, or share in ai_backend_routing.load_balancing"
        names.complain(
            join("ai_backend_providers", owners[1], "models"), f"'{name}' is declared by {both}", remedy, "names"
        )
    return finish(names, Group(name, "exact", ((Target(owners[0], name),),)))


def _capability(names: Names, name: str) -> Group | None:
    rule, path = names.routing.capability_routing[name], join(ROOT, "capability_routing", name)
    if name in names.declared or name in names.routing.exact_matches or name in names.routing.load_balancing:
        names.complain(path, "is the name of a model or pool too", "give the capability another name", "names")
        return stand_in(name)
    group = finish(names, Group(name, "capability", capability_levels(names, name, rule, path), rule.strategy))
    if group is None:
        nobody(names, path)
    return group


def finish(names: Names, group: Group) -> Group | None:
    """Add the chain. Where the first choice is inactive, the chain's first active step takes its place."""
    name = group.name
    if group.strategy == "quality-first":
        # Its levels are in that order already.
        group = replace(group, strategy="priority")
    steps = steps_of(names, chain_of(names, name), name, group.wildcard)
    first = {target.key for level in group.levels for target in level}
    steps = [step for step in steps if not (isinstance(step, Target) and step.key in first)]
    if group.levels:
        check_primary(names, group, name)
        return replace(group, chain=tuple(steps))
    if not steps:
        unsure = names.unknown.more_rules or bool({name, COMMON} & names.unknown.chains)
        return stand_in(name) if unsure else None
    head, rest = steps[0], tuple(steps[1:])
    if isinstance(head, Target):
        return replace(group, levels=((head,),), strategy="simple-shuffle", chain=rest)
    first_other = names.group(head)
    if first_other is None:
        return None
    chain = (*first_other.chain, *rest)
    return replace(group, levels=first_other.levels, strategy=first_other.strategy, chain=chain)


def nobody(names: Names, path: str) -> None:
    """Complain that a rule leads to no active provider."""
    names.complain(
        path, "no active target is left", "activate its provider, or add an active one to its chain", "routes"
    )
