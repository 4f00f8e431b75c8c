# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the edge of a host publishes and the plan no longer contains. The filter that calls this loads no pydantic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Section = Mapping[str, Any]


def leaving(published: Sequence[Section], planned: Sequence[Section]) -> list[dict[str, Any]]:
    """The sections that an edge publishes and the plan no longer contains, sorted by name.

    The gateway that serves may still use them.

    A section is {name, mode, addresses, port, allow}, as in the plan. One whose port the plan gives to another service
    is removed at once: two can't listen on it.
    """
    names = {section["name"] for section in planned}
    ports = {section["port"] for section in planned}
    kept = [dict(section) for section in published if section["name"] not in names and section["port"] not in ports]
    return sorted(kept, key=lambda section: str(section["name"]))
