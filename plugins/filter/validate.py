# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.validate; documented in validate.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.guard import validate as validated


def validate(
    registry: object,
    groups: object,
    addresses: object = None,
    gpu_memory: object = None,
    only: object = None,
    variables: object = None,
) -> Any:
    """Return the findings of a registry, and its plan if none of them is critical."""
    return validated(registry, groups, addresses, gpu_memory, only, variables)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"validate": validate}
