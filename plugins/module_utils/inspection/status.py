# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What runs on a host, read from its own files and asked of its own services; no registry needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from ..host.host import Host
from ..host.layout import Layout, linked_release, list_instances, service_of, slot_instance, unit_of, wake_units
from ..host.secret_files import SecretError
from ..host.systemd import Systemd, Unit
from ..probes.asking import Address, Probe, ProbeError, request
from ..probes.checks import run_once
from ..releases.generations import active_slot, newest, path_of, read_all
from ..releases.releases import address_of, manifest_of, wakes_on_request
from ..switching.loaded import may_be_absent
from ..switching.rotation import Rotation
from .cooldowns import serving_cooldowns

# Asking an engine for an answer costs it a slot; a report only looks.
LOOKING = ("http", "models", "redis", "haproxy")

# Characters of a cause that fit into the table.
WIDEST = 60


class Line(TypedDict):
    """One line of the report: what runs, on which release, whether it answers, which models it serves."""

    service: str
    unit: str
    release: str
    health: str
    asked: str
    device: str
    memory: str
    models: list[str]


def asleep(layout: Layout, probe: Probe, address: Address) -> bool:
    """Whether an engine has freed its memory until the next request; `probe` is of the kind `context`.

    To ask for its properties does not wake it (llama-server, build 11669; its slots would). Raises ProbeError.
    """
    status, text = request(layout, probe, address)
    try:
        return status == 200 and json.loads(text).get("is_sleeping") is True
    except (ValueError, AttributeError) as error:
        raise ProbeError(f"GET {probe['path']} gave an unreadable answer") from error


def health(layout: Layout, manifest: Mapping[str, Any], instance: str) -> str:
    """`ok`, `asleep`, or why not."""
    words, address = "ok", address_of(manifest, instance)
    for probe in manifest["probes"]:
        try:
            if probe["kind"] in LOOKING:
                run_once(layout, probe, address)
            elif probe["kind"] == "context" and asleep(layout, probe, address):
                words = "asleep"
        except (ProbeError, SecretError) as error:
            return str(error)
    return words


UNKNOWN: Mapping[str, Any] = {"probes": [], "ports": {}, "listener": ""}
NOTHING: Line = {
    "service": "(nothing managed)",
    "unit": "-",
    "release": "-",
    "health": "-",
    "asked": "-",
    "device": "-",
    "memory": "-",
    "models": [],
}


def device_of(systemd: Systemd, unit: Unit) -> str:
    """What an engine logged when it loaded its model: the cards it uses and the layers that went there."""
    words = ["journalctl", f"_PID={unit.pid}", "--boot", "--output", "cat", "--no-pager"]
    code, text = systemd.run([*words, "--grep", "using device|offloaded .* layers"])
    cards = re.findall(r"using device (\S+) \(([^)]*)\)", text)
    layers = re.findall(r"offloaded (\d+/\d+) layers to GPU", text)
    if code or not (cards or layers):
        return "cpu"
    return ", ".join([f"{name} {model}" for name, model in cards] + [f"{count} layers" for count in layers[-1:]])


def without_process(host: Host, manifest: Mapping[str, Any], instance: str, unit: Unit) -> str:
    """`asleep`, `waking` or `not loaded` of one that is not always in memory; else `down`."""
    if not may_be_absent(host.layout, host.systemd, instance):
        return "down"
    if not wakes_on_request(manifest):
        return "not loaded"
    return "waking" if unit.begins or host.systemd.unit(wake_units(instance)[1]).begins else "asleep"


def last_request(host: Host, manifest: Mapping[str, Any]) -> str:
    """How long ago an engine was asked, for example `12s`, as its edge counts since its last reload; else `-`."""
    since = Rotation(host.admin, manifest["listener"]).row().get("lastsess", "")
    return f"{since}s" if since.isdecimal() else "-"


def line_of(host: Host, instance: str) -> Line:
    """The line of one instance."""
    layout = host.layout
    manifest: Mapping[str, Any] = manifest_of(layout, instance) or UNKNOWN
    unit = host.systemd.unit(unit_of(instance))
    slot = active_slot(layout, service_of(instance))
    idle = bool(slot) and instance != slot_instance(service_of(instance), slot)
    # What the edge offers to gateways by a section of its own is an engine.
    engine = bool(manifest["listener"])
    models = sorted({name for probe in manifest["probes"] for name in probe.get("models", [])})
    silent = "-" if unit.stopped and idle else without_process(host, manifest, instance, unit)
    return {
        "service": instance,
        "unit": "idle slot" if idle and unit.stopped else unit.describe(),
        "release": linked_release(layout, instance),
        "health": health(layout, manifest, instance) if unit.active else silent,
        "asked": last_request(host, manifest),
        "device": device_of(host.systemd, unit) if engine and unit.active else "-",
        "memory": unit.memory if unit.active else "-",
        "models": [] if idle else models,
    }


def out_of_rotation(layout: Layout, instance: str) -> Iterator[Line]:
    """A line for each deployment that the gateway does not ask now."""
    for one in serving_cooldowns(layout, instance):
        unit = f"out of rotation for {one.seconds} s"
        # Ansible folds a line with a colon in it.
        why = one.why.replace(": ", ", ")[:WIDEST]
        yield {**NOTHING, "service": f"{one.name} of {one.provider} on {one.host}", "unit": unit, "health": why}


def report(host: Host, name: str) -> dict[str, Any]:
    """{generation, complete, rows: [Line and host, generation], warnings: [str]} of the host of that name.

    The generation is 0 where nothing was ever deployed.
    """
    good, bad = read_all(host.layout)
    number = newest(host.layout)
    lines: list[Line] = []
    for instance in list_instances(host.layout):
        lines += [line_of(host, instance), *out_of_rotation(host.layout, instance)]
    lines = lines or [NOTHING]
    return {
        "generation": number,
        "complete": number in good and good[number].get("complete", False),
        "warnings": [f"generation {each} can't be read: {path_of(host.layout, each)}" for each in bad],
        "rows": [{**line, "host": name, "generation": number} for line in lines],
    }
