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
from ..schema.routing import ROOT, Pattern, Routing
from .cycles import depth_first
from .doubts import Unknown
from .fallbacks import COMMON
from .groups import Groups
from .routes import DEFAULT, Group, Level, Routes


class _Resolver(Groups):
    # -- patterns ---------------------------------------------------------------------------------------------

    def pattern(self, rule: Pattern) -> Group | None:
        """The group of a glob."""
        path = join(ROOT, "patterns", rule.pattern)
        target = self.open_target(rule.provider, rule.pattern, path, rule.backend_model, ".provider")
        levels: tuple[Level, ...] = ((target,),) if target else ()
        group = self.finish(Group(rule.pattern, "pattern", levels))
        if group is None:
            self.nobody(path)
        elif not rule.pattern.endswith("*"):
            problem = "LiteLLM does not anchor the end, names that go on after it match too"
            self.warnings.append(warning(self.where(path), problem, "end it with `*` if that is meant", "routes"))
        return group

    def default(self) -> Group | None:
        """The group of names nobody knows."""
        name, path = self.routing.default_provider, join(ROOT, "default_provider")
        if name is None:
            return None
        target = self.open_target(name, DEFAULT, path)
        levels: tuple[Level, ...] = ((target,),) if target else ()
        group = self.finish(Group(DEFAULT, "default", levels))
        if group is None:
            self.nobody(path)
        return group

    def check_patterns(self) -> None:
        """Globs are decided as they are written, and each decides something."""
        rules = [rule.pattern for rule in self.globs]
        if DEFAULT in rules and self.routing.default_provider is not None:
            path = join(ROOT, "patterns", DEFAULT)
            self.complain(path, "takes every name, and so does default_provider", "keep one of them", "routes")
        for glob, problem, remedy in globs.conflicts(rules):
            self.complain(join(ROOT, "patterns", glob), problem, remedy, "routes")

    def check_listed(self) -> None:
        """A regex that stands for a few names: each is a rule of its own, like one of exact_matches."""
        rules = self.routing
        for index, rule in enumerate(rules.patterns):
            if not rule.names:
                continue
            path = join(ROOT, "patterns", rule.pattern)
            known = [name for name in rule.names if name in self.declared or name in self.hidden]
            own = [name for name in known if self.listed[name] is rule and not self._has_rule(name)]
            self.provider(rule.provider, path, ".provider")
            if self.unknown.more_names:
                continue
            others = [name for name in rule.names if name not in self.names]
            if not known:
                problem = f"stands for {_shown(rule.names)} and no provider declares that"
                self.complain(path, problem, "declare them in `models:`, or write a glob", "routes")
            elif not own and not self.unknown.more_rules:
                problem = "never decides: each of its names has a rule before it"
                self.complain(path, problem, "remove it, or the rules of its names", "routes")
            elif others:
                problem = f"no provider declares {_shown(others)}, so it is left out"
                self.warnings.append(warning(self.where(path), problem, "declare it in `models:`", "routes"))
            for earlier in rules.patterns[:index]:
                if not earlier.names and any(globs.matches(earlier.pattern, name) for name in own):
                    problem = f"overlaps with '{earlier.pattern}' written before it, but is a list of names and decides"
                    self.complain(path, problem, f"write it before '{earlier.pattern}'", "routes")

    def _has_rule(self, name: str) -> bool:
        rules = self.routing
        return name in rules.exact_matches or name in rules.load_balancing or name in rules.capability_routing

    # -- all --------------------------------------------------------------------------------------------------

    @property
    def globs(self) -> list[Pattern]:
        """Patterns that are no list of names."""
        return [rule for rule in self.routing.patterns if not rule.names]

    def run(self) -> Routes:
        """The routes; what is wrong stands in `findings`."""
        order, loops = depth_first(self.edges())
        for loop in loops:
            path = self._round(loop)
            self.complain(path, f"goes round: {' to '.join(loop)}", "remove one step of the round", "routes")
        # What a name needs is built before it, so that no chain is too long for Python's recursion.
        for name in order:
            if name in self.names:
                self.group(name)
        result: dict[str, Group] = {}
        for name in sorted(self.names):
            group = self.group(name)
            if group is not None:
                result[name] = group
        self.check_patterns()
        self.check_listed()
        found = {rule.pattern: self.pattern(rule) for rule in self.globs}
        for glob in globs.ranked(list(found)):
            group = found[glob]
            if group is not None:
                result[glob] = group
        default = self.default()
        if default is not None:
            result[DEFAULT] = default
        self._check_chain_names(result)
        self.check_common()
        reserved = result.get("default")
        if reserved is not None and reserved.strategy not in ("simple-shuffle", "priority"):
            # LiteLLM keeps this name of a routing group for itself and would not start.
            self.complain(
                join(ROOT, "default"), "cannot have a strategy of its own", "give the name another word", "names"
            )
        return Routes(result, tuple(sorted({*self.warnings, *self._left_out_lines(), *self._deprecated()})))

    def _round(self, loop: list[str]) -> str:
        """Where a round is written: the first step of it."""
        name, following = loop[0], loop[1]
        for rule, path in self.rules_of(name):
            if following in rule.chain:
                return join(path, "chain", rule.chain.index(following))
        return join(ROOT, "fallback_chains")

    def _check_chain_names(self, result: Mapping[str, Group]) -> None:
        for name in sorted(self.routing.fallback_chains):
            path = join(ROOT, "fallback_chains", name)
            if name in result or (name == COMMON and self.common_chain is not None):
                continue
            if name in self.names:
                self.left_out_model(name, path)
            elif not self._may_be_pattern(name) and not self.unknown.more_names:
                self.complain(path, "is not a name a client may ask for", suggest(name, self.names) or "remove it")

    def _may_be_pattern(self, name: str) -> bool:
        return any(rule.pattern == name for rule in self.routing.patterns) or (self.unknown.patterns and "*" in name)

    def _left_out_lines(self) -> Iterator[Finding]:
        for name, places in self.left_out.items():
            problem = f"{self.providers[name].status}, so it is left out of {', '.join(sorted(places))}"
            yield warning(
                join("ai_backend_providers", name), problem, "write `status: active` to bring it back", "routes"
            )

    def _deprecated(self) -> Iterator[Finding]:
        for name, provider in self.providers.items():
            if provider.status == "deprecated":
                path = join("ai_backend_providers", name)
                yield warning(
                    path, "deprecated, it still answers", "route its names elsewhere before it goes", "routes"
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
    resolver = _Resolver(providers, routing, unknown, where)
    routes = resolver.run()
    return routes, resolver.findings
