# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which model of a provider answers for a name."""

from __future__ import annotations

from ..engines.provider import Provider
from ..findings.findings import suggest
from .names import Names
from .routes import DEFAULT, Level, Target

# Levels for a rule with a finding: it has some after the fix.
BEYOND_COMPLAINT: tuple[Level, ...] = ((Target("", None),),)


def provider_at(names: Names, name: str, path: str, key: str) -> Provider | Target | None:
    """The provider when requests may go there; an unknown one is an error, an inactive one a warning.

    Where it is not known, a target stands for it: no further finding may follow from it. `key` is where the
    rule at `path` names the provider.
    """
    provider = names.providers.get(name)
    if provider is None:
        if name not in names.unknown.providers:
            hint = suggest(name, names.provider_names) or "declare it in ai_backend_providers"
            names.complain(f"{path}{key}", f"'{name}' is not a provider", hint)
        return Target(name, None)
    if not provider.active:
        names.leave_out(name, path)
        return None
    return provider


def target_of(
    names: Names, name: str, asked: str, path: str, backend: str | None = None, key: str = "", model_key: str = ""
) -> Target | None:
    """What a provider serves for `asked`: `backend`, else that name, its default_model, its only model.

    `key` and `model_key` are where the rule at `path` names the provider and the backend.
    """
    provider = provider_at(names, name, path, key)
    if provider is None or isinstance(provider, Target):
        return provider
    if backend is not None:
        if provider.entry(backend) is None:
            known = suggest(backend, (entry.name for entry in provider.entries))
            remedy = f"add it to ai_backend_providers.{name}.models"
            names.complain(
                f"{path}{model_key}",
                f"'{backend}' is not a model of '{name}'",
                f"{known} else {remedy}" if known else remedy,
            )
        return Target(name, backend)
    if provider.entry(asked) is not None:
        return Target(name, asked)
    return _only_model(names, name, provider, f"'{name}' has no model '{asked}' and no default_model", path)


def _only_model(names: Names, name: str, provider: Provider, problem: str, path: str) -> Target:
    if provider.default_model is not None:
        return Target(name, provider.default_model)
    if len(provider.entries) == 1:
        return Target(name, provider.entries[0].name)
    names.complain(path, problem, f"write ai_backend_providers.{name}.default_model, or name a model instead")
    return Target(name, None)


def open_target(
    names: Names, name: str, glob: str, path: str, backend: str | None = None, key: str = ""
) -> Target | None:
    """What a provider serves for a glob: the name as asked, or the one model of an engine that has one."""
    provider = provider_at(names, name, path, key)
    if provider is None or isinstance(provider, Target):
        return provider
    if backend is not None and "*" not in backend:
        return target_of(names, name, backend, path, backend, key, ".backend_model")
    if not provider.OPENAI_API and (glob == DEFAULT or "/" in glob):
        # LiteLLM would list every model of it that it has heard of in /v1/models.
        return _only_model(names, name, provider, f"{provider.kind} cannot take any name here", path)
    if provider.many_models:
        return Target(name, backend)
    return _only_model(names, name, provider, f"'{name}' serves one model at a time and names no default_model", path)
