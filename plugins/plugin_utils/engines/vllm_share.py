# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The share of a card's memory that each vLLM server of a host takes.

`--gpu-memory-utilization` counts for one server, and its default is nearly all of a card: of two servers on one card
the second would find no memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# vLLM's own default for a server that is alone; the rest is for what it does not count.
ALL = 0.92


@dataclass(frozen=True)
class Use:
    """What one server uses: the numbers of its cards, its given share or None, and the bytes that it needs or 0.

    group: those of which one runs at a time, or empty.
    """

    cards: tuple[int, ...]
    given: float | None
    need: int
    group: str = ""

    @property
    def part(self) -> float:
        """Bytes on each of its cards: a server on several cards has only a part of its model on each."""
        return self.need / len(self.cards)


def _at_once(uses: Iterable[Use]) -> list[Use]:
    """Of each group only the one that needs most."""
    alone = [use for use in uses if not use.group]
    groups: dict[str, Use] = {}
    for use in (use for use in uses if use.group):
        other = groups.setdefault(use.group, use)
        groups[use.group] = max(other, use, key=lambda one: (one.given or 0, one.part))
    return [*alone, *groups.values()]


def given_on(uses: Mapping[str, Use]) -> dict[int, dict[str, float]]:
    """Card -> {server: the share that was given}, of cards on which a share was given; of a group the largest."""
    found: dict[int, dict[str, float]] = {}
    together = _at_once(use for use in uses.values() if use.given is not None)
    for name, use in sorted(uses.items()):
        for card in use.cards if any(use is one for one in together) else ():
            found.setdefault(card, {})[name] = use.given or 0
    return found


def derived(uses: Mapping[str, Use]) -> dict[str, float]:
    """Server -> share, of those without a given one: the rest of their card, by what each needs, in hundredths.

    If the need of one of them is not known, all get the same. A server on several cards gets the smallest of its
    shares, because it takes the same of each card. 0 if nothing is left.
    """
    without = {name: use for name, use in uses.items() if use.given is None}
    result: dict[str, float] = {}
    for name, use in sorted(without.items()):
        # What runs at the same time: no other one of its own group.
        foreign = {other: one for other, one in uses.items() if not use.group or one.group != use.group}
        taken = {card: sum(shares.values()) for card, shares in given_on(foreign).items()}
        shares = []
        for card in use.cards:
            rest = [one for other, one in foreign.items() if other != name and one.given is None and card in one.cards]
            needs = [use.part, *(one.part for one in _at_once(rest))]
            part = use.part / sum(needs) if all(needs) else 1 / len(needs)
            shares.append(max(0.0, ALL - taken.get(card, 0)) * part)
        result[name] = math.floor(min(shares) * 100 + 1e-9) / 100
    return result
