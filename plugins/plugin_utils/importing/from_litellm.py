# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing a LiteLLM config.yaml: deployments become providers and models, other settings become rules.

The targets of a name stay the same; retries and similar settings do not, see docs/import.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .litellm_deployments import Row, list_of, rows_of
from .litellm_settings import import_extra, import_general, import_settings
from .result import Imported, Raw

_SECTIONS = ("router_settings", "litellm_settings", "general_settings")


def import_litellm(made: Imported, config: Mapping[str, Any]) -> None:
    """`model_list`, `router_settings`, `litellm_settings`, `general_settings`."""
    rows = rows_of(made, config.get("model_list"))
    router, library, general = (_section(made, config, name) for name in _SECTIONS)
    strategy = router.pop("routing_strategy", "simple-shuffle")
    by_name: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_name[row.name].append(row)
    routing = made.part("routing")
    patterns: list[Raw] = []
    for name, group in by_name.items():
        if group[0].wildcard:
            patterns += _pattern(made, name, group)
        else:
            _named(made, name, group, strategy)
    _further_names(made, by_name)
    if patterns:
        routing["patterns"] = sorted(patterns, key=lambda rule: len(re.escape(rule["glob"])), reverse=True)
    chains = [*list_of(router.pop("fallbacks", None)), *list_of(library.pop("fallbacks", None))]
    _fallbacks(made, chains, by_name)
    _aliases(made, router.pop("model_group_alias", None), by_name)
    for section, settings in (("router_settings", router), ("litellm_settings", library)):
        import_settings(made, section, settings)
    import_general(made, general)
    for key in sorted(set(config) - {"model_list", *_SECTIONS}):
        if key in ("environment_variables", "mcp_servers"):
            import_extra(made, key, config[key])
        else:
            made.note("refused", key, "has no place in the registry")


def _section(made: Imported, config: Mapping[str, Any], name: str) -> Raw:
    section = config.get(name) or {}
    if not isinstance(section, dict):
        made.note("refused", name, "is not a mapping")
        return {}
    return dict(section)


def _named(made: Imported, name: str, group: Sequence[Row], strategy: str) -> None:
    """One deployment is an exact match, or nothing if the name is the model's own; several are a pool."""
    routing = made.part("routing")
    if len(group) == 1:
        row = group[0]
        if row.model != name or _declared_by(made, name) != [row.provider]:
            entry: Raw = {"provider": row.provider}
            routing.setdefault("exact_matches", {})[name] = entry | (
                {"backend_model": row.model} if row.model != name else {}
            )
        return
    orders = {row.order for row in group}
    if len(orders) > 1:
        group = sorted(group, key=lambda row: (row.order is None, row.order))
        if len(orders) < len(group):
            made.note("changed", f"model_list ({name})", "deployments of one order are tried one after the other")
        pool: Raw = {"strategy": "priority"}
    else:
        pool = {"strategy": "weighted" if strategy == "simple-shuffle" else strategy}
    pool["providers"] = [{"provider": row.provider, "model": row.model} for row in group]
    weights = [row.weight for row in group]
    if any(weights) and pool["strategy"] == "weighted":
        for member, weight in zip(pool["providers"], weights, strict=True):
            member["weight"] = weight or 1
    routing.setdefault("load_balancing", {})[name] = pool


def _declared_by(made: Imported, name: str) -> list[str]:
    providers = made.part("providers")
    return [owner for owner, entry in providers.items() if any(model["name"] == name for model in entry["models"])]


def _further_names(made: Imported, by_name: Mapping[str, object]) -> None:
    """Models that had only another name can now be used by their own; of two owners the first one answers."""
    owners: dict[str, list[str]] = defaultdict(list)
    for owner, entry in made.part("providers").items():
        for model in entry["models"]:
            owners[model["name"]].append(owner)
    for name, all_of_it in owners.items():
        if name in by_name:
            continue
        made.note("changed", f"model_list ({name})", "a model that had only another name can also be used by its own")
        if len(all_of_it) > 1:
            made.part("routing").setdefault("exact_matches", {})[name] = {"provider": all_of_it[0]}


def _pattern(made: Imported, name: str, group: Sequence[Row]) -> list[Raw]:
    if len(group) > 1:
        where = f"model_list ({name})"
        made.note("changed", where, "a pattern has one provider: the others are tried after it, in their order")
    first, *others = group
    rule: Raw = {"glob": name, "provider": first.provider}
    if "*" not in first.model:
        rule["backend_model"] = first.model
    elif first.model != name:
        problem = f"it uses the model '{first.model}'; a pattern uses the name unchanged: declare the models by name"
        made.note("refused", f"model_list ({name})", problem)
        return []
    if others:
        rule["fallback_chain"] = [row.provider for row in others]
    return [rule]


def _fallbacks(made: Imported, entries: Sequence[object], by_name: Mapping[str, object]) -> None:
    chains: Raw = {}
    for index, entry in enumerate(entries):
        for name, chain in entry.items() if isinstance(entry, dict) else ():
            where = f"fallbacks[{index}]"
            if name not in by_name:
                made.note("refused", where, f"'{name}' is not a name of the model list")
                continue
            known = [item for item in list_of(chain) if item in by_name and "*" not in item]
            for item in list_of(chain):
                if item not in known:
                    made.note("refused", where, f"'{item}' is not a name of the model list")
            if known:
                chains[name] = known
    for name, chain in chains.items():
        _chain(made, name, chain)


def _chain(made: Imported, name: str, chain: list[str]) -> None:
    routing = made.part("routing")
    pattern = next((rule for rule in routing.get("patterns", ()) if rule["glob"] == name), None)
    if pattern is not None:
        pattern["fallback_chain"] = [*pattern.get("fallback_chain", ()), *chain]
    else:
        routing.setdefault("fallback_chains", {})[name] = chain


def _aliases(made: Imported, aliases: object, by_name: Mapping[str, Sequence[Row]]) -> None:
    """An alias of a name with one deployment is an exact match; of a pool, a pool of its own."""
    for alias, target in aliases.items() if isinstance(aliases, dict) else ():
        name = target.get("model") if isinstance(target, dict) else target
        group = by_name.get(str(name))
        if group is None or alias in by_name:
            made.note("refused", f"router_settings.model_group_alias.{alias}", "has no target in the model list")
            continue
        _named(made, str(alias), group, "simple-shuffle")
        chain = made.part("routing").get("fallback_chains", {}).get(str(name))
        if chain:
            _chain(made, str(alias), list(chain))
