# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing a LiteLLM config.yaml: deployments become providers and models, other settings become rules.

Each name leads where it led before, or a note names it; see docs/import.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ..findings.paths import join
from ..schema.globs import matches
from .litellm_deployments import Row, list_of, rows_of
from .litellm_names import Groups, as_pool, further_names, glob_rule, known_strategy
from .litellm_settings import import_extra, import_general, import_settings
from .litellm_tables import SECTIONS
from .result import Imported, Raw

_SETTINGS = ("router_settings", "litellm_settings", "general_settings")
_EXTRA = ("environment_variables", "mcp_servers")


def import_litellm(made: Imported, config: Mapping[str, Any]) -> None:
    """`model_list`, `credential_list`, `router_settings`, `litellm_settings`, `general_settings`."""
    router, library, general = (_section(made, config, name) for name in _SETTINGS)
    if config.get("model_list") is not None and not isinstance(config["model_list"], list):
        made.note("refused", "model_list", "is not a list", "write `- model_name: …` lines below it")
    rows = rows_of(made, config.get("model_list"), config.get("credential_list"))
    groups = Groups(made, known_strategy(made, router), defaultdict(list))
    for row in rows:
        groups.rows[row.name].append(row)
    patterns: list[Raw] = []
    for name, group in groups.rows.items():
        if group[0].wildcard:
            patterns += glob_rule(groups, name, group)
        else:
            as_pool(groups, name, group, name)
    aliases = router.pop("model_group_alias", None)
    if patterns:
        rules = sorted(patterns, key=lambda rule: len(re.escape(rule["glob"])), reverse=True)
        made.part("routing")["patterns"] = rules
    _aliases(groups, aliases)
    for section, settings in (("router_settings", router), ("litellm_settings", library)):
        _fallbacks(groups, section, settings)
        _other_fallbacks(groups, section, settings)
    further_names(groups)
    import_settings(made, router, library)
    import_general(made, general)
    _rest(made, config)


def _section(made: Imported, config: Mapping[str, Any], name: str) -> Raw:
    section = config.get(name) or {}
    if not isinstance(section, dict):
        made.note("refused", name, "is not a mapping", "write `key: value` lines below it")
        return {}
    return dict(section)


def _rest(made: Imported, config: Mapping[str, Any]) -> None:
    for key in sorted(set(config) - {*_SETTINGS, "model_list", "credential_list"}):
        if key in _EXTRA:
            import_extra(made, key, config[key])
        elif key not in SECTIONS:
            made.note("refused", key, "has no place in the registry")
        elif SECTIONS[key].fate == "refused":
            made.note("refused", key, SECTIONS[key].becomes)


def _fallbacks(groups: Groups, section: str, settings: Raw) -> None:
    """A chain for each name; that of every name without one stays LiteLLM's own setting."""
    made = groups.made
    for index, entry in enumerate(list_of(settings.pop("fallbacks", None))):
        path = join(section, "fallbacks", index)
        if not isinstance(entry, dict):
            made.note("refused", path, "is not a mapping", "write `- name: [name, …]`")
            continue
        for position, (name, chain) in enumerate(entry.items()):
            known = [item for item in list_of(chain) if _is_name(groups, name, item, join(path, str(name)))]
            if name in groups.chained:
                problem = f"is a second list for '{name}', and LiteLLM used the first alone"
                made.note("refused", path, problem, "write one list", [str(name)])
                continue
            if position:
                problem = f"is a list for '{name}' too, where LiteLLM read the first name of a mapping alone"
                made.note("changed", path, problem, "", [str(name)])
            if name == "*":
                settings["default_fallbacks"] = [*list_of(settings.get("default_fallbacks")), *known]
            elif not groups.leads(str(name)):
                made.note("refused", path, f"'{name}' is not a name of the model list", "remove it, or declare it")
            elif known:
                groups.chained.add(str(name))
                groups.chain(str(name), known, path)
                if "*" in str(name):
                    problem = "is used for what the wildcard takes, where LiteLLM looked for a name with a star"
                    made.note("changed", path, problem, "", [str(name)])


def _other_fallbacks(groups: Groups, section: str, settings: Raw) -> None:
    """Chains that stay LiteLLM's own setting. A model that gets a name by the import is in none of them."""
    for key in ("default_fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        path, given = join(section, key), settings.get(key)
        if not isinstance(given, list):
            continue
        kept: list[Any] = []
        for index, entry in enumerate(given):
            if not isinstance(entry, dict):
                kept += [entry] if _is_name(groups, "*", entry, join(path, index)) else []
                continue
            chains = {
                name: [item for item in list_of(chain) if _is_name(groups, name, item, join(path, index))]
                for name, chain in entry.items()
                if _is_name(groups, name, name, join(path, index))
            }
            kept += [chains] if any(chains.values()) else []
        settings[key] = kept


def _is_name(groups: Groups, name: object, item: object, path: str) -> bool:
    if isinstance(item, str) and "*" not in item and groups.leads(item):
        return True
    shown = f"'{item}' is not a name of the model list" if isinstance(item, str) else "an item is not a name"
    names = [str(name)] if name in groups.rows else []
    groups.made.note("refused", path, shown, "declare it in model_list", names)
    return False


def _aliases(groups: Groups, aliases: object) -> None:
    """An alias of a name with one deployment is an exact match; of a pool, a pool of its own. It has no chain."""
    made = groups.made
    for alias, target in aliases.items() if isinstance(aliases, dict) else ():
        alias, name = str(alias), str(target.get("model") if isinstance(target, dict) else target)
        path = join("router_settings", "model_group_alias", alias)
        group: Sequence[Row] = groups.rows.get(name) or groups.by_pattern(name)
        if group and name not in groups.rows:
            made.also[groups.glob_of(name)].add(alias)
        if name in made.asked or any(matches(glob, name) for glob in made.asked if "*" in glob):
            made.asks(alias, path)
        if not group or alias in groups.rows:
            problem = "has no target in the model list" if not group else "is a name of the model list too"
            made.note("refused", path, problem, "name one that is there", [alias])
            continue
        if isinstance(target, dict) and target.get("hidden"):
            made.note("changed", path, "is listed among the models, where LiteLLM hid it", "", [alias])
        groups.aliases.add(alias)
        made.also[name].add(alias)
        for row in group:
            made.users[row.target].add(alias)
        as_pool(groups, alias, group, name)
