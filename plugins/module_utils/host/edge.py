# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the edge of a host offers to gateways, by its release's own file."""

from __future__ import annotations

import os
import re
from typing import Any

from .layout import Layout, read_json, read_text, unit_of

EDGE = "edge"
EDGE_UNIT = unit_of(EDGE)


def published(layout: Layout, release_id: str) -> list[dict[str, Any]] | None:
    """The sections of an edge's release, as the plan names them; None where it has none."""
    found = read_json(os.path.join(layout.release(EDGE, release_id or "none"), "files", "published.json"))
    return found if isinstance(found, list) else None


def offered(layout: Layout, release_id: str) -> set[tuple[str, str, int]] | None:
    """{(section, address, port)} of an edge's release; None where it has none."""
    sections = published(layout, release_id)
    if sections is None:
        return None
    return {(row["name"], address, int(row["port"])) for row in sections for address in row["addresses"]}


def service_at(layout: Layout, release_id: str, name: str) -> str:
    """Where an edge's release asks a published service, as HAProxy writes it; empty where it does not know it.

    Older releases name none, and ask it on its port.
    """
    for section in published(layout, release_id) or ():
        if section["name"] == name and section.get("kind", "service") == "service":
            return str(section.get("to") or f"127.0.0.1:{section['port']}")
    return ""


def asked_at(layout: Layout, release_id: str, service: str, slot: str) -> str:
    """Where an edge's release asks a slot, as HAProxy writes it; empty where it does not know the slot."""
    text = read_text(os.path.join(layout.release(EDGE, release_id or "none"), "files", "haproxy.cfg")) or ""
    section = text.partition(f"\nbackend {service}_{slot}\n")[2]
    found = re.search(rf"^(?:\s.*\n|\n)*?\s+server {re.escape(slot)} (\S+)", section)
    return found[1] if found else ""
