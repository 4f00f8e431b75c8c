# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which engine of an exclusive group is loaded: one line of a file, which is also HAProxy's map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host.host import Host
from ..host.layout import Layout, read_text, unit_of, wake_units, write_atomic
from ..host.systemd import Systemd
from ..releases.releases import manifest_of, wakes_on_request


def choices(layout: Layout) -> dict[str, str]:
    """{group: instance}."""
    lines = (line.split() for line in (read_text(layout.loaded) or "").splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2}


def loaded(layout: Layout, wake: Mapping[str, Any]) -> str:
    """The instance of a group that is loaded. Without a choice the first one is, and also if the chosen one is gone."""
    chosen = choices(layout).get(wake["group"], "")
    return chosen if chosen in wake["members"] else wake["members"][0]


def choose(layout: Layout, group: str, instance: str) -> None:
    """Note that an instance is loaded from now on."""
    found = {**choices(layout), group: instance}
    write_atomic(layout.loaded, "".join(f"{name} {one}\n" for name, one in sorted(found.items())))


def forget(host: Host, instance: str) -> None:
    """Drop the choice of an instance that goes: else the edge would refuse its whole group."""
    found = choices(host.layout)
    for group in [group for group, chosen in found.items() if chosen == instance]:
        del found[group]
        write_atomic(host.layout.loaded, "".join(f"{name} {one}\n" for name, one in sorted(found.items())))
        if host.admin.present:
            # One that was never told to the edge is none to forget.
            host.admin.ask(f"del map {host.layout.loaded} {group}")


def rests(layout: Layout, manifest: Mapping[str, Any], instance: str) -> bool:
    """Whether an instance must not run now: another one of its group is loaded."""
    wake = manifest.get("wake")
    return wake is not None and not wake["on_request"] and loaded(layout, wake) != instance


def may_be_absent(layout: Layout, systemd: Systemd, instance: str) -> bool:
    """Whether an instance is right not to run: it sleeps, and its socket listens for it; or another one is loaded."""
    manifest, unit = manifest_of(layout, instance), systemd.unit(unit_of(instance))
    if manifest is None or unit.failed:
        return False
    if wakes_on_request(manifest):
        return systemd.unit(wake_units(instance)[0]).active
    return unit.stopped and rests(layout, manifest, instance)
