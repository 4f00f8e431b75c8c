# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.litellm_config; documented in litellm_config.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.guard import call


def litellm_config(registry: object, groups: object, host: object, addresses: object = None) -> Any:
    """Return LiteLLM's config for one gateway host."""
    return call(AnsibleFilterError, "litellm_config", registry, groups, addresses, host)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"litellm_config": litellm_config}
