# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.config_changes; documented in config_changes.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.guard import call

NO_CHANGE = {"added": [], "removed": [], "rerouted": {}, "chains": {}}


def config_changes(old: object, new: object) -> Any:
    """Return what a gateway's new config changes for clients."""
    if old and str(old) == str(new):
        # Most runs have nothing to compare, and to import the library would take longer than such a run.
        return {"routing": NO_CHANGE, "removed": [], "lines": [], "diff": ""}
    return call(AnsibleFilterError, "config_changes", old, new)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"config_changes": config_changes}
