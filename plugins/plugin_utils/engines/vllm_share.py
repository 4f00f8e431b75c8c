# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The share of a card's memory that each vLLM server of a host takes.

`--gpu-memory-utilization` counts for one server, and its default is nearly all of a card: of two servers on one card
the second would find no memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# vLLM's own default for a server that is alone; the rest is for what it does not count.
ALL = 0.92


@dataclass(frozen=True)
class Use:
    """What one server uses: the numbers of its cards, its given share or None, and the bytes that it needs or 0."""

    cards: tuple[int, ...]
    given: float | None
    need: int


def given_on(uses: Mapping[str, Use]) -> dict[int, dict[str, float]]:
    """Card -> {server: the share that was given}, of cards on which a share was given."""
    found: dict[int, dict[str, float]] = {}
    for name, use in sorted(uses.items()):
        for card in use.cards if use.given is not None else ():
            found.setdefault(card, {})[name] = use.given or 0
    return found


def derived(uses: Mapping[str, Use]) -> dict[str, float]:
    """Server -> share, of those without a given one: the rest of their card, by what each needs, in hundredths.

    If the need of one of them is not known, all get the same. A server on several cards gets the smallest of its
    shares, because it takes the same of each card. 0 if nothing is left.
    """
    taken = {card: sum(shares.values()) for card, shares in given_on(uses).items()}
    without = {name: use for name, use in uses.items() if use.given is None}
    result: dict[str, float] = {}
    for name, use in sorted(without.items()):
        shares = []
        for card in use.cards:
            others = [other for other in without.values() if card in other.cards]
            # A server on several cards has only a part of its model on each.
            needs = [other.need / len(other.cards) for other in others]
            part = use.need / len(use.cards) / sum(needs) if all(needs) else 1 / len(others)
            shares.append(max(0.0, ALL - taken.get(card, 0)) * part)
        result[name] = math.floor(min(shares) * 100 + 1e-9) / 100
    return result
