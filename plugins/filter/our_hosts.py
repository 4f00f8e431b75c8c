# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.our_hosts; documented in our_hosts.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.data.plain import to_plain
from ..plugin_utils.plan import our_groups


def our_hosts(groups: object, named: object = None, providers: object = None) -> Any:
    """Return the hosts of an inventory that may run something of ours."""
    used = our_groups.groups_used(providers)
    return our_groups.our_hosts(to_plain(groups), to_plain(named) or {}, used)  # type: ignore[arg-type]


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"our_hosts": our_hosts}
