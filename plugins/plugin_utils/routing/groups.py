# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The group of each plain name: who answers, balanced how, and who is next in its chain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..findings.paths import join
from ..schema.routing import ROOT
from .fallbacks import COMMON, Steps
from .members import Members
from .routes import Group, Level, Target


def stand_in(name: str) -> Group:
    """A group for a name whose own could not be made. It is there while mistakes are looked for, never in a config."""
    return Group(name, "exact", ((Target("", name),),))


@dataclass
class Groups(Members, Steps):
    """Groups by name, each built once."""

    groups: dict[str, Group | None] = field(default_factory=dict)

    def group(self, name: str) -> Group | None:
        """The group of a plain name, or None when nobody active is left; built once."""
        if name not in self.groups:
            # Met again only in a round, which is reported as such.
            self.groups[name] = stand_in(name)
            if name in self.unknown.rules:
                return self.groups[name]
            self.groups[name] = self._capability(name) if name in self.routing.capability_routing else self._model(name)
        return self.groups[name]

    def _model(self, name: str) -> Group | None:
        exact, pool = self.routing.exact_matches.get(name), self.routing.load_balancing.get(name)
        listed = self.listed.get(name)
        levels: tuple[Level, ...] = ()
        if pool is not None:
            path = join(ROOT, "load_balancing", name)
            if exact is not None and exact.provider not in {member.provider for member in pool.providers}:
                problem = f"does not hold '{exact.provider}', where exact_matches sends this name"
                self.complain(path, problem, "add it to `providers:`, or remove the exact match", "routes")
            group = Group(name, "pool", self.pool_levels(name, pool, path), pool.strategy)
        elif exact is not None or listed is not None:
            path = join(ROOT, "exact_matches", name)
            if exact is not None:
                provider, backend = exact.provider, exact.backend_model
            elif listed is not None:
                path = join(ROOT, "patterns", listed.pattern)
                provider, backend = listed.provider, listed.backend_model
            target = self.target(provider, name, path, backend, ".provider", ".backend_model")
            levels = ((target,),) if target else ()
            group = Group(name, "exact", levels)
        else:
            return self._declared(name)
        finished = self.finish(group)
        if finished is None and (self.declared.get(name) or name in self.hidden):
            return self._declared(name)
        if finished is None:
            self.nobody(path)
        return finished

    def _declared(self, name: str) -> Group | None:
        """A declared model of an active provider is an exact route to it."""
        if name in self.hidden:
            return stand_in(name)
        owners = [owner for owner in self.declared.get(name, ()) if self.providers[owner].active]
        if not owners:
            return None
        if len(owners) > 1 and not self.unknown.more_rules:
            both = " and ".join(f"'{owner}'" for owner in owners)
            remedy = "choose one in ai_backend_routing.exact_matches, or share in ai_backend_routing.load_balancing"
            self.complain(
                join("ai_backend_providers", owners[1], "models"), f"'{name}' is declared by {both}", remedy, "names"
            )
        return self.finish(Group(name, "exact", ((Target(owners[0], name),),)))

    def _capability(self, name: str) -> Group | None:
        rule, path = self.routing.capability_routing[name], join(ROOT, "capability_routing", name)
        if name in self.declared or name in self.routing.exact_matches or name in self.routing.load_balancing:
            self.complain(path, "is the name of a model or pool too", "give the capability another name", "names")
            return stand_in(name)
        group = self.finish(Group(name, "capability", self.capability_levels(name, rule, path), rule.strategy))
        if group is None:
            self.nobody(path)
        return group

    def finish(self, group: Group) -> Group | None:
        """Add the chain. Where the first choice is inactive, the chain's first active step takes its place."""
        name = group.name
        if group.strategy == "quality-first":
            # Its levels are in that order already.
            group = replace(group, strategy="priority")
        steps = self.steps(self.chain_of(name), name, group.wildcard)
        first = {target.key for level in group.levels for target in level}
        steps = [step for step in steps if not (isinstance(step, Target) and step.key in first)]
        if group.levels:
            self.check_primary(group, name)
            return replace(group, chain=tuple(steps))
        if not steps:
            unsure = self.unknown.more_rules or bool({name, COMMON} & self.unknown.chains)
            return stand_in(name) if unsure else None
        head, rest = steps[0], tuple(steps[1:])
        if isinstance(head, Target):
            return replace(group, levels=((head,),), strategy="simple-shuffle", chain=rest)
        first_other = self.group(head)
        if first_other is None:
            return None
        chain = (*first_other.chain, *rest)
        return replace(group, levels=first_other.levels, strategy=first_other.strategy, chain=chain)

    def nobody(self, path: str) -> None:
        """Complain that a rule leads to no active provider."""
        self.complain(
            path, "no active target is left", "activate its provider, or add an active one to its chain", "routes"
        )
