# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks refuse of an imported registry is removed again, and noted with its place in the files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..findings.findings import Finding
from ..findings.paths import join, nearest, steps_of
from ..litellm.extra_checks import check_rendered
from ..registry.registry import examine
from ..registry.yaml_files import PREFIX
from ..routing.routes import Routes
from .result import Imported, Note, Raw

# Without one of these a provider is none.
_NEEDED = ("type", "prefix", "base_url", "hosts")


def settle(made: Imported) -> bool:
    """Remove what is refused until nothing is; each round removes something, so it ends. False if nothing is left."""
    while made.registry.get("providers"):
        examined = examine(made.registry)
        ignored = [finding for finding in check_rendered(examined.registry) if finding.severity == "critical"]
        findings = list(examined.findings) or ignored
        if not findings:
            return True
        # The last item of a list first, so that the others keep their numbers.
        ordered = sorted(findings, key=lambda finding: _order(finding.path), reverse=True)
        made.notes += [_note(made, finding) for finding in ordered]
        removed = [_take_out(made, finding) for finding in ordered]
        if not any(removed):
            break
    made.registry.clear()
    return False


def check_led(made: Imported, routes: Routes) -> None:
    """A name whose own deployments were refused may now lead to another model that has the same name."""
    own: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for target, names in made.users.items():
        for name in names:
            own[name].add(target)
    for name, targets in own.items():
        group = routes.groups.get(name)
        now = {target.key for level in group.levels for target in level} if group is not None else set()
        if now and not now & targets and not _is_open(now):
            source = made.asked[name]
            problem = "its own deployments are refused, and another model with this name answers"
            remedy = "correct the other findings about it, or give one of them another name"
            made.notes.append(Note("refused", source.path, problem, remedy, (name,), source.where))


def _is_open(targets: Iterable[tuple[str, str]]) -> bool:
    """Whether an engine gets the name as it is asked for."""
    return any(not model for _provider, model in targets)


def _order(path: str) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in steps_of(path)]


def _note(made: Imported, finding: Finding) -> Note:
    """The finding at the place in the file that its part of the registry came from."""
    known = nearest(finding.path, made.sources)
    path, where = finding.path, ""
    if known is not None:
        source = made.sources[known].below(finding.path[len(known) :])
        path, where = source.path, source.where
    return Note("refused", path, finding.problem, finding.remedy, tuple(sorted(_names_at(made, finding.path))), where)


def _names_at(made: Imported, path: str) -> Iterable[str]:
    """The names whose requests a part of the registry decides."""
    first, *rest = steps_of(path)
    part = str(first).removeprefix(PREFIX)
    if part == "providers" and rest:
        provider = str(rest[0])
        models = made.registry.get("providers", {}).get(provider, {}).get("models")
        index = rest[2] if len(rest) > 2 and rest[1] == "models" else None
        if isinstance(index, int) and isinstance(models, list) and index < len(models):
            model = models[index]
            return made.users[provider, str(model.get("name") if isinstance(model, dict) else model)]
        return {name for (owner, _model), names in made.users.items() if owner == provider for name in names}
    if part == "routing" and len(rest) > 1:
        if isinstance(rest[1], str):
            return [rest[1]] if rest[0] != "fallback_chains" or rest[1] in made.asked else []
        rules = made.registry.get("routing", {}).get(str(rest[0]), [])
        rule = rules[rest[1]] if isinstance(rules, list) and rest[1] < len(rules) else {}
        name = rule.get("glob") or rule.get("pattern") if isinstance(rule, dict) else None
        return [name] if isinstance(name, str) else []
    return []


def _take_out(made: Imported, finding: Finding) -> bool:
    """Remove the part at a finding's path, or the nearest existing part that contains it, but not a whole section."""
    registry = made.registry
    first, *rest = steps_of(finding.path)
    steps: list[str | int] = [str(first).removeprefix(PREFIX), *rest]
    if steps[0] == "providers" and len(steps) == 3 and steps[2] in _NEEDED:
        steps.pop()
    holder: Any = registry
    way: list[tuple[Any, str | int]] = []
    for step in steps:
        there = step in holder if isinstance(holder, dict) else isinstance(step, int) and step < len(holder)
        if not there:
            break
        way.append((holder, step))
        holder = holder[step]
        if not isinstance(holder, dict | list):
            break
    least = 2 if len(steps) <= 2 or steps[0] in ("providers", "secrets") else 3
    if len(way) < least:
        return finding.check == "ports" and _take_out_port(registry, finding.problem)
    inner, key = way[-1]
    del inner[key]
    if isinstance(key, int):
        _move_up(made, join(f"{PREFIX}{steps[0]}", *[step for _holder, step in way[1:-1]]), key)
    for outer, step in reversed(way[1:-1]):
        # An empty rule has no effect.
        if outer[step] in ({}, []):
            del outer[step]
    return True


def _move_up(made: Imported, path: str, removed: int) -> None:
    """Items after one that was removed from a list have other numbers now, and the same places in the files."""
    moved = {}
    for known, source in made.sources.items():
        found = re.match(r"\[(\d+)\](.*)", known[len(path) :], re.DOTALL) if known.startswith(f"{path}[") else None
        if found is None or int(found[1]) < removed:
            moved[known] = source
        elif int(found[1]) > removed:
            moved[f"{path}[{int(found[1]) - 1}]{found[2]}"] = source
    made.sources = moved


def _take_out_port(registry: Raw, problem: str) -> bool:
    """The port is the default of a managed service: the imported one is removed."""
    found = re.search(r"port (\d+)", problem)
    services = registry.get("ports", {}).get("services", {})
    port = int(found[1]) if found else 0
    wrong = [
        name for name, entry in services.items() if (entry.get("port") if isinstance(entry, dict) else entry) == port
    ]
    for name in wrong:
        del services[name]
    return bool(wrong)
