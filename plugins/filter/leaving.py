# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.leaving; documented in leaving.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.edge import call


def leaving(published: object, planned: object) -> Any:
    """Return what an edge offers today that the plan no longer names."""
    return call(AnsibleFilterError, "leaving", published, planned)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"leaving": leaving}
