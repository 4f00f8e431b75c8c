# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which model of a provider answers for a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..engines.provider import Provider
from ..findings.checks import Check
from ..findings.findings import Finding, suggest
from ..schema.routing import ROOT, Pattern, Routing
from .doubts import Unknown
from .routes import DEFAULT, Level, Target


@dataclass
class Targets:
    """The names there are, and what is said about them while they are resolved."""

    providers: Mapping[str, Provider]
    routing: Routing
    unknown: Unknown
    # The path of the inner form as the user wrote it.
    where: Callable[[str], str]
    findings: list[Finding] = field(default_factory=list)
    # Inactive provider -> the places it was left out of.
    left_out: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    warnings: list[Finding] = field(default_factory=list)

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
        # Names that a regex of the list form stands for, where somebody declares them; the first one written counts.
        self.listed: dict[str, Pattern] = {}
        for rule in rules.patterns:
            for name in rule.names:
                if name in self.declared or name in self.hidden:
                    self.listed.setdefault(name, rule)
        self.provider_names = {*self.providers, *self.unknown.providers}

    # -- findings ---------------------------------------------------------------------------------------------

    def complain(self, path: str, problem: str, remedy: str, check: Check = "references") -> None:
        """Add what is wrong at a path."""
        self.findings.append(Finding(self.where(path), problem, remedy, check=check))

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
            self.leave_out(name, path)
            return None
        return provider

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
            remedy = suggest(model, self.names - self.capabilities) or "declare it at a provider"
        self.complain(path, f"'{model}' is not a model", remedy)

    @staticmethod
    def beyond_complaint() -> tuple[Level, ...]:
        """Levels for what was complained about: once mended there are some."""
        return ((Target("", None),),)

    # -- targets ----------------------------------------------------------------------------------------------

    def target(
        self, name: str, asked: str, path: str, backend: str | None = None, key: str = "", model_key: str = ""
    ) -> Target | None:
        """What a provider serves for `asked`: `backend`, else that name, its default_model, its only model.

        `key` and `model_key` are where the rule at `path` names the provider and the backend.
        """
        provider = self.provider(name, path, key)
        if provider is None or isinstance(provider, Target):
            return provider
        if backend is not None:
            if provider.entry(backend) is None:
                known = suggest(backend, (entry.name for entry in provider.entries))
                remedy = f"add it to ai_backend_providers.{name}.models"
                self.complain(
                    f"{path}{model_key}",
                    f"'{backend}' is no model of '{name}'",
                    f"{known} else {remedy}" if known else remedy,
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
            return self.target(name, backend, path, backend, key, ".backend_model")
        if provider.type == "anthropic" and (glob == DEFAULT or "/" in glob):
            # LiteLLM would list every Anthropic model it has heard of in /v1/models.
            return self._only_model(name, provider, "anthropic cannot take any name here", path)
        if provider.MANY_MODELS:
            return Target(name, None)
        return self._only_model(name, provider, f"'{name}' serves one model at a time and has none to stand in", path)
