# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups: for each name a client may ask for, who answers, and who answers next. Made by resolver.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..findings.findings import Finding

DEFAULT = "*"


@dataclass(frozen=True, order=True)
class Target:
    """A provider's model. `model` is the provider's name for it, in a pattern perhaps with `*` from the name.

    None is the name as the client wrote it.
    """

    provider: str
    model: str | None
    weight: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same target, whatever its weight."""
        return self.provider, self.model or ""


# Targets that share the traffic of one step.
Level: TypeAlias = tuple[Target, ...]
# The next step of a chain: a group by name, or a provider's model.
Step: TypeAlias = "str | Target"


@dataclass(frozen=True)
class Group:
    """One name: `first` is balanced by `strategy`, then `levels`, then the steps of `chain`, one after the other.

    `kind` is exact, pool, capability, pattern or default; the name of a pattern is its glob.
    """

    name: str
    kind: str
    levels: tuple[Level, ...]
    strategy: str = "simple-shuffle"
    chain: tuple[Step, ...] = ()

    @property
    def wildcard(self) -> bool:
        """Whether the name stands for many names."""
        return self.kind in ("pattern", "default")

    def steps(self) -> Iterator[Level | str]:
        """Its own levels, then its chain: a level, or the name of a group."""
        yield from self.levels
        for step in self.chain:
            yield step if isinstance(step, str) else (step,)


@dataclass(frozen=True)
class Routes:
    """The outcome: groups by name (patterns in LiteLLM's order, the default last), and what to tell the user."""

    groups: Mapping[str, Group]
    warnings: tuple[Finding, ...]

    @property
    def names(self) -> list[str]:
        """Names a client may ask for, sorted."""
        return sorted(name for name, group in self.groups.items() if not group.wildcard)

    def sequence(self, name: str) -> list[Level]:
        """Every step of a name in the order it is tried, chains of chains included, no step twice."""
        return self.walk(self.groups[name])

    def walk(self, group: Group) -> list[Level]:
        """The same for a group that need not be in the table. Without recursion: a chain may be long."""
        seen: set[frozenset[tuple[str, str]]] = set()
        result: list[Level] = []
        stack: list[Iterator[Level | str]] = [group.steps()]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
            elif isinstance(step, str):
                stack.append(self.groups[step].steps())
            else:
                key = frozenset(target.key for target in step)
                if key not in seen:
                    seen.add(key)
                    result.append(step)
        return result


def providers_of(routes: Routes, name: str) -> set[str]:
    """All who may answer to a name. A chain may still be a circle here: what is wrong is reported together, later."""
    found: set[str] = set()
    seen, waiting = set(), [name]
    while waiting:
        group = routes.groups.get(waiting.pop())
        if group is None or group.name in seen:
            continue
        seen.add(group.name)
        for step in group.steps():
            if isinstance(step, str):
                waiting.append(step)
            else:
                found |= {target.provider for target in step}
    return found
