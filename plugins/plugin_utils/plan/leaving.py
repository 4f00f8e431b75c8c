# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the edge of a host publishes and the plan no longer contains. The filter that calls this loads no pydantic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Section = Mapping[str, Any]


# Added to the name of a section that the plan has at other addresses.
_BEFORE = ":before"


def leaving(published: Sequence[Section], planned: Sequence[Section]) -> list[dict[str, Any]]:
    """The sections that an edge publishes and the plan no longer contains, sorted by name.

    The gateway that serves may still use them, or one of their addresses.

    A section is {kind, name, mode, addresses, port, allow, …}, as in the plan. One whose port the plan gives to another
    service is removed at once: two can't listen on it. So is one of a service that the plan has on another port.
    """
    bound = {(address, section["port"]) for section in planned for address in section["addresses"]}
    names = {section["port"]: section["name"] for section in planned if _is_service(section)}
    ports = {section["name"]: section["port"] for section in planned}
    kept = []
    for section in published:
        name, port = str(section["name"]).removesuffix(_BEFORE), section["port"]
        left = [address for address in section["addresses"] if (address, port) not in bound]
        free = not _is_service(section) or names.get(port, name) == name
        if left and free and ports.get(name, port) == port:
            kept.append({**section, "name": name + (_BEFORE if name in ports else ""), "addresses": left})
    return sorted(kept, key=lambda section: str(section["name"]))


def _is_service(section: Section) -> bool:
    """Whether it leads to a service of its own host, which listens on the same port; the others lead elsewhere."""
    return bool(section.get("kind", "service") == "service")
