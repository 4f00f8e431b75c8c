# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.engine_advice; documented in engine_advice.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.guard import call


def engine_advice(release: object, architecture: object, cards: object) -> Any:
    """Return what to write into the inventory for a host."""
    return call(AnsibleFilterError, "engine_advice", release, architecture, cards)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"engine_advice": engine_advice}
