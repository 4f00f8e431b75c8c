# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Load one engine of an exclusive group in the place of another; if it does not answer, the one before is loaded again.

While answers end the edge refuses all of the group, so that gateways ask the next one of a chain. After any crash a
deploy, or the same call again, goes on from what the file names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypedDict

from ..host.haproxy import AdminError
from ..host.host import Host
from ..host.layout import linked_release, unit_of
from ..host.systemd import SystemdError
from ..host.waiting import wait_until
from ..probes.asking import ProbeError
from ..probes.prove import prove
from ..releases.releases import Manifest, manifest_of
from .differences import differences
from .loaded import choices, choose, loaded
from .rotation import Rotation
from .switch import SwitchError, switch

FAILURES = (ProbeError, AdminError, SwitchError, SystemdError, OSError)
# What the edge's map names while nobody of a group is loaded.
NOBODY = "nobody"


class LoadError(Exception):
    """Why an engine is not loaded, and what is."""


class Loaded(TypedDict):
    """`previous` was loaded before; `open_at_stop` answers of it were cut when their time was over."""

    changed: bool
    previous: str
    reasons: list[str]
    open_at_stop: int


def manifest_to_load(host: Host, instance: str) -> Manifest:
    """Of an engine that can be loaded by hand. Raises LoadError."""
    manifest = manifest_of(host.layout, instance)
    if manifest is None:
        raise LoadError(f"{instance} is not on this host: deploy first")
    if "wake" not in manifest or manifest["wake"]["on_request"]:
        raise LoadError(f"{instance} is not loaded by hand: write `exclusive_group` of its provider, and deploy")
    lacking = [path for path in manifest["requires"] if not os.path.exists(path)]
    if lacking:
        raise LoadError(f"{instance} needs {lacking[0]}, which isn't there: deploy again. Nothing was changed")
    return manifest


def route(host: Host, group: str, instance: str) -> None:
    """Let a running edge send requests of a group to an instance, or to nobody. Raises AdminError."""
    if host.admin.present:
        host.admin.set_map(host.layout.loaded, group, instance)


def why(host: Host, instance: str, wake: dict[str, Any]) -> list[str]:
    """What has to change so that an instance is the one that is loaded."""
    now = loaded(host.layout, wake)
    if now != instance:
        return [f"{now} is loaded"]
    return differences(host, instance, linked_release(host.layout, instance))[0]


def load(
    host: Host,
    instance: str,
    timeout: float,
    drain_seconds: float,
    check: bool = False,
    report: Callable[[str], object] = lambda line: None,
) -> Loaded:
    """Load an instance. Raises LoadError, with what is loaded then."""
    manifest = manifest_to_load(host, instance)
    wake = manifest["wake"]
    previous, reasons = loaded(host.layout, wake), why(host, instance, wake)
    result: Loaded = {"changed": bool(reasons), "previous": previous, "reasons": reasons, "open_at_stop": 0}
    if check or not reasons:
        return result
    try:
        route(host, wake["group"], NOBODY)
        result["open_at_stop"] = drained(host, previous, drain_seconds)
        report(f"{previous} stops, {instance} starts")
        start(host, instance, wake["group"], manifest, timeout)
    except FAILURES as error:
        raise LoadError(
            f"{instance} was not loaded: {error}. {back(host, previous, wake['group'], timeout)}"
        ) from error
    return result


def drained(host: Host, instance: str, seconds: float) -> int:
    """Wait until the answers of an instance have ended. Returns how many are still open when the time is over."""
    manifest = manifest_of(host.layout, instance)
    rotation = Rotation(host.admin, manifest["listener"] if manifest else "")

    def still_open() -> int:
        return int(rotation.row().get("scur") or 0)

    wait_until(lambda: still_open() == 0, seconds)
    return still_open()


def start(host: Host, instance: str, group: str, manifest: Manifest, timeout: float) -> None:
    """Start it, prove it, route to it. systemd stops the other one for it."""
    before = choices(host.layout).get(group)
    choose(host.layout, group, instance)
    try:
        for other in manifest["wake"]["members"]:
            if other != instance and linked_release(host.layout, other):
                switch(host, other, linked_release(host.layout, other))
        switch(host, instance, linked_release(host.layout, instance))
        prove(host, instance, manifest, timeout)
        route(host, group, instance)
    except BaseException:
        # Also if this is ended in the middle: a choice that was not proven is none.
        choose(host.layout, group, before or manifest["wake"]["members"][0])
        raise


def back(host: Host, instance: str, group: str, timeout: float) -> str:
    """Load again what was loaded before. Returns what is loaded, in words."""
    manifest = manifest_of(host.layout, instance)
    if manifest is None:
        return "Nothing of its group is loaded"
    try:
        start(host, instance, group, manifest, timeout)
    except FAILURES as error:
        look = f"look at journalctl -u {unit_of(instance)}"
        return f"{instance}, which was loaded before, does not answer either ({error}): {look}"
    return f"{instance} is loaded again and answers"
