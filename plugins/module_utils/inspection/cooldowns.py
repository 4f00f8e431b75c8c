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

from ..host.findings import Finding, warning
from ..host.layout import Layout, linked_release, list_instances, read_json, service_of, slot_instance
from ..releases.generations import active_slot

# What litellm/deployments.py makes for a deployment: the name asked for, its number, provider, host and model.
IDENTIFIER = re.compile(r"(?P<name>.+)#\d+\|(?P<provider>.+)@(?P<host>[^@/]+)/(?P<model>.+)", re.DOTALL)


class Cooldown(NamedTuple):
    """A deployment that gets no requests for some more seconds."""

    name: str
    provider: str
    host: str
    seconds: int
    why: str


def serving_cooldowns(layout: Layout, instance: str) -> Iterator[Cooldown]:
    """Those of an instance if it is the slot that serves."""
    service = service_of(instance)
    if slot_instance(service, active_slot(layout, service)) == instance:
        yield from cooldowns(layout, service, linked_release(layout, instance))


def cooldowns(layout: Layout, service: str, release: str) -> Iterator[Cooldown]:
    """Those of a service's release that have not ended, by name. A record that can't be read is left out."""
    folder = os.path.join(layout.state, service, "cooldowns")
    try:
        files = sorted(os.listdir(folder))
    except OSError:
        return
    for file in files:
        record = _read(os.path.join(folder, file)) if file.endswith(".json") else None
        if isinstance(record, dict) and record.get("release") == release:
            found = _of(record)
            if found is not None and found.seconds > 0:
                yield found


def _read(path: str) -> object:
    """The content of a record; one of an older release may be for its user alone."""
    try:
        return read_json(path)
    except OSError:
        return None


def _of(record: dict[str, object]) -> Cooldown | None:
    match = IDENTIFIER.fullmatch(str(record.get("deployment")))
    until = record.get("until")
    if match is None or not isinstance(until, (int, float)):
        return None
    name, provider, host = (unquote(match[part]) for part in ("name", "provider", "host"))
    status = f"{record['status']} " if record.get("status") else ""
    return Cooldown(name, provider, host, int(until - time.time()), f"{status}{record.get('why', '')}")


def cooldown_findings(layout: Layout) -> list[Finding]:
    """A finding for each deployment that the serving slot does not ask. No finding contains what an engine answered."""
    found = []
    for instance in list_instances(layout):
        for one in serving_cooldowns(layout, instance):
            message = f"the gateway doesn't ask '{one.name}' of {one.provider} on {one.host} for {one.seconds} s more"
            path = f"ai_backend_providers.{one.provider}"
            found.append(warning("references", path, message, "`playbooks/status.yml` shows the cause"))
    return found
