# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs on a host and needs nothing: found in one look, so that a run without changes asks once."""

from __future__ import annotations

from collections.abc import Sequence

from ..host.haproxy import AdminError
from ..host.host import Host
from ..host.layout import linked_release, list_instances, service_of, slot_instance, unit_of
from ..releases.generations import active_slot
from ..releases.integrity import damage
from ..releases.releases import manifest_of
from .differences import differences
from .rotation import Rotation
from .slots import follow


def settled(host: Host, instance: str, release_id: str, slots: Sequence[str] = (), listener: str = "") -> bool:
    """Whether an instance, or the active slot of a slotted service, runs a release in every respect and is reached."""
    if not slots:
        return not differences(host, instance, release_id)[0] and not Rotation(host.admin, listener).closed
    active = active_slot(host.layout, instance)
    idle = [unit_of(slot_instance(instance, slot)) for slot in slots if slot != active]
    return bool(
        active
        and not differences(host, slot_instance(instance, active), release_id)[0]
        and all(host.systemd.unit(unit).stopped for unit in idle)
        and not follow(host, instance)
    )


def standing(host: Host) -> dict[str, str]:
    """{instance: release id} of what runs its release in every respect; a slotted service by its name.

    What is in doubt is left out: a caller that misses it looks at that service alone, and reports what is wrong.
    """
    found = {}
    for name in list_instances(host.layout):
        service = service_of(name)
        active = active_slot(host.layout, service)
        if active and name != slot_instance(service, active):
            continue
        release_id, manifest = linked_release(host.layout, name), manifest_of(host.layout, name)
        if not release_id or not manifest or damage(host.layout, service, release_id):
            continue
        slots = manifest["slots"]
        known = service if slots else name
        try:
            if settled(host, known, release_id, slots, manifest["listener"]):
                found[known] = release_id
        except AdminError:
            continue
    return found
