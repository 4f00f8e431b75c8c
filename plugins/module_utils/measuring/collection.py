# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the collection itself knows of a host: its generation, its units, its slots, what is out of rotation."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ..host.held_alerts import is_changed
from ..host.host import Host
from ..host.layout import linked_release, list_instances, read_json, service_of, slot_instance, unit_of, wake_units
from ..host.systemd import Unit
from ..inspection.cooldowns import serving_cooldowns
from ..releases.generations import active_slot, newest
from ..releases.refusals import moments
from ..releases.releases import manifest_of, wakes_on_request
from ..switching.loaded import rests
from .families import Family, gauges

ABOUT = {
    "generation_number": "The newest generation of this host.",
    "generation_complete": "Whether the change that made it has ended.",
    "generation_created_timestamp_seconds": "When it was made.",
    "release_info": "The release that an instance has.",
    "instance_changing": "Whether a change is at work on an instance, which is not proven yet.",
    "refused_timestamp_seconds": "When a release of a service was refused last.",
    "unit_up": "Whether a unit runs that should run.",
    "unit_memory_bytes": "Memory of a unit, where systemd counts it.",
    "engine_asleep": "Whether an engine is not in memory, as it should be.",
    "slot_active": "Whether a slot serves.",
    "slot_draining": "Whether a slot that no longer serves still runs.",
    "provider_cooldown": "Whether a deployment of a provider is out of rotation.",
}


def collection(host: Host, providers: list[str]) -> Iterator[Family]:
    """All of it. providers: those that the gateway of this host asks."""
    found = gauges("ai_backend_", ABOUT)
    restarts = Family("ai_backend_unit_restarts_total", "counter", "How often systemd started a unit again.")
    _generation(host, found)
    instances = list_instances(host.layout)
    names = [unit_of(one) for one in instances]
    names += [wake_units(one)[0] for one in instances if wakes_on_request(manifest_of(host.layout, one) or {})]
    units = host.systemd.units(names)
    for instance in instances:
        _instance(host, instance, units, found, restarts)
    for provider in providers:
        found["provider_cooldown"].set(0, provider=provider)
    for instance in instances:
        for one in serving_cooldowns(host.layout, instance):
            found["provider_cooldown"].set(1, provider=one.provider)
    for service, moment in moments(host.layout).items():
        found["refused_timestamp_seconds"].set(moment, service=service)
    yield from found.values()
    yield restarts


def _generation(host: Host, found: Mapping[str, Family]) -> None:
    number = newest(host.layout)
    path = os.path.join(host.layout.generations, f"{number}.json")
    made: Any = read_json(path) if number else None
    if not isinstance(made, dict):
        return
    created = datetime.strptime(made["created"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    found["generation_number"].set(number)
    found["generation_complete"].set(int(bool(made.get("complete"))))
    found["generation_created_timestamp_seconds"].set(created.timestamp())


def _instance(
    host: Host, instance: str, units: Mapping[str, Unit], found: Mapping[str, Family], restarts: Family
) -> None:
    layout, unit, service = host.layout, units[unit_of(instance)], service_of(instance)
    manifest: Mapping[str, Any] = manifest_of(layout, instance) or {}
    provider = manifest.get("listener", "")
    found["release_info"].set(1, unit=instance, release=linked_release(layout, instance))
    found["instance_changing"].set(int(is_changed(layout, instance)), unit=instance, provider=provider)
    restarts.set(unit.restarts, unit=instance)
    if (memory := unit.properties.get("MemoryCurrent", "")).isdecimal() and unit.active:
        found["unit_memory_bytes"].set(int(memory), unit=instance)
    slot = active_slot(layout, service)
    if slot and "@" in instance and manifest.get("slots"):
        serves = instance == slot_instance(service, slot)
        found["slot_active"].set(int(serves), slot=instance.partition("@")[2])
        found["slot_draining"].set(int(not serves and not unit.stopped), slot=instance.partition("@")[2])
        if not serves:
            return
    absent = rests(layout, manifest, instance) and unit.stopped
    if wakes_on_request(manifest):
        absent = not unit.active and units[wake_units(instance)[0]].active
    if provider:
        found["engine_asleep"].set(int(absent), unit=instance, provider=provider)
    found["unit_up"].set(int(unit.active or absent), unit=instance)
