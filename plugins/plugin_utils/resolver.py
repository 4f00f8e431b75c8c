# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the registry's rules to groups.

The decision order is the gateway's own: exact (a declared model is one), capability, pattern, default; then the
balancing inside the group; then the chain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.lab.ai_backend.plugins.plugin_utils import patterns as globs
from ansible_collections.lab.ai_backend.plugins.plugin_utils.chains import depth_first
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings import Finding, join, suggest
from ansible_collections.lab.ai_backend.plugins.plugin_utils.providers import Provider
from ansible_collections.lab.ai_backend.plugins.plugin_utils.reading import Place
from ansible_collections.lab.ai_backend.plugins.plugin_utils.routes import DEFAULT, Group, Level, Routes, Step, Target
from ansible_collections.lab.ai_backend.plugins.plugin_utils.routing import ROOT, Pattern, PoolTarget, Routing, Rule


@dataclass(frozen=True)
class Unknown:
    """What a mistake elsewhere keeps from being read. It counts as there and as sound, so that no complaint follows.

    providers: name -> the models that are known of it. rules: names whose rule could not be read; capabilities: those
    of them that are capabilities. chains: names with a chain that could not be read. With `more_names` there may be
    models or rules of any name, with `more_rules` any name may have further rules, with `patterns` a further pattern.
    """

    providers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    chains: frozenset[str] = frozenset()
    more_names: bool = False
    more_rules: bool = False
    patterns: bool = False


def unknown_of(doubts: Iterable[Place], providers: Mapping[str, tuple[str, ...]], more_models: bool) -> Unknown:
    """What the doubts about the routing, and the providers that could not be read, leave unknown."""
    found: dict[str, set[str]] = defaultdict(set)
    sections = set()
    for place in doubts:
        if len(place) == 1:
            sections.add(place[0])
        elif len(place) > 1:
            found[str(place[0])].add(str(place[1]))
    more_rules = bool(sections & {"exact_matches", "load_balancing", "capability_routing", "fallback_chains"})
    rules = frozenset(found["exact_matches"] | found["load_balancing"] | found["capability_routing"])
    return Unknown(
        providers=providers,
        rules=rules,
        capabilities=frozenset(found["capability_routing"]),
        chains=frozenset(found["fallback_chains"]),
        more_names=more_models or more_rules,
        more_rules=more_rules,
        patterns="patterns" in sections or bool(found["patterns"]),
    )


def _stand_in(name: str) -> Group:
    """A group for a name whose own could not be made. It is there while mistakes are looked for, never in a config."""
    return Group(name, "exact", ((Target("", name),),))


@dataclass
class _Resolver:
    providers: Mapping[str, Provider]
    routing: Routing
    unknown: Unknown = Unknown()
    findings: list[Finding] = field(default_factory=list)
    # Inactive provider -> the places it was left out of.
    left_out: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    warnings: list[str] = field(default_factory=list)
    groups: dict[str, Group | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        declared: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.providers):
            for entry in self.providers[name].entries:
                declared[entry.name].append(name)
        self.declared = dict(declared)
        rules = self.routing
        self.capabilities = {*rules.capability_routing, *self.unknown.capabilities}
        # Models of providers that could not be read.
        self.hidden = {model for models in self.unknown.providers.values() for model in models}
        self.names = {*declared, *rules.exact_matches, *rules.load_balancing, *self.capabilities}
        self.names |= self.hidden | self.unknown.rules
        self.provider_names = {*self.providers, *self.unknown.providers}

    # -- findings ---------------------------------------------------------------------------------------------

    def complain(self, path: str, problem: str, remedy: str) -> None:
        self.findings.append(Finding(path, problem, remedy))

    def provider(self, name: str, path: str, key: str) -> Provider | Target | None:
        """The provider when requests may go there; an unknown one is an error, an inactive one a warning.

        Where it is not known, a target stands for it: nothing else may be said because of it. `key` is where the
        rule at `path` names the provider.
        """
        provider = self.providers.get(name)
        if provider is None:
            if name not in self.unknown.providers:
                hint = suggest(name, self.provider_names) or "declare it in ai_backend_providers"
                self.complain(f"{path}{key}", f"'{name}' is not a provider", hint)
            return Target(name, None)
        if not provider.active:
            self.left_out[name].add(path.removeprefix(f"{ROOT}."))
            return None
        return provider

    # -- targets ----------------------------------------------------------------------------------------------

    def target(self, name: str, asked: str, path: str, backend: str | None = None, key: str = "") -> Target | None:
        """What a provider serves for `asked`: `backend`, else that name, its default_model, its only model."""
        provider = self.provider(name, path, key)
        if provider is None or isinstance(provider, Target):
            return provider
        if backend is not None:
            if provider.entry(backend) is None:
                known = suggest(backend, (entry.name for entry in provider.entries))
                remedy = f"add it to ai_backend_providers.{name}.models"
                self.complain(
                    path, f"'{backend}' is no model of '{name}'", f"{known} else {remedy}" if known else remedy
                )
            return Target(name, backend)
        if provider.entry(asked) is not None:
            return Target(name, asked)
        return self._only_model(name, provider, f"'{name}' has no model '{asked}' and no other to stand for it", path)

    def _only_model(self, name: str, provider: Provider, problem: str, path: str) -> Target:
        if provider.default_model is not None:
            return Target(name, provider.default_model)
        if len(provider.entries) == 1:
            return Target(name, provider.entries[0].name)
        self.complain(path, problem, f"write ai_backend_providers.{name}.default_model, or name a model instead")
        return Target(name, None)

    def open_target(self, name: str, glob: str, path: str, backend: str | None = None, key: str = "") -> Target | None:
        """What a provider serves for a glob: the name as asked, or the one model of an engine that has one."""
        provider = self.provider(name, path, key)
        if provider is None or isinstance(provider, Target):
            return provider
        if backend is not None:
            return self.target(name, backend, path, backend)
        if provider.type == "anthropic" and (glob == DEFAULT or "/" in glob):
            # LiteLLM would list every Anthropic model it has heard of in /v1/models.
            return self._only_model(name, provider, "anthropic cannot take any name here", path)
        if provider.MANY_MODELS:
            return Target(name, None)
        return self._only_model(name, provider, f"'{name}' serves one model at a time and has none to stand in", path)

    # -- groups -----------------------------------------------------------------------------------------------

    def group(self, name: str) -> Group | None:
        """The group of a plain name, or None when nobody active is left; built once."""
        if name not in self.groups:
            # Met again only in a round, which is reported as such.
            self.groups[name] = _stand_in(name)
            if name in self.unknown.rules:
                return self.groups[name]
            self.groups[name] = self._capability(name) if name in self.routing.capability_routing else self._model(name)
        return self.groups[name]

    def _model(self, name: str) -> Group | None:
        exact, pool = self.routing.exact_matches.get(name), self.routing.load_balancing.get(name)
        levels: tuple[Level, ...] = ()
        strategy, kind, path = "simple-shuffle", "exact", join(ROOT, "exact_matches", name)
        if pool is not None:
            kind, path, strategy = "pool", join(ROOT, "load_balancing", name), pool.strategy
            if exact is not None and exact.provider not in {member.provider for member in pool.providers}:
                problem = f"does not hold '{exact.provider}', where exact_matches sends this name"
                self.complain(path, problem, "add it to `providers:`, or remove the exact match")
            members = [
                self._member(member, name, join(path, "providers", i)) for i, member in enumerate(pool.providers)
            ]
            levels = _levels([level for level in members if level], strategy)
        elif exact is not None:
            target = self.target(exact.provider, name, path, exact.backend_model, ".provider")
            levels = ((target,),) if target else ()
        else:
            return self._declared(name)
        group = self._finish(Group(name, kind, levels, strategy), name, path)
        if group is None and (self.declared.get(name) or name in self.hidden):
            return self._declared(name)
        if group is None:
            self._nobody(path)
        return group

    def _declared(self, name: str) -> Group | None:
        """A declared model of an active provider is an exact route to it."""
        if name in self.hidden:
            return _stand_in(name)
        owners = [owner for owner in self.declared.get(name, ()) if self.providers[owner].active]
        if not owners:
            return None
        if len(owners) > 1 and not self.unknown.more_rules:
            both = " and ".join(f"'{owner}'" for owner in owners)
            remedy = "choose one in ai_backend_routing.exact_matches, or share in ai_backend_routing.load_balancing"
            self.complain(join("ai_backend_providers", owners[1], "models"), f"'{name}' is declared by {both}", remedy)
        return self._finish(
            Group(name, "exact", ((Target(owners[0], name),),)), name, join(ROOT, "exact_matches", name)
        )

    def _capability(self, name: str) -> Group | None:
        rule, path = self.routing.capability_routing[name], join(ROOT, "capability_routing", name)
        if name in self.declared or name in self.routing.exact_matches or name in self.routing.load_balancing:
            self.complain(path, "is the name of a model or pool too", "give the capability another name")
            return _stand_in(name)
        members = [
            self._member(member, name, join(path, "preferred_models", i))
            for i, member in enumerate(rule.preferred_models)
        ]
        levels = _levels([level for level in members if level], rule.strategy)
        group = self._finish(Group(name, "capability", levels, rule.strategy), name, path)
        if group is None:
            self._nobody(path)
        return group

    def _member(self, member: PoolTarget, asked: str, path: str) -> Level:
        """The targets of one member of a pool or capability, each with the member's weight."""
        if member.provider is not None:
            if (member.model or asked) in self.unknown.rules or self.unknown.more_rules:
                # It may be an alias that could not be read.
                found = self.provider(member.provider, path, "")
                return (Target(member.provider, None),) if found is not None else ()
            # The model may be an alias of exact_matches, or the pool stand over an exact match of its own name.
            alias = self.routing.exact_matches.get(member.model or asked)
            if alias is not None and alias.provider == member.provider:
                target = self.target(member.provider, member.model or asked, path, alias.backend_model)
            else:
                target = self.target(member.provider, asked, path, member.model)
            return (replace(target, weight=member.weight),) if target else ()
        model = member.model or ""
        if model not in self.names or model in self.routing.capability_routing:
            if model in self.names or not self.unknown.more_names:
                known = suggest(model, self.names - self.capabilities)
                self.complain(path, f"'{model}' is not a model", known or "declare it at a provider")
            return (Target("", model),)
        if model in self.hidden or (model == asked and self.unknown.more_names):
            return (Target("", model),)
        if model == asked:
            owners = [owner for owner in self.declared.get(model, ()) if self.providers[owner].active]
            return tuple(Target(owner, model, member.weight) for owner in owners)
        group = self.group(model)
        if group is None:
            self._left_out_model(model, path)
            return ()
        return tuple(replace(target, weight=member.weight or target.weight) for target in group.levels[0])

    def _left_out_model(self, model: str, path: str) -> None:
        for owner in self.declared.get(model, ()):
            if not self.providers[owner].active:
                self.left_out[owner].add(path.removeprefix(f"{ROOT}."))

    def _finish(self, group: Group, name: str, path: str) -> Group | None:
        """Add the chain. Where the first choice is inactive, the chain's first active step takes its place."""
        steps = self._steps(self._chain_of(name), name, group.wildcard)
        first = {target.key for level in group.levels for target in level}
        steps = [step for step in steps if not (isinstance(step, Target) and step.key in first)]
        if group.levels:
            return replace(group, chain=tuple(steps))
        if not steps:
            return _stand_in(name) if self.unknown.more_rules or name in self.unknown.chains else None
        head, rest = steps[0], tuple(steps[1:])
        if isinstance(head, Target):
            return replace(group, levels=((head,),), strategy="simple-shuffle", chain=rest)
        first_other = self.group(head)
        if first_other is None:
            return None
        chain = (*first_other.chain, *rest)
        return replace(group, levels=first_other.levels, strategy=first_other.strategy, chain=chain)

    def _nobody(self, path: str) -> None:
        self.complain(path, "no active target is left", "activate its provider, or add an active one to its chain")

    # -- chains -----------------------------------------------------------------------------------------------

    def _chain_of(self, name: str) -> tuple[tuple[str, ...], str]:
        """The chain of a name and where it stands.

        Where several places give one, the rule's own comes first and `fallback_chains` adds what it lacks; what they
        share must stand in the same order.
        """
        rules = self.routing
        given: list[tuple[tuple[str, ...], str]] = []
        for section, table in (
            ("exact_matches", rules.exact_matches),
            ("capability_routing", rules.capability_routing),
            ("load_balancing", rules.load_balancing),
            ("patterns", {rule.pattern: rule for rule in rules.patterns}),
            ("fallback_chains", rules.fallback_chains),
        ):
            rule = table.get(name)
            if rule is not None and rule.chain:
                given.append((rule.chain, join(ROOT, section, name)))
        if not given:
            return (), ""
        merged, first = given[0]
        for chain, path in given[1:]:
            if [item for item in merged if item in chain] != [item for item in chain if item in merged]:
                self.complain(path, f"has another order than {first}", "make them agree, or keep one of them")
            merged += tuple(item for item in chain if item not in merged)
        return merged, first

    def _steps(self, given: tuple[tuple[str, ...], str], name: str, wildcard: bool) -> list[Step]:
        chain, path = given
        steps: list[Step] = []
        for item in chain:
            is_provider, is_name = item in self.provider_names, item in self.names
            # What is complained about counts as there: once mended it is.
            step: Step | None = Target("", item)
            if is_provider and is_name:
                self.complain(path, f"chain item '{item}' is both a provider and a model", "rename one of them")
            elif item == name:
                self.complain(path, f"chain item '{item}' is the name itself", "remove it")
                step = None
            elif is_provider:
                step = self.open_target(item, name, path) if wildcard else self.target(item, name, path)
            elif is_name:
                step = item if self.group(item) is not None else None
                if step is None:
                    self._left_out_model(item, path)
            elif not self.unknown.more_names:
                known = suggest(item, {*self.provider_names, *self.names})
                self.complain(path, f"chain item '{item}' is neither a provider nor a model", known or "declare it")
            if step is not None and step not in steps:
                steps.append(step)
        return steps

    def edges(self) -> dict[str, list[str]]:
        """What each name needs built before it: the names in its chain, and the models it borrows targets from."""
        rules = self.routing
        edges: dict[str, list[str]] = defaultdict(list)
        tables: tuple[Mapping[str, Rule], ...] = (
            rules.exact_matches,
            rules.capability_routing,
            rules.load_balancing,
            rules.fallback_chains,
        )
        for table in tables:
            for name, rule in table.items():
                edges[name] += [item for item in rule.chain if item in self.names and item != name]
        for name, capability in rules.capability_routing.items():
            edges[name] += [m.model for m in capability.preferred_models if m.model and not m.provider]
        for name, pool in rules.load_balancing.items():
            edges[name] += [m.model for m in pool.providers if m.model and not m.provider and m.model != name]
        return edges

    # -- patterns ---------------------------------------------------------------------------------------------

    def pattern(self, rule: Pattern) -> Group | None:
        path = join(ROOT, "patterns", rule.pattern)
        target = self.open_target(rule.provider, rule.pattern, path, rule.backend_model, ".provider")
        levels: tuple[Level, ...] = ((target,),) if target else ()
        group = self._finish(Group(rule.pattern, "pattern", levels), rule.pattern, path)
        if group is None:
            self._nobody(path)
        elif not rule.pattern.endswith("*"):
            self.warnings.append(f"{path}: LiteLLM does not anchor the end, names that go on after it match too")
        return group

    def default(self) -> Group | None:
        name, path = self.routing.default_provider, join(ROOT, "default_provider")
        if name is None:
            return None
        target = self.open_target(name, DEFAULT, path)
        levels: tuple[Level, ...] = ((target,),) if target else ()
        group = self._finish(Group(DEFAULT, "default", levels), DEFAULT, path)
        if group is None:
            self._nobody(path)
        return group

    def check_patterns(self) -> None:
        rules = [rule.pattern for rule in self.routing.patterns]
        if DEFAULT in rules and self.routing.default_provider is not None:
            path = join(ROOT, "patterns", DEFAULT)
            self.complain(path, "takes every name, and so does default_provider", "keep one of them")
        for glob, problem, remedy in globs.conflicts(rules):
            self.complain(join(ROOT, "patterns", glob), problem, remedy)

    # -- all --------------------------------------------------------------------------------------------------

    def run(self) -> Routes:
        order, loops = depth_first(self.edges())
        for loop in loops:
            path = join(ROOT, "fallback_chains")
            self.complain(path, f"goes round: {' to '.join(loop)}", "remove one step of the round")
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
        found = {rule.pattern: self.pattern(rule) for rule in self.routing.patterns}
        for glob in globs.ranked(list(found)):
            group = found[glob]
            if group is not None:
                result[glob] = group
        default = self.default()
        if default is not None:
            result[DEFAULT] = default
        self._check_chain_names(result)
        reserved = result.get("default")
        if reserved is not None and reserved.strategy not in ("simple-shuffle", "priority"):
            # LiteLLM keeps this name of a routing group for itself and would not start.
            self.complain(join(ROOT, "default"), "cannot have a strategy of its own", "give the name another word")
        return Routes(result, tuple(sorted({*self.warnings, *self._left_out_lines(), *self._deprecated()})))

    def _check_chain_names(self, result: Mapping[str, Group]) -> None:
        for name in sorted(self.routing.fallback_chains):
            path = join(ROOT, "fallback_chains", name)
            if name in result:
                continue
            if name in self.names:
                self._left_out_model(name, path)
            elif not self._may_be_pattern(name) and not self.unknown.more_names:
                self.complain(path, "is not a name a client may ask for", suggest(name, self.names) or "remove it")

    def _may_be_pattern(self, name: str) -> bool:
        return any(rule.pattern == name for rule in self.routing.patterns) or (self.unknown.patterns and "*" in name)

    def _left_out_lines(self) -> Iterator[str]:
        for name, places in self.left_out.items():
            where = ", ".join(sorted(places))
            yield f"{join('ai_backend_providers', name)}: {self.providers[name].status}, so it is left out of {where}"

    def _deprecated(self) -> Iterator[str]:
        for name, provider in self.providers.items():
            if provider.status == "deprecated":
                yield f"{join('ai_backend_providers', name)}: deprecated, it still answers"


def _levels(members: list[Level], strategy: str) -> tuple[Level, ...]:
    """With `priority` one member after the other, else all at once; a target counts once."""
    seen: set[tuple[str, str]] = set()
    kept: list[Level] = []
    for member in members:
        fresh = tuple(target for target in member if target.key not in seen)
        seen |= {target.key for target in fresh}
        if fresh:
            kept.append(fresh)
    if strategy == "priority":
        return tuple(tuple(replace(target, weight=None) for target in level) for level in kept)
    return (tuple(target for level in kept for target in level),) if kept else ()


def resolve(
    providers: Mapping[str, Provider],
    routing: Routing,
    unknown: Unknown = Unknown(),
) -> tuple[Routes, list[Finding]]:
    """Resolve all rules. With findings, or with anything unknown, the routes must not be used."""
    resolver = _Resolver(providers, routing, unknown)
    routes = resolver.run()
    return routes, resolver.findings
