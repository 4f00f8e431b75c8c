# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that must have an answer at any time: managed engines that are always in memory give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engines.abilities import PROOFS, proof_of
from ..engines.waking import waking_of

if TYPE_CHECKING:
    from .fleet import Fleet


def always_there(fleet: Fleet) -> dict[str, list[str]]:
    """{what they prove themselves with: names}. What waits for a request was proven when it was installed."""
    registry = fleet.registry
    found: dict[str, list[str]] = {proof: [] for proof in PROOFS}
    for name in registry.routes.names:
        targets = [(registry.providers[one.provider], one) for one in registry.routes.groups[name].levels[0]]
        proof = proof_of(provider.abilities(provider.entry(one.model or "")) for provider, one in targets)
        there = all(one.provider in fleet.place.engines for _provider, one in targets)
        if proof and there and all(waking_of(provider) == "always" for provider, _one in targets):
            found[proof].append(name)
    return found
