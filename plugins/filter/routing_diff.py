# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.routing_diff; documented in routing_diff.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.guard import call


def routing_diff(old: object, new: object, groups: object, addresses: object = None) -> Any:
    """Return what another registry changes for clients."""
    return call(AnsibleFilterError, "routing_diff", old, new, groups, addresses)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"routing_diff": routing_diff}
