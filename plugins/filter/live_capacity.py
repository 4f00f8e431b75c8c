# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.live_capacity; documented in live_capacity.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.guard import call


def live_capacity(registry: object, groups: object, addresses: object, host: object, memory_mib: object) -> Any:
    """Return findings for a host whose models need more memory than its GPUs have."""
    return call(AnsibleFilterError, "live_capacity", registry, groups, addresses, host, memory_mib)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"live_capacity": live_capacity}
