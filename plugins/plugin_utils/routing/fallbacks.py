# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Chains: what is tried after the first choice of a name, and where each item of it is written."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from ..findings.findings import suggest
from ..findings.paths import join
from ..schema.routing import ROOT, Chain, Rule
from .routes import Group, Step, Target
from .targets import Targets

# The entry of `fallback_chains` for names without a chain.
COMMON = "default"
# An item of a chain, and where it is written.
Item: TypeAlias = tuple[str, str]


def _items(rule: Rule, path: str) -> list[Item]:
    return [(item, join(path, "chain", index)) for index, item in enumerate(rule.chain)]


@dataclass
class Steps(Targets):
    """Chains of names."""

    @abstractmethod
    def group(self, name: str) -> Group | None:
        """The group of a plain name, or None when nobody active is left."""

    def chain_of(self, name: str) -> list[Item]:
        """The chain of a name.

        Where several places give one, the rule's own comes first and `fallback_chains` adds what it lacks; what they
        share must stand in the same order. Where none does, it is `fallback_chains.default`.
        """
        given = [_items(rule, path) for rule, path in self.rules_of(name) if rule.chain]
        if not given:
            return [] if name in self._before_common else [row for row in self._common if row[0] != name]
        merged, *others = given
        for chain in others:
            there, here = [item for item, _at in merged], [item for item, _at in chain]
            if [item for item in there if item in here] != [item for item in here if item in there]:
                path, first = (rows[0][1].rpartition(".chain")[0] for rows in (chain, merged))
                problem = f"has another order than {self.where(first)}"
                self.complain(f"{path}.chain", problem, "make them agree, or keep one of them", "routes")
            merged = [*merged, *((item, at) for item, at in chain if item not in there)]
        return merged

    def rules_of(self, name: str) -> list[tuple[Rule, str]]:
        """The rules a name has, each with its path, in the order their chains count."""
        routing, listed = self.routing, self.listed.get(name)
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

    # -- the chain of everybody without one -------------------------------------------------------------------

    @property
    def common_chain(self) -> Chain | None:
        """The chain of names that have none; where a model is called `default` it is that model's."""
        return None if COMMON in self.names else self.routing.fallback_chains.get(COMMON)

    @cached_property
    def _common(self) -> list[Item]:
        chain, path = self.common_chain, join(ROOT, "fallback_chains", COMMON)
        if chain is None:
            return []
        first = [(chain.primary, f"{path}.primary")] if chain.primary is not None else []
        return [*first, *_items(chain, path)]

    @cached_property
    def _before_common(self) -> frozenset[str]:
        """Names that the common chain leads to: with it they would lead back to themselves."""
        found: set[str] = set()
        queue = [item for item, _at in self._common]
        while queue:
            name = queue.pop()
            if name not in found and name in self.names:
                found.add(name)
                queue += self._written_edges.get(name, ())
        return frozenset(found)

    # -- steps ------------------------------------------------------------------------------------------------

    def steps(self, chain: Sequence[Item], name: str, wildcard: bool) -> list[Step]:
        """The steps a chain stands for."""
        steps: list[Step] = []
        for item, path in chain:
            is_provider, is_name = item in self.provider_names, item in self.names
            # What is complained about counts as there: once mended it is.
            step: Step | None = Target("", item)
            if is_provider and is_name:
                self.complain(
                    path, f"chain item '{item}' is both a provider and a model", "rename one of them", "names"
                )
            elif item == name:
                self.complain(path, f"chain item '{item}' is the name itself", "remove it", "routes")
                step = None
            elif is_provider:
                step = self.open_target(item, name, path) if wildcard else self.target(item, name, path)
            elif is_name:
                step = item if self.group(item) is not None else None
                if step is None:
                    self.left_out_model(item, path)
            else:
                self.check_item(item, path)
            if step is not None and step not in steps:
                steps.append(step)
        return steps

    def check_item(self, item: str, path: str) -> None:
        """An item of a chain is something."""
        known = {*self.provider_names, *self.names}
        if item not in known and not self.unknown.more_names:
            remedy = suggest(item, known) or "declare it"
            self.complain(path, f"chain item '{item}' is neither a provider nor a model", remedy)

    def check_common(self) -> None:
        """The common chain is sound also where every name has one of its own."""
        for item, path in self._common:
            self.check_item(item, path)

    def check_primary(self, group: Group, name: str) -> None:
        """`primary` is for people: it must be who is asked first anyway."""
        chain = self.routing.fallback_chains.get(name)
        if chain is None or chain.primary is None:
            return
        first = {word for target in group.levels[0] for word in (target.provider, target.model)} | {name}
        if chain.primary in first or any(not target.provider for target in group.levels[0]):
            return
        path = f"{join(ROOT, 'fallback_chains', name)}.primary"
        if chain.primary not in self.provider_names | self.names:
            known = suggest(chain.primary, self.provider_names | self.names)
            self.complain(path, f"'{chain.primary}' is neither a provider nor a model", known or "declare it")
            return
        owners = " or ".join(sorted({f"'{target.provider}'" for target in group.levels[0]}))
        remedy = "make them agree, or choose in ai_backend_routing.exact_matches"
        self.complain(path, f"'{chain.primary}' is not asked first, {owners} is", remedy, "routes")

    # -- order ------------------------------------------------------------------------------------------------

    @cached_property
    def _written_edges(self) -> Mapping[str, list[str]]:
        """The names that the written chains lead to, and the models members are borrowed from."""
        rules = self.routing
        edges: dict[str, list[str]] = defaultdict(list)
        tables: tuple[Mapping[str, Rule], ...] = (
            rules.exact_matches,
            rules.capability_routing,
            rules.load_balancing,
            rules.fallback_chains,
            self.listed,
        )
        for table in tables:
            for name, rule in table.items():
                edges[name] += [item for item in rule.chain if item in self.names and item != name]
        for name, capability in rules.capability_routing.items():
            edges[name] += [m.model for m in capability.preferred_models if m.model and not m.provider]
        for name, pool in rules.load_balancing.items():
            edges[name] += [m.model for m in pool.providers if m.model and not m.provider and m.model != name]
        return edges

    def edges(self) -> dict[str, list[str]]:
        """What each name needs built before it."""
        edges = {name: list(others) for name, others in self._written_edges.items()}
        common = [item for item, _at in self._common if item in self.names]
        for name in self.names if common else ():
            if name not in self._before_common and not any(rule.chain for rule, _path in self.rules_of(name)):
                edges.setdefault(name, []).extend(item for item in common if item != name)
        return edges
