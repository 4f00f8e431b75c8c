# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.canaries; documented in canaries.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.guard import call


def canaries(served: object, planned: object, answers: object, upstreams: object) -> Any:
    """Return the probes of a candidate for the routes that change."""
    return call(AnsibleFilterError, "canaries", served, planned, answers, upstreams)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"canaries": canaries}
