# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Chains: what is tried after the first choice of a name, and where each item of it is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ..findings.findings import suggest
from ..findings.paths import join
from ..schema.routing import ROOT
from ..schema.rules import Chain, Rule
from .names import Item, Names
from .routes import Group, Step, Target
from .targets import open_target, target_of

# The entry of `fallback_chains` for names without a chain.
COMMON = "default"


def _items(rule: Rule, path: str) -> list[Item]:
    return [(item, join(path, "chain", index)) for index, item in enumerate(rule.chain)]


def chain_of(names: Names, name: str) -> list[Item]:
    """The chain of a name.

    Where several places give one, the rule's own comes first and `fallback_chains` adds what it lacks; what they
    share must be in the same order. Where none does, it is `fallback_chains.default`.
    """
    given = [_items(rule, path) for rule, path in rules_of(names, name) if rule.chain]
    if not given:
        return [] if name in names.before_common else [row for row in names.common if row[0] != name]
    merged, *others = given
    for chain in others:
        there, here = [item for item, _at in merged], [item for item, _at in chain]
        if [item for item in there if item in here] != [item for item in here if item in there]:
            path, first = (rows[0][1].rpartition(".chain")[0] for rows in (chain, merged))
            problem = f"has a different order from {names.where(first)}"
            names.complain(f"{path}.chain", problem, "make them agree, or keep one of them", "routes")
        merged = [*merged, *((item, at) for item, at in chain if item not in there)]
    return merged


def rules_of(names: Names, name: str) -> list[tuple[Rule, str]]:
    """The rules a name has, each with its path, in the order their chains count."""
    routing, listed = names.routing, names.listed.get(name)
    rules: list[tuple[Rule | None, str]] = [
        (routing.exact_matches.get(name), join(ROOT, "exact_matches", name)),
        (routing.capability_routing.get(name), join(ROOT, "capability_routing", name)),
        (routing.load_balancing.get(name), join(ROOT, "load_balancing", name)),
    ]
    if listed is not None and not any(rule for rule, _path in rules):
        rules.append((listed, join(ROOT, "patterns", listed.pattern)))
    if "*" in name:
        globs = {rule.pattern: rule for rule in routing.patterns}
        rules.append((globs.get(name), join(ROOT, "patterns", name)))
    rules.append((routing.fallback_chains.get(name), join(ROOT, "fallback_chains", name)))
    return [(rule, path) for rule, path in rules if rule is not None]


def common_chain(names: Names) -> Chain | None:
    """The chain of names that have none; where a model is called `default` it is that model's."""
    return None if COMMON in names.all else names.routing.fallback_chains.get(COMMON)


def prepare(names: Names) -> None:
    """Find the chain of everybody without one, and the names that it leads to: with it they would lead back."""
    names.common = _common(names)
    names.before_common = _before_common(names)


def _common(names: Names) -> list[Item]:
    chain, path = common_chain(names), join(ROOT, "fallback_chains", COMMON)
    if chain is None:
        return []
    first = [(chain.primary, f"{path}.primary")] if chain.primary is not None else []
    return [*first, *_items(chain, path)]


def _before_common(names: Names) -> frozenset[str]:
    found: set[str] = set()
    written = _written_edges(names)
    queue = [item for item, _at in names.common]
    while queue:
        name = queue.pop()
        if name not in found and name in names.all:
            found.add(name)
            queue += written.get(name, ())
    return frozenset(found)


def steps_of(names: Names, chain: Sequence[Item], name: str, wildcard: bool) -> list[Step]:
    """The steps a chain stands for."""
    steps: list[Step] = []
    for item, path in chain:
        is_provider, is_name = item in names.provider_names, item in names.all
        # An item with a finding counts as a step: it is one after the fix.
        step: Step | None = Target("", item)
        if is_provider and is_name:
            names.complain(path, f"chain item '{item}' is both a provider and a model", "rename one of them", "names")
        elif item == name:
            names.complain(path, f"chain item '{item}' is the name itself", "remove it", "routes")
            step = None
        elif is_provider:
            step = open_target(names, item, name, path) if wildcard else target_of(names, item, name, path)
        elif is_name:
            step = item if names.group(item) is not None else None
            if step is None:
                names.left_out_model(item, path)
        else:
            check_item(names, item, path)
        if step is not None and step not in steps:
            steps.append(step)
    return steps


def check_item(names: Names, item: str, path: str) -> None:
    """An item of a chain is something."""
    known = {*names.provider_names, *names.all}
    if item not in known and not names.unknown.more_names:
        remedy = suggest(item, known) or "declare it"
        names.complain(path, f"chain item '{item}' is neither a provider nor a model", remedy)


def check_common(names: Names) -> None:
    """The common chain is sound also where every name has one of its own."""
    for item, path in names.common:
        check_item(names, item, path)


def check_primary(names: Names, group: Group, name: str) -> None:
    """`primary` is for people: it must be who is asked first anyway."""
    chain = names.routing.fallback_chains.get(name)
    if chain is None or chain.primary is None:
        return
    first = {word for target in group.levels[0] for word in (target.provider, target.model)} | {name}
    if chain.primary in first or any(not target.provider for target in group.levels[0]):
        return
    path = f"{join(ROOT, 'fallback_chains', name)}.primary"
    if chain.primary not in names.provider_names | names.all:
        known = suggest(chain.primary, names.provider_names | names.all)
        names.complain(path, f"'{chain.primary}' is neither a provider nor a model", known or "declare it")
        return
    owners = " or ".join(sorted({f"'{target.provider}'" for target in group.levels[0]}))
    remedy = "make them agree, or choose in ai_backend_routing.exact_matches"
    names.complain(path, f"'{chain.primary}' is not asked first, {owners} is", remedy, "routes")


def _written_edges(names: Names) -> Mapping[str, list[str]]:
    """The names that the written chains lead to, and the models members are borrowed from."""
    rules = names.routing
    edges: dict[str, list[str]] = defaultdict(list)
    tables: tuple[Mapping[str, Rule], ...] = (
        rules.exact_matches,
        rules.capability_routing,
        rules.load_balancing,
        rules.fallback_chains,
        names.listed,
    )
    for table in tables:
        for name, rule in table.items():
            edges[name] += [item for item in rule.chain if item in names.all and item != name]
    for name, capability in rules.capability_routing.items():
        edges[name] += [m.model for m in capability.preferred_models if m.model and not m.provider]
    for name, pool in rules.load_balancing.items():
        edges[name] += [m.model for m in pool.providers if m.model and not m.provider and m.model != name]
    return edges


def edges(names: Names) -> dict[str, list[str]]:
    """What each name needs built before it."""
    edges = {name: list(others) for name, others in _written_edges(names).items()}
    common = [item for item, _at in names.common if item in names.all]
    for name in names.all if common else ():
        if name not in names.before_common and not any(rule.chain for rule, _path in rules_of(names, name)):
            edges.setdefault(name, []).extend(item for item in common if item != name)
    return edges
