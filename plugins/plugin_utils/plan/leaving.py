# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host's edge offers today that the plan no longer names. The filter that asks loads no pydantic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Section = Mapping[str, Any]


def leaving(published: Sequence[Section], planned: Sequence[Section]) -> list[dict[str, Any]]:
    """The sections an edge offers today that the plan no longer names, sorted by name: the gateway that serves may ask.

    A section is {name, mode, addresses, port, allow}, as in the plan. One whose port the plan gives to another has to
    go at once: two can't listen on it.
    """
    names = {section["name"] for section in planned}
    ports = {section["port"] for section in planned}
    kept = [dict(section) for section in published if section["name"] not in names and section["port"] not in ports]
    return sorted(kept, key=lambda section: str(section["name"]))
