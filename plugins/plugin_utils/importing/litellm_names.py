# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing LiteLLM's names: which rule of the registry leads each one to its deployments."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..findings.paths import join
from ..schema.globs import ranked, regex_of
from ..schema.strategies import WORDS
from .litellm_deployments import Row
from .result import Imported, Raw

_SHARED = "weighted"


@dataclass
class Groups:
    """Deployments by name; `strategy` is the word of the registry for how a name with several shares them."""

    made: Imported
    strategy: str
    rows: dict[str, list[Row]]
    aliases: set[str] = field(default_factory=set)
    # Names whose chain is known.
    chained: set[str] = field(default_factory=set)

    def leads(self, name: str) -> bool:
        """Whether a client can ask for a name. One that a wildcard takes gets a rule of its own."""
        if name in self.rows or name in self.aliases:
            return True
        taken = self.by_pattern(name) if "*" not in name else []
        if taken:
            self.aliases.add(name)
            self.made.also[self.glob_of(name)].add(name)
            as_pool(self, name, taken, name)
        return bool(taken)

    def chain(self, name: str, items: list[str], path: str) -> None:
        """What is asked after a name, and where that is written."""
        self.made.came_from(join("ai_backend_routing", "fallback_chains", name), path)
        routing = self.made.part("routing")
        pattern = next((rule for rule in routing.get("patterns", ()) if rule["glob"] == name), None)
        if pattern is not None:
            pattern["fallback_chain"] = [*pattern.get("fallback_chain", ()), *items]
        else:
            routing.setdefault("fallback_chains", {})[name] = items

    def glob_of(self, name: str) -> str:
        """The wildcard that takes a name, or empty."""
        globs = ranked([glob for glob in self.rows if "*" in glob])
        return next((glob for glob in globs if re.match(regex_of(glob), name)), "")

    def by_pattern(self, name: str) -> list[Row]:
        """The deployments of the wildcard that takes a name, with their models filled in and declared."""
        glob = self.glob_of(name)
        rules = {rule["glob"]: rule for rule in self.made.part("routing").get("patterns", ())}
        if glob not in rules:
            return []
        found = re.match(regex_of(glob), name)
        segments = found.groups() if found else ()
        filled = []
        for row in self.rows[glob]:
            model = row.model
            for segment in segments if row.model.count("*") == len(segments) else ():
                model = model.replace("*", segment, 1)
            if "*" not in model:
                filled.append(replace(row, name=name, model=model))
        for row in filled:
            models = self.made.part("providers")[row.provider]["models"]
            if not any(entry["name"] == row.model for entry in models):
                models.append({"name": row.model})
        return filled


def known_strategy(made: Imported, router: Raw) -> str:
    """The word of the registry for `routing_strategy`."""
    given = router.pop("routing_strategy", "simple-shuffle")
    word = str(given).lower().replace("-", "_")
    if word == "usage_based_routing":
        problem = "is usage-based-routing-v2: the first one counts in each worker alone"
        made.note("changed", "router_settings.routing_strategy", problem)
    if word in WORDS:
        return _SHARED if WORDS[word] == "simple-shuffle" else WORDS[word]
    path = "router_settings.routing_strategy"
    made.note("refused", path, "is no strategy of a pool: its members share evenly", "write one of docs/routing.md")
    return _SHARED


def as_pool(groups: Groups, name: str, group: Sequence[Row], source: str) -> None:
    """One deployment is an exact match, or nothing if the name is the model's own; several are a pool."""
    made, routing = groups.made, groups.made.part("routing")
    path = group[0].path
    asked = _asked(groups, name, group)
    members = list({row.target: row for row in reversed(asked)}.values())[::-1]
    if len(members) < len(asked):
        problem = f"{len(asked) - len(members)} deployments of '{source}' are the same as others of it, and left out"
        made.note("changed", path, problem, "", [name])
    if len(members) == 1:
        row = members[0]
        if row.model != name or _declared_by(made, name) != [row.provider]:
            entry: Raw = {"provider": row.provider}
            routing.setdefault("exact_matches", {})[name] = entry | (
                {"backend_model": row.model} if row.model != name else {}
            )
            made.came_from(join("ai_backend_routing", "exact_matches", name), path)
        return
    routing.setdefault("load_balancing", {})[name] = _pool(groups, name, members)
    made.came_from(join("ai_backend_routing", "load_balancing", name), path)


def _asked(groups: Groups, name: str, group: Sequence[Row]) -> Sequence[Row]:
    """The deployments that get requests: with an order or a weight next to others that have none."""
    for word in ("order", "weight"):
        given = [row for row in group if getattr(row, word)]
        if not given or (word == "weight" and groups.strategy != _SHARED):
            continue
        for row in group:
            if row not in given:
                problem = f"has no {word} next to others that have one, so LiteLLM sends it nothing: it is left out"
                groups.made.note("changed", row.path, problem, f"give it one: `{word}`", [name])
        group = given
    return group


def _pool(groups: Groups, name: str, members: Sequence[Row]) -> Raw:
    orders = {row.order for row in members}
    if len(orders) > 1:
        if len(orders) < len(members):
            problem = "deployments of one order are tried one after the other, where LiteLLM shared them"
            groups.made.note("changed", members[0].path, problem, "", [name])
        return {
            "strategy": "priority",
            "providers": [_member(row) for row in sorted(members, key=lambda row: row.order or 0)],
        }
    weighted = any(row.weight for row in members) and groups.strategy == _SHARED
    return {
        "strategy": groups.strategy,
        "providers": [_member(row) | ({"weight": row.weight} if weighted else {}) for row in members],
    }


def _member(row: Row) -> Raw:
    return {"provider": row.provider, "model": row.model}


def _declared_by(made: Imported, name: str) -> list[str]:
    providers = made.part("providers")
    return [owner for owner, entry in providers.items() if any(model["name"] == name for model in entry["models"])]


def further_names(groups: Groups) -> None:
    """Models that had only another name can now be used by their own.

    Where a wildcard took their own names before, these still lead there. Else the first of two owners answers.
    """
    made = groups.made
    owners: dict[str, list[str]] = defaultdict(list)
    for owner, entry in made.part("providers").items():
        for model in entry["models"]:
            owners[model["name"]].append(owner)
    new = [name for name in owners if name not in groups.rows and name not in groups.aliases]
    taken = {name: rows for name in new if (rows := groups.by_pattern(name))}
    for name, rows in taken.items():
        as_pool(groups, name, rows, name)
    for name in new:
        if name not in taken and len(owners[name]) > 1:
            made.part("routing").setdefault("exact_matches", {})[name] = {"provider": owners[name][0]}
    more = sorted(set(new) - set(taken))
    if more:
        shown = ", ".join(more[:8]) + (f" and {len(more) - 8} more" if len(more) > 8 else "")
        made.note("changed", "model_list", f"models that had another name only also answer by their own: {shown}")


def glob_rule(groups: Groups, name: str, group: Sequence[Row]) -> list[Raw]:
    """The rule of a wildcard: its first deployment, and the others after it."""
    made = groups.made
    first, *others = group
    fills = first.model.count("*")
    if fills and fills != name.count("*"):
        problem = f"its model '{first.model}' has another number of `*` than the name"
        made.note("refused", first.path, problem, "write as many, or declare the models by name", [name])
        return []
    rule: Raw = {"glob": name, "provider": first.provider}
    if first.model != name:
        rule["backend_model"] = first.model
    chain: list[str] = []
    for row in others:
        own = _declared_by(made, row.model) == [row.provider] and row.model not in groups.rows
        item = row.provider if row.model == name else row.model if own and "*" not in row.model else ""
        if item:
            chain.append(item)
        else:
            problem = "a pattern has one provider: this deployment is left out"
            made.note("refused", row.path, problem, "declare the models by name", [name])
    if chain:
        rule["fallback_chain"] = list(dict.fromkeys(chain))
        problem = "a pattern has one provider: the others are tried after it, in their order"
        made.note("changed", first.path, problem, "", [name])
    made.came_from(join("ai_backend_routing", "patterns", name), first.path)
    return [rule]
