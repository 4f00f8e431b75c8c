# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What runs on a host, read from its own files and asked of its own services; no registry needed."""

from __future__ import annotations

import re

from ..host.layout import linked_release, list_instances, service_of, unit_of
from ..probes.checks import ProbeError, run_once
from ..releases.generations import active_slot, numbers, path_of, read_all
from ..releases.releases import manifest_of

# Asking an engine for an answer costs it a slot; a report only looks.
LOOKING = ("http", "models", "redis", "haproxy")


def health(layout, manifest, instance):
    """`ok`, or why not."""
    for probe in manifest["probes"]:
        if probe["kind"] not in LOOKING:
            continue
        try:
            run_once(layout, probe, manifest["ports"].get(instance, 0))
        except ProbeError as error:
            return str(error)
    return "ok"


NOTHING = {"service": "(nothing of ours)", "unit": "-", "release": "-", "health": "-", "device": "-", "models": []}


def device_of(systemd, unit):
    """What an engine itself said when it loaded its model: the cards it uses and the layers that went there."""
    words = ["journalctl", f"_PID={unit.pid}", "--boot", "--output", "cat", "--no-pager"]
    code, text = systemd.run([*words, "--grep", "using device|offloaded .* layers"])
    cards = re.findall(r"using device (\S+) \(([^)]*)\)", text)
    layers = re.findall(r"offloaded (\d+/\d+) layers to GPU", text)
    if code or not (cards or layers):
        return "cpu"
    return ", ".join([f"{name} {model}" for name, model in cards] + [f"{count} layers" for count in layers[-1:]])


def row(layout, systemd, instance):
    """One line of the report: what runs, on which release, whether it answers, which models it serves."""
    manifest = manifest_of(layout, instance) or {"probes": [], "ports": {}}
    unit = systemd.unit(unit_of(instance))
    slot = active_slot(layout, service_of(instance))
    idle = bool(slot) and instance != f"{service_of(instance)}@{slot}"
    device = device_of(systemd, unit) if service_of(instance) == "llama-cpp" and unit.active else "-"
    models = sorted({name for probe in manifest["probes"] for name in probe.get("models", [])})
    return {
        "service": instance,
        "unit": "idle slot" if idle and unit.stopped else unit.describe(),
        "release": linked_release(layout, instance),
        "health": "-" if unit.stopped and idle else health(layout, manifest, instance) if unit.active else "down",
        "device": device,
        "models": [] if idle else models,
    }


def report(layout, systemd, host):
    """{generation, complete, rows, warnings}; generation 0 where nothing of ours was ever deployed.

    `host` heads every row.
    """
    good, bad = read_all(layout)
    number = max(numbers(layout), default=0)
    rows = [row(layout, systemd, instance) for instance in list_instances(layout)] or [NOTHING]
    return {
        "generation": number,
        "complete": bool(good.get(number, {}).get("complete", False)),
        "warnings": [f"generation {each} can't be read: {path_of(layout, each)}" for each in bad],
        "rows": [dict(entry, host=host, generation=number) for entry in rows],
    }
