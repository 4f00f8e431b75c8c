# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.plan; documented in plan.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.edge import attempt, call


def plan(registry: object, groups: object, addresses: object = None, errors: object = "raise") -> Any:
    """Return the plan of a registry for an inventory; with `errors='list'` the findings and the plan."""
    if errors == "list":
        made, findings = attempt("plan", registry, groups, addresses)
        return {"findings": findings, "plan": made}
    if errors != "raise":
        raise AnsibleFilterError("lab.ai_backend.plan: errors is neither 'raise' nor 'list'")
    return call(AnsibleFilterError, "plan", registry, groups, addresses)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"plan": plan}
