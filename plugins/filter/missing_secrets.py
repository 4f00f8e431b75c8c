# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.missing_secrets; documented in missing_secrets.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.data.plain import to_plain
from ..plugin_utils.plan.held_secrets import why_not


def missing_secrets(answers: object, left_out: object, read_back: bool, folder: str) -> str:
    """Return why no secret may be created or written, or an empty string."""
    return why_not(to_plain(answers), to_plain(left_out), read_back, str(folder))  # type: ignore[arg-type]


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"missing_secrets": missing_secrets}
