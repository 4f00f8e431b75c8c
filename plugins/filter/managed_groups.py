# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.managed_groups; documented in managed_groups.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.data.plain import to_plain
from ..plugin_utils.plan.managed_groups import managed_groups as groups_of_the_plan


def managed_groups(groups: object, named: object = None) -> Any:
    """Return the inventory's groups as the plan reads them."""
    return groups_of_the_plan(to_plain(groups), to_plain(named) or {})  # type: ignore[arg-type]


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"managed_groups": managed_groups}
