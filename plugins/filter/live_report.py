# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter lab.ai_backend.live_report; documented in live_report.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.guard import call


def live_report(findings: object, report: object = None, only: object = None) -> Any:
    """Return the findings on hosts, alone and added to a report, and as lines."""
    return call(AnsibleFilterError, "live_report", findings, report, only)


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"live_report": live_report}
