# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.managed_hosts; documented in managed_hosts.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.data.plain import to_plain
from ..plugin_utils.plan import managed_groups


def managed_hosts(groups: object, named: object = None, providers: object = None) -> Any:
    """Return the hosts of an inventory that may run something managed."""
    used = managed_groups.groups_used(providers)
    return managed_groups.managed_hosts(to_plain(groups), to_plain(named) or {}, used)  # type: ignore[arg-type]


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"managed_hosts": managed_hosts}
