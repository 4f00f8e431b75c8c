# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.leaving; documented in leaving.yml.

It does not use the registry's types: their import takes longer than a task that calls this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.data.plain import to_plain
from ..plugin_utils.plan.leaving import leaving as sections_leaving


def leaving(published: object, planned: object) -> Any:
    """Return what an edge publishes and the plan no longer contains."""
    return sections_leaving(to_plain(published), to_plain(planned))  # type: ignore[arg-type]


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"leaving": leaving}
