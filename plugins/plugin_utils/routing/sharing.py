# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Members of a group that LiteLLM's shuffle would never ask: where nobody has a weight, it shares by limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..findings.findings import Finding, warning
from ..findings.paths import join
from ..schema.routing import ROOT
from .names import Names
from .routes import Group, Level

_PLACES = {"pool": "load_balancing", "capability": "capability_routing"}
# In LiteLLM's order (router_strategy/simple_shuffle.py of 1.108.6).
_LIMITS = ("requests_per_minute", "tokens_per_minute")


def never_asked(names: Names, groups: Mapping[str, Group]) -> Iterator[Finding]:
    """A warning for each group with members that have no limit next to others that have one."""
    for name, group in groups.items():
        for level in group.levels if group.strategy == "simple-shuffle" else ():
            word, rest = _without(names, level)
            if rest:
                problem = f"sends nothing to {', '.join(rest)}: no {word} there, and the others have one"
                remedy = "give each member a `weight`, or each model that limit"
                path = join(ROOT, *([_PLACES[group.kind]] if group.kind in _PLACES else []), name)
                yield warning(names.where(path), problem, remedy, "routes")


def _without(names: Names, level: Level) -> tuple[str, list[str]]:
    """(the limit by which a level is shared, providers of those that have none)."""
    # One that could not be read may have a limit.
    if any(target.weight or target.provider not in names.providers for target in level):
        return "", []
    entries = [(target.provider, names.providers[target.provider].entry(target.model or "")) for target in level]
    for word in _LIMITS:
        given = [(name, getattr(entry and entry.rate_limits, word, None)) for name, entry in entries]
        if any(limit for _name, limit in given):
            return word, [name for name, limit in given if not limit]
    return "", []
