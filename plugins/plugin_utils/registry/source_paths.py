# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paths of the routing's inner form as the user wrote them: the path of a finding must exist in the user's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings.paths import join, steps_of
from ..schema.globs import glob_of
from ..schema.routing import OTHER_WORDS, ROOT, unwrap
from ..schema.rules import TIERS

Part = str | int


def as_written(routing: object) -> Callable[[str], str]:
    """A function from paths of the inner form to those of `routing` as it was given. Other paths stay unchanged."""
    below, root = unwrap(routing, ROOT)

    def where(path: str) -> str:
        for start in (root, ROOT):
            rest = path.removeprefix(start)
            if rest != path and rest[:1] in ("", ".", "["):
                return join(root, *_walk(below, list(steps_of(rest))))
        return path

    return where


def _walk(current: Any, parts: list[Part]) -> list[Part]:
    """The parts as the user wrote them; a part that does not exist is kept, because it is missing."""
    result: list[Part] = []
    rest = list(parts)
    while rest and isinstance(current, dict | list):
        part = rest.pop(0)
        found = _find(current, part, result, rest)
        if found is None and isinstance(current, dict):
            return [*result, part, *rest]
        for step in found or ():
            result.append(step)
            current = current[step]
        # If nothing was found, the list itself is the part.
        if part == "chain" and rest and isinstance(rest[0], int) and _has_primary(current):
            rest[0] += 1
    # A rule or a chain that is only a name has nothing below it.
    return result


def _find(current: Any, part: Part, before: list[Part], after: list[Part]) -> list[Any] | None:
    """The keys that lead to a part; None if it does not exist."""
    if isinstance(current, list):
        if isinstance(part, int):
            return [part] if part < len(current) else None
        if before == ["patterns"]:
            return _of_pattern(current, part)
        return None
    if part in current:
        return [part]
    if isinstance(part, int):
        # The mapping form of patterns, or of a pool's members.
        return [list(current)[part]] if part < len(current) else None
    for word in OTHER_WORDS.get(part, ()):
        if word in current:
            return [word]
    if part == "chain" and after and isinstance(after[0], int):
        tiers = [tier for tier in TIERS[1:] if current.get(tier) is not None]
        return [tiers[after[0]]] if after[0] < len(tiers) else None
    return None


def _has_primary(chain: object) -> bool:
    return isinstance(chain, list) and bool(chain) and isinstance(chain[0], dict) and "primary" in chain[0]


def _of_pattern(rules: list[Any], pattern: str) -> list[int] | None:
    """The item of the list form with a pattern; of two the later one, which is the duplicate."""
    found = [index for index, rule in enumerate(rules) if isinstance(rule, dict) and _gives(rule) == pattern]
    return found[-1:] or None


def _gives(rule: dict[str, Any]) -> object:
    if "pattern" not in rule:
        return rule.get("glob")
    try:
        return glob_of(rule["pattern"]) if isinstance(rule["pattern"], str) else None
    except ValueError:
        return None
