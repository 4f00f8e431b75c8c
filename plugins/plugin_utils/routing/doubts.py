# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a mistake elsewhere leaves unknown of the routing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..findings.paths import Place


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
