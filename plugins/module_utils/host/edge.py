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


def places_of(layout: Layout, release_id: str, name: str) -> set[str]:
    """Where an edge's release asks a service of its host, as HAProxy writes it; empty where it does not know it.

    It has two places for one whose older release listens elsewhere. `again` is the section itself.
    """
    section = re.search(
        rf"^listen {re.escape(name)}\n((?:[ \t].*\n|\n)*)", configuration(layout, release_id), re.MULTILINE
    )
    return set(re.findall(r"^\s+server (?!again )\S+ (\S+)", section[1], re.MULTILINE)) if section else set()


def configuration(layout: Layout, release_id: str) -> str:
    return read_text(os.path.join(layout.release(EDGE, release_id or "none"), "files", "haproxy.cfg")) or ""


def asked_at(layout: Layout, release_id: str, service: str, slot: str) -> str:
    """Where an edge's release asks a slot, as HAProxy writes it; empty where it does not know the slot."""
    section = configuration(layout, release_id).partition(f"\nbackend {service}_{slot}\n")[2]
    found = re.search(rf"^(?:\s.*\n|\n)*?\s+server {re.escape(slot)} (\S+)", section)
    return found[1] if found else ""
