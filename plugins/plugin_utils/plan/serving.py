# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What listens elsewhere than the plan has it, until it is switched. The filter that calls this loads no pydantic."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ...module_utils.host.layout import Layout, slot_instance

_WAKES = f"unix@{os.path.dirname(Layout().wake_socket(''))}/"


def elsewhere(serving: Mapping[str, str], edge: Mapping[str, Any]) -> dict[str, str]:
    """{instance: where it listens now}, of what an edge asks and the plan has at another place.

    `serving` is {instance: where it listens} on the host, `edge` is the `config` of the edge's row. Places are written
    as HAProxy writes them.
    """
    planned = {section["instance"]: section["to"] for section in edge["published"] if "instance" in section}
    gateway = edge["gateway"]
    if gateway:
        planned |= {slot_instance(gateway["service"], slot): place for slot, place in gateway["slots"].items()}
    # The edge looks all the time whether a place of before is up; where systemd listens, that would wake an engine.
    kept = {name: place for name, place in serving.items() if not place.startswith(_WAKES)}
    return {name: place for name, place in kept.items() if planned.get(name, place) != place}
