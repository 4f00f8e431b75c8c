# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which engine answers a request for a model, and why.

Nothing is decided here: the rule comes from the resolver's groups, and the deployments come from the config of the
gateway, read as LiteLLM reads it (litellm/simulation.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from ..engines.waking import waking_of
from ..findings.findings import Finding, RegistryError, suggest
from ..findings.paths import join
from ..litellm import config as litellm_config
from ..litellm.simulation import Ask, Deployment, Router, asks, router_of, shares
from ..plan.fleet import Fleet
from ..registry.registry import Registry
from ..routing.routes import DEFAULT, Group
from ..schema import globs as patterns
from ..schema.base import is_askable
from ..schema.routing import ROOT

Plain = dict[str, Any]


def explain(fleet: Fleet, model: str, down: Collection[str] = (), tokens: int = 0) -> Plain:
    """Return which engine answers a request for `model`, as plain data.

    {model, gateway: host, group: name in LiteLLM or None, rule: None or {kind, path, why},
     passed_over: [{kind, path, why}], strategy, levels: [{strategy, deployments: [deployment]}], chain: [group],
     asked: [ask], answers: provider or None, down: [provider],
     when_down: [{down: [provider], asked: [ask], answers}],
     when_long: [{over: tokens, asked: [ask], answers}],
     breaker: {failures, cooldown_seconds, alone}, warnings: [str]}

    deployment: {id, provider, engine, host, model, api_base, weight, share, timeout_seconds, stream_gap_seconds,
     max_input_tokens, sleeps_after_seconds, wake: always, on_request or by_hand, exclusive_group: name or None}.
    ask: {provider, model, host, one_of: [provider], answered}. Of several that share the traffic, those that fail are
    shown as asked first, so `asked` is the longest sequence of a request. kind: exact, capability, pattern or default.
    `down` are providers that are down; in `when_down` one after the other is down, in the order asked. `tokens` is the
    length of the prompt; `when_long` is the result for longer ones, if the gateway checks the length.

    Raises RegistryError for an unknown provider in `down`.
    """
    registry, gateway = fleet.registry, fleet.place.gateways[0]
    findings = list(_unknown(registry, down))
    if findings:
        raise RegistryError(findings)
    router = router_at(fleet, gateway)
    rule, passed_over = _decide(registry, model)
    group = registry.routes.groups.get(rule["group"]) if rule else None
    result: Plain = {
        "model": model,
        "gateway": gateway,
        "group": rule["group"] if rule else None,
        "rule": {key: rule[key] for key in ("kind", "path", "why")} if rule else None,
        "passed_over": passed_over,
        "strategy": group.strategy if group else "",
        "levels": list(_levels(registry, router, model, group)) if group else [],
        "chain": list(router.chain(model)) if group else [],
        "down": sorted(down),
        **_outcome(router, model, down if group else (), tokens),
        "when_down": _when_down(router, model) if group else [],
        "when_long": _when_long(router, model) if group else [],
        "breaker": _breaker(registry, router, model),
        "warnings": [str(finding) for finding in registry.warnings],
    }
    return result


def _breaker(registry: Registry, router: Router, model: str) -> Plain:
    breaker = registry.gateway.breaker
    own = [deployment.cooldown for deployment in router.deployments(model) if deployment.cooldown is not None]
    return {
        "failures": breaker.failures,
        "cooldown_seconds": own[0] if own else breaker.cooldown_seconds,
        "alone": bool(own),
    }


def router_at(fleet: Fleet, gateway: str) -> Router:
    """LiteLLM's config on a gateway host."""
    reach = fleet.reach
    return router_of(litellm_config.build(fleet.registry, reach.endpoints[gateway], reach.cache.get(gateway)))


def _unknown(registry: Registry, down: Collection[str]) -> Iterator[Finding]:
    for name in sorted(set(down) - set(registry.providers)):
        hint = suggest(name, registry.providers) or "name providers of ai_backend_providers"
        yield Finding("down", f"'{name}' is not a provider", hint, check="references")


# -- the rule -----------------------------------------------------------------------------------------------------


def _decide(registry: Registry, model: str) -> tuple[Plain | None, list[Plain]]:
    """The rule for a name, and those that were checked before it."""
    if not is_askable(model):
        why = "the gateway takes only names of 1 to 256 printable ASCII characters, without blanks and commas"
        return None, [_no("any rule", ROOT, why)]
    groups = registry.routes.groups
    exact = groups.get(model)
    if exact is not None and not exact.wildcard:
        capability = exact.kind == "capability"
        before = [_no("exact", join(ROOT, "exact_matches"), _no_name(registry, model))] if capability else []
        return _yes(exact, *_named(registry, exact)), before
    before = [
        _no("exact", join(ROOT, "exact_matches"), _no_name(registry, model)),
        _no("capability", join(ROOT, "capability_routing"), f"'{model}' is not a capability"),
    ]
    for name, group in groups.items():
        path = join(ROOT, "patterns", name)
        if group.kind == "pattern" and patterns.matches(name, model):
            others = [o for o, g in groups.items() if g.kind == "pattern" and o != name and patterns.matches(o, model)]
            longer = f"; LiteLLM checks it before {_quoted(others)}, which match too" if others else ""
            return _yes(group, path, f"'{model}' matches '{name}'{longer}"), before
        if group.kind == "pattern":
            before.append(_no("pattern", path, f"'{model}' does not match '{name}'"))
    default = groups.get(DEFAULT)
    if default is not None and default.kind == "default":
        return _yes(default, join(ROOT, "default_provider"), "no other rule matches the name"), before
    before.append(_no("default", join(ROOT, "default_provider"), "there is none, so LiteLLM refuses the name"))
    return None, before


def _named(registry: Registry, group: Group) -> tuple[str, str]:
    """The path of the rule for a plain name, and its reason."""
    routing, name = registry.routing, group.name
    if group.kind == "capability":
        return join(ROOT, "capability_routing", name), f"'{name}' is a capability"
    if name in routing.load_balancing:
        return join(ROOT, "load_balancing", name), f"'{name}' is a pool"
    if name in routing.exact_matches:
        return join(ROOT, "exact_matches", name), f"'{name}' has an exact match"
    listed = next((rule for rule in routing.patterns if name in rule.names), None)
    if listed is not None:
        return join(ROOT, "patterns", listed.pattern), f"'{name}' is one of the names of a regex"
    owner = group.levels[0][0].provider
    return join("ai_backend_providers", owner, "models"), f"'{name}' is a model of '{owner}'"


def _no_name(registry: Registry, model: str) -> str:
    owners = [name for name, provider in registry.providers.items() if provider.entry(model) is not None]
    if owners:
        states = ", ".join(f"'{name}' is {registry.providers[name].status}" for name in owners)
        return f"only providers that do not answer have '{model}': {states}"
    return f"'{model}' has no exact match and is not a model of a provider"


def _yes(group: Group, path: str, why: str) -> Plain:
    return {"kind": "exact" if group.kind == "pool" else group.kind, "path": path, "why": why, "group": group.name}


def _no(kind: str, path: str, why: str) -> Plain:
    return {"kind": kind, "path": path, "why": why}


def _quoted(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


# -- who is asked -------------------------------------------------------------------------------------------------


def _levels(registry: Registry, router: Router, model: str, group: Group) -> Iterator[Plain]:
    found = router.deployments(model)
    for order in sorted({deployment.order or 0 for deployment in found}):
        level = [deployment for deployment in found if (deployment.order or 0) == order]
        yield {
            "strategy": group.strategy if len(level) > 1 else "",
            "deployments": [
                _deployment(registry, deployment, share) for deployment, share in zip(level, shares(level), strict=True)
            ],
        }


def _deployment(registry: Registry, deployment: Deployment, share: float) -> Plain:
    params, provider = deployment.params, registry.providers[deployment.provider]
    entry = provider.entry(deployment.model)
    return {
        "id": deployment.id,
        "provider": deployment.provider,
        "engine": provider.type,
        "host": host_of(deployment),
        "model": deployment.model,
        "api_base": params.get("api_base", ""),
        "weight": params.get("weight"),
        "share": round(share, 4),
        "timeout_seconds": params["timeout"],
        "stream_gap_seconds": params["stream_timeout"],
        "max_input_tokens": deployment.limit,
        "sleeps_after_seconds": entry.sleeps_after if entry is not None else None,
        "wake": waking_of(provider),
        "exclusive_group": getattr(provider, "exclusive_group", None),
    }


def host_of(deployment: Deployment) -> str:
    """The host in an id, see litellm/deployments.py."""
    return unquote(deployment.id.rsplit(f"|{deployment.provider}@", 1)[1].partition("/")[0])


def _worst_first(down: Collection[str]) -> Any:
    """Of several the first one that fails, so that the whole sequence is shown."""

    def choose(one_of: Sequence[Deployment]) -> Deployment:
        return next((deployment for deployment in one_of if deployment.provider in down), one_of[0])

    return choose


def _outcome(router: Router, model: str, down: Collection[str], tokens: int = 0) -> Plain:
    asked = asks(router, model, down, _worst_first(down), tokens)
    answered = next((ask.deployment.provider for ask in asked if ask.answered), None)
    return {"asked": [_ask(ask) for ask in asked], "answers": answered}


def _ask(ask: Ask) -> Plain:
    taken = ask.deployment
    return {
        "provider": taken.provider,
        "model": taken.model,
        "host": host_of(taken),
        "one_of": sorted({deployment.provider for deployment in ask.one_of}),
        "answered": ask.answered,
    }


def _when_down(router: Router, model: str) -> list[Plain]:
    """Add the provider that answers to those that are down, until there is no answer."""
    rows: list[Plain] = []
    down: list[str] = []
    while (answers := _outcome(router, model, down)["answers"]) is not None:
        down.append(answers)
        rows.append({"down": sorted(down), **_outcome(router, model, down)})
    return rows


def _when_long(router: Router, model: str) -> list[Plain]:
    """Exceed one limit after the other, of all deployments that may be asked."""
    if not router.checks_length:
        return []
    providers = {deployment.provider for group in router.groups.values() for deployment in group}
    way = asks(router, model, providers, lambda one_of: one_of[0])
    limits = {d.limit for d in (*router.deployments(model), *(ask.deployment for ask in way)) if d.limit is not None}
    return [{"over": limit, **_outcome(router, model, (), limit + 1)} for limit in sorted(limits)]
