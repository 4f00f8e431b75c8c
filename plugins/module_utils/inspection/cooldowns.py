# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which deployments the gateway has taken out of rotation, and why, as its hook wrote it (ai_backend_breaker.py)."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from ..host.layout import Layout, read_json

# What litellm/deployments.py makes for a deployment: the name asked for, its number, provider, host and model.
IDENTIFIER = re.compile(r"(?P<name>.+)#\d+\|(?P<provider>.+)@(?P<host>[^@/]+)/(?P<model>.+)", re.DOTALL)


class Cooldown(NamedTuple):
    """A deployment that gets no requests for some more seconds."""

    name: str
    provider: str
    host: str
    seconds: int
    why: str


def cooldowns(layout: Layout, service: str, release: str) -> Iterator[Cooldown]:
    """Those of a service's release that have not ended, by name. A record that can't be read is left out."""
    folder = os.path.join(layout.state, service, "cooldowns")
    try:
        files = sorted(os.listdir(folder))
    except OSError:
        return
    for file in files:
        record = read_json(os.path.join(folder, file)) if file.endswith(".json") else None
        if isinstance(record, dict) and record.get("release") == release:
            found = _of(record)
            if found is not None and found.seconds > 0:
                yield found


def _of(record: dict[str, object]) -> Cooldown | None:
    match = IDENTIFIER.fullmatch(str(record.get("deployment")))
    until = record.get("until")
    if match is None or not isinstance(until, (int, float)):
        return None
    name, provider, host = (unquote(match[part]) for part in ("name", "provider", "host"))
    status = f"{record['status']}: " if record.get("status") else ""
    return Cooldown(name, provider, host, int(until - time.time()), f"{status}{record.get('why', '')}")
