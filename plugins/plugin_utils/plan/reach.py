# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts must be reached from which, asked all at once."""

from __future__ import annotations

from ..routing.routes import Target
from .placement import Placement
from .publishing import published


def check_addresses(place: Placement) -> None:
    """Ask for each address that the plan will need, so that all that are missing are said at once."""
    groups = place.registry.routes.groups.values()
    steps = [target for group in groups for level in group.levels for target in level]
    steps += [step for group in groups for step in group.chain if isinstance(step, Target)]
    for provider in sorted({target.provider for target in steps} & set(place.registry.providers)):
        for gateway in place.gateways:
            place.endpoints(provider, gateway)
    for gateway in place.gateways:
        place.redis_address(gateway)
    for host in place.members:
        list(published(place, host))
