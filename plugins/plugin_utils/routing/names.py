# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names that routing is about, and what is found wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ..engines.provider import Provider
from ..findings.checks import Check
from ..findings.findings import Finding, suggest
from ..schema.routing import ROOT, Routing
from ..schema.rules import Pattern
from .doubts import Unknown
from .routes import Group, Target

# An item of a chain, and where it is written.
Item: TypeAlias = tuple[str, str]


def stand_in(name: str) -> Group:
    """A group for a name whose own could not be made. It is there while mistakes are looked for, never in a config."""
    return Group(name, "exact", ((Target("", name),),))


@dataclass
class Names:
    """The names there are, their groups as far as they are made, and the findings about them."""

    providers: Mapping[str, Provider]
    routing: Routing
    unknown: Unknown
    # The path of the inner form as the user wrote it.
    where: Callable[[str], str]
    findings: list[Finding] = field(default_factory=list)
    # Inactive provider -> the places it was left out of.
    left_out: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    warnings: list[Finding] = field(default_factory=list)
    # Name -> its group, or None when nobody active is left. Groups are made so that each finds those it needs.
    groups: dict[str, Group | None] = field(default_factory=dict)
    # The chain of names that have none, and the names that it leads to (fallbacks.py).
    common: list[Item] = field(default_factory=list)
    before_common: frozenset[str] = frozenset()

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
        self.all = {*declared, *rules.exact_matches, *rules.load_balancing, *self.capabilities}
        self.all |= self.hidden | self.unknown.rules
        # Names that a regex of the list form stands for, where a provider declares them; the first one written counts.
        self.listed: dict[str, Pattern] = {}
        for rule in rules.patterns:
            for name in rule.names:
                if name in self.declared or name in self.hidden:
                    self.listed.setdefault(name, rule)
        self.provider_names = {*self.providers, *self.unknown.providers}

    def complain(self, path: str, problem: str, remedy: str, check: Check = "references") -> None:
        """Add what is wrong at a path."""
        self.findings.append(Finding(self.where(path), problem, remedy, check=check))

    def leave_out(self, provider: str, path: str) -> None:
        """Remember that an inactive provider is missing at a path."""
        self.left_out[provider].add(self.where(path).removeprefix(f"{ROOT}."))

    def left_out_model(self, model: str, path: str) -> None:
        """The same for all inactive providers of a model."""
        for owner in self.declared.get(model, ()):
            if not self.providers[owner].active:
                self.leave_out(owner, path)

    def no_model(self, model: str, path: str) -> None:
        """Complain about a name that no provider declares, where a model is wanted."""
        if model in self.provider_names:
            remedy = "it is a provider: write `provider:`"
        else:
            remedy = suggest(model, self.all - self.capabilities) or "declare it at a provider"
        self.complain(path, f"'{model}' is not a model", remedy)

    def group(self, name: str) -> Group | None:
        """The group of a plain name, or None without an active provider; one that is not made is part of a circle."""
        return self.groups.get(name, stand_in(name))
