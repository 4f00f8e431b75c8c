# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.previous_generation; documented in previous_generation.yml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

# Not the typed library: a rollback must work without that library and its requirements.
from ..module_utils.rollback.choice import previous_of


def previous_generation(hosts: Iterable[Iterable[Mapping[str, Any]]]) -> int:
    """Return the last complete generation before the current one, or 0."""
    number: int = previous_of([dict(row) for rows in hosts for row in rows])
    return number


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"previous_generation": previous_generation}
