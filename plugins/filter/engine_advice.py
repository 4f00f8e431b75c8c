# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.engine_advice; documented in engine_advice.yml."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engine_assets import engine_advice as advice
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings import RegistryError


def engine_advice(release: object, architecture: object, cards: object) -> list[str]:
    """Return what to write into the inventory for a host."""
    try:
        return advice(release, str(architecture), cards)
    except RegistryError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Name the filter."""
        return {"engine_advice": engine_advice}
