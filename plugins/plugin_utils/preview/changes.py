# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What changes for clients between two registries, or between the config that a gateway serves and a new one."""

from __future__ import annotations

import difflib
from typing import Any

import yaml

from ..litellm.simulation import Deployment, Router, asks, router_of
from ..plan.fleet import Fleet
from .explain import router_at

Plain = dict[str, Any]
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def routing_diff(old: Fleet, new: Fleet) -> Plain:
    """What another registry changes for clients of the first gateway, as `between` returns it."""
    return between(*(router_at(fleet, fleet.place.gateways[0]) for fleet in (old, new)))


def between(old: Router, new: Router) -> Plain:
    """What changes for clients, as plain data.

    {added: [name], removed: [name], rerouted: {name: {old: [target], new: [target]}},
     chains: {name: {old: [target], new: [target]}}}

    Names are models, capabilities and patterns, `*` the default. A target is `provider/model` with its weight. A name
    is rerouted if its first targets changed; its chain changed if the targets after them did. Hosts do not matter: a
    provider that moves is the same provider.
    """
    before, after = set(old.groups), set(new.groups)
    rerouted, chains = {}, {}
    providers = {id(router): _providers(router) for router in (old, new)}
    for name in sorted(before & after):
        was, now = (_way(router, name, providers[id(router)]) for router in (old, new))
        if was[0] != now[0]:
            rerouted[name] = {"old": was[0], "new": now[0]}
        if was[1] != now[1]:
            chains[name] = {"old": was[1], "new": now[1]}
    return {"added": sorted(after - before), "removed": sorted(before - after), "rerouted": rerouted, "chains": chains}


def config_changes(old: str, new: str) -> Plain:
    """What a gateway's new config changes, as {routing, removed: [name], lines: [str], diff: str}.

    `old` and `new` are LiteLLM's configs as YAML text; an empty `old` is a gateway that serves nothing yet. `routing`
    is what `between` returns, or None if `old` was written by another version and cannot be read; `lines` are the
    same as text, `diff` is the difference of the text, `removed` are names that have no deployment any more.
    """
    text = "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "serves now", "would serve"))
    before, after = read_router(old), read_router(new)
    if before is None or after is None:
        problem = "the routing cannot be compared: the config that serves now was written by another version"
        lines = [problem] if text else []
        return {"routing": None, "removed": [], "lines": lines, "diff": text}
    routing = between(before, after)
    return {"routing": routing, "removed": routing["removed"], "lines": as_lines(routing, bool(text)), "diff": text}


def read_router(text: str) -> Router | None:
    """A gateway's config as LiteLLM would route by it; None if another version wrote it in another form."""
    if not text.strip():
        return Router({}, {}, {}, 0, 0, False)
    try:
        return router_of(yaml.load(text, Loader=_Loader))  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError):
        return None


def as_lines(routing: Plain, differs: bool) -> list[str]:
    """What changes for clients, one line each; if only the text of the config differs, one line reports that."""
    lines = [f"new: {name}" for name in routing["added"]]
    lines += [f"gone: {name}" for name in routing["removed"]]
    for word, table in (("rerouted", routing["rerouted"]), ("chain", routing["chains"])):
        for name, way in table.items():
            lines.append(f"{word}: {name}: {_ways(way['old'])} becomes {_ways(way['new'])}")
    if differs and not lines:
        lines.append("no route changes; settings of the gateway do")
    return lines


def _ways(targets: list[str]) -> str:
    return ", ".join(targets) or "nobody"


def _providers(router: Router) -> set[str]:
    return {deployment.provider for group in router.groups.values() for deployment in group}


def _way(router: Router, name: str, providers: set[str]) -> tuple[list[str], list[str]]:
    """The targets that are asked first, and those after them if all fail."""
    found = router.deployments(name)
    first = min((d.order for d in found if d.order is not None), default=None)
    level = [deployment for deployment in found if deployment.order == first]
    strategy = router.strategies.get(name)
    heads = [_line(deployment) for deployment in level] + ([f"by {strategy}"] if strategy else [])
    later = [a.deployment for a in asks(router, name, providers, lambda one_of: one_of[0])]
    rest = dict.fromkeys(_line(deployment, False) for deployment in later if deployment.id not in {d.id for d in level})
    return list(dict.fromkeys(heads)), list(rest)


def _line(deployment: Deployment, weighted: bool = True) -> str:
    weight = deployment.params.get("weight")
    return f"{deployment.provider}/{deployment.model}" + (f" weight {weight}" if weight and weighted else "")
