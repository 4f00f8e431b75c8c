# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands on a host and needs nothing: found in one look, so that a run without changes asks once."""

from __future__ import annotations

from ..host.haproxy import AdminError
from ..host.layout import linked_release, list_instances, service_of, unit_of
from ..releases.generations import active_slot
from ..releases.integrity import damage
from ..releases.releases import manifest_of
from .differences import differences
from .rotation import Rotation
from .slots import follow


def standing(layout, systemd, admin):
    """{instance: release id} of what runs its release in every respect; a slotted service by its name.

    What is in doubt is left out: whoever misses it looks at that service alone, and says what is wrong.
    """
    found = {}
    for name in list_instances(layout):
        service = service_of(name)
        active = active_slot(layout, service)
        if active and name != f"{service}@{active}":
            continue
        release_id = linked_release(layout, name)
        if not release_id or damage(layout, service, release_id):
            continue
        of_it = [port.partition("@")[2] for port in manifest_of(layout, name)["ports"]] if active else []
        known = service if active else name
        try:
            if settled(layout, systemd, admin, known, release_id, of_it, known.partition("@")[2]):
                found[known] = release_id
        except AdminError:
            continue
    return found


def settled(layout, systemd, admin, instance, release_id, slots=(), listener=""):
    """Whether an instance, or the active slot of a slotted service, runs a release in every respect and is reached."""
    if not slots:
        return not differences(layout, systemd, instance, release_id)[0] and not Rotation(admin, listener).closed
    active = active_slot(layout, instance)
    idle = [unit_of(f"{instance}@{slot}") for slot in slots if slot != active]
    return bool(
        active
        and not differences(layout, systemd, f"{instance}@{active}", release_id)[0]
        and all(systemd.unit(unit).stopped for unit in idle)
        and not follow(layout, admin, instance)
    )
