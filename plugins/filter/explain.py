# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.explain; documented in explain.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.guard import call


def explain(
    registry: object,
    model: object,
    groups: object,
    addresses: object = None,
    down: object = (),
    tokens: object = 0,
) -> Any:
    """Return which engine answers a request for a model, and why."""
    return call(AnsibleFilterError, "explained", registry, model, groups, addresses, down, tokens)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"explain": explain}
