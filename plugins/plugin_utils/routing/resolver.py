# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the registry's rules to groups.

The decision order is the gateway's own: exact (a declared model is one), capability, pattern, default; then the
balancing inside the group; then the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ..engines.provider import Provider
from ..findings.findings import Finding, suggest, warning
from ..findings.paths import join
from ..schema import globs
from ..schema.routing import ROOT, Routing
from ..schema.rules import Pattern
from .cycles import depth_first
from .doubts import Unknown
from .fallbacks import COMMON, check_common, common_chain, edges, prepare, rules_of
from .groups import finish, make_group, nobody
from .names import Names
from .routes import DEFAULT, Group, Level, Routes
from .sharing import never_asked
from .targets import open_target, provider_at


def _pattern(names: Names, rule: Pattern) -> Group | None:
    """The group of a glob."""
    path = join(ROOT, "patterns", rule.pattern)
    target = open_target(names, rule.provider, rule.pattern, path, rule.backend_model, ".provider")
    levels: tuple[Level, ...] = ((target,),) if target else ()
    group = finish(names, Group(rule.pattern, "pattern", levels))
    if group is None:
        nobody(names, path)
    elif not rule.pattern.endswith("*"):
        problem = "LiteLLM does not anchor the end, longer names match too"
        names.warnings.append(warning(names.where(path), problem, "end it with `*` if that is meant", "routes"))
    return group


def _default(names: Names) -> Group | None:
    """The group of names nobody knows."""
    name, path = names.routing.default_provider, join(ROOT, "default_provider")
    if name is None:
        return None
    target = open_target(names, name, DEFAULT, path)
    levels: tuple[Level, ...] = ((target,),) if target else ()
    group = finish(names, Group(DEFAULT, "default", levels))
    if group is None:
        nobody(names, path)
    return group


def _check_patterns(names: Names) -> None:
    """Globs are decided as they are written, and each decides something."""
    rules = [rule.pattern for rule in _globs(names)]
    if DEFAULT in rules and names.routing.default_provider is not None:
        path = join(ROOT, "patterns", DEFAULT)
        names.complain(path, "takes every name, and so does default_provider", "keep one of them", "routes")
    for glob, problem, remedy in globs.conflicts(rules):
        names.complain(join(ROOT, "patterns", glob), problem, remedy, "routes")


def _check_listed(names: Names) -> None:
    """A regex that stands for a few names: each is a rule of its own, like one of exact_matches."""
    rules = names.routing
    for index, rule in enumerate(rules.patterns):
        if not rule.names:
            continue
        path = join(ROOT, "patterns", rule.pattern)
        known = [name for name in rule.names if name in names.declared or name in names.hidden]
        own = [name for name in known if names.listed[name] is rule and not _has_rule(names, name)]
        provider_at(names, rule.provider, path, ".provider")
        if names.unknown.more_names:
            continue
        others = [name for name in rule.names if name not in names.all]
        if not known:
            problem = f"stands for {_shown(rule.names)} but no provider declares one of them"
            names.complain(path, problem, "declare them in `models:`, or write a glob", "routes")
        elif not own and not names.unknown.more_rules:
            problem = "has no effect: each of its names has an earlier rule"
            names.complain(path, problem, "remove it, or the rules of its names", "routes")
        elif others:
            problem = f"no provider declares {_shown(others)}, so it is left out"
            names.warnings.append(warning(names.where(path), problem, "declare it in `models:`", "routes"))
        for earlier in rules.patterns[:index]:
            if not earlier.names and any(globs.matches(earlier.pattern, name) for name in own):
                problem = f"overlaps with '{earlier.pattern}' written before it, but is a list of names and decides"
                names.complain(path, problem, f"write it before '{earlier.pattern}'", "routes")


def _has_rule(names: Names, name: str) -> bool:
    rules = names.routing
    return name in rules.exact_matches or name in rules.load_balancing or name in rules.capability_routing


def _globs(names: Names) -> list[Pattern]:
    """Patterns that are no list of names."""
    return [rule for rule in names.routing.patterns if not rule.names]


def _run(names: Names) -> Routes:
    """The routes; what is wrong is in `findings`."""
    prepare(names)
    order, loops = depth_first(edges(names))
    for loop in loops:
        path = _round(names, loop)
        names.complain(path, f"is circular: {' → '.join(loop)}", "remove one step of the chain", "routes")
    # What a name needs is built before it, so that no chain is too long for Python's recursion.
    for name in dict.fromkeys([*(name for name in order if name in names.all), *sorted(names.all)]):
        names.groups[name] = make_group(names, name)
    result = {name: group for name in sorted(names.all) if (group := names.groups[name]) is not None}
    _check_patterns(names)
    _check_listed(names)
    found = {rule.pattern: _pattern(names, rule) for rule in _globs(names)}
    for glob in globs.ranked(list(found)):
        group = found[glob]
        if group is not None:
            result[glob] = group
    default = _default(names)
    if default is not None:
        result[DEFAULT] = default
    _check_chain_names(names, result)
    check_common(names)
    reserved = result.get("default")
    if reserved is not None and reserved.strategy not in ("simple-shuffle", "priority"):
        # LiteLLM keeps this name of a routing group for itself and would not start.
        names.complain(
            join(ROOT, "default"), "cannot have a strategy of its own", "give the name another word", "names"
        )
    told = {*names.warnings, *_left_out_lines(names), *_deprecated(names), *never_asked(names, result)}
    return Routes(result, tuple(sorted(told)))


def _round(names: Names, loop: list[str]) -> str:
    """Where a round is written: the first step of it."""
    name, following = loop[0], loop[1]
    for rule, path in rules_of(names, name):
        if following in rule.chain:
            return join(path, "chain", rule.chain.index(following))
    return join(ROOT, "fallback_chains")


def _check_chain_names(names: Names, result: Mapping[str, Group]) -> None:
    for name in sorted(names.routing.fallback_chains):
        path = join(ROOT, "fallback_chains", name)
        if name in result or (name == COMMON and common_chain(names) is not None):
            continue
        if name in names.all:
            names.left_out_model(name, path)
        elif not _may_be_pattern(names, name) and not names.unknown.more_names:
            names.complain(path, "is not a name a client may ask for", suggest(name, names.all) or "remove it")


def _may_be_pattern(names: Names, name: str) -> bool:
    return any(rule.pattern == name for rule in names.routing.patterns) or (names.unknown.patterns and "*" in name)


def _left_out_lines(names: Names) -> Iterator[Finding]:
    for name, places in names.left_out.items():
        problem = f"{names.providers[name].status}, so it is left out of {', '.join(sorted(places))}"
        yield warning(join("ai_backend_providers", name), problem, "write `status: active` to use it again", "routes")


def _deprecated(names: Names) -> Iterator[Finding]:
    for name, provider in names.providers.items():
        if provider.status == "deprecated":
            path = join("ai_backend_providers", name)
            yield warning(
                path,
                "deprecated, it still answers",
                "route its names to another provider before it is removed",
                "routes",
            )


def _shown(names: Sequence[str]) -> str:
    """The first few of many names."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"'{name}'" for name in names[:3]) + more


def resolve(
    providers: Mapping[str, Provider],
    routing: Routing,
    unknown: Unknown,
    where: Callable[[str], str],
) -> tuple[Routes, list[Finding]]:
    """Resolve all rules. With findings, or with anything unknown, the routes must not be used.

    `where` gives the path of the inner form as the user wrote it.
    """
    names = Names(providers, routing, unknown, where)
    routes = _run(names)
    return routes, names.findings
