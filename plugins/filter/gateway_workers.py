# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.gateway_workers; documented in gateway_workers.yml.

It does not use the registry's types: their import takes longer than a task that calls this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.litellm.workers import gateway_workers as workers_of


def gateway_workers(wanted: object, cores: object, memory_bytes: object) -> int:
    """Return the number of worker processes of a gateway slot."""
    return workers_of(str(wanted), int(str(cores)), int(str(memory_bytes)))


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"gateway_workers": gateway_workers}
