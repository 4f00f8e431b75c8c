# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which graphics cards a host has, and whether what its engines ask for fits them.

An engine that is built for the processor takes `gpu_layers` without a word and computes on the processor; one that is
built for a card and finds none does the same. Both look healthy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypedDict

from .findings import Finding, critical, warning
from .layout import Layout, read_text

# PCI's register of vendors and classes (pci.ids): display controllers are 0x03....
VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
DISPLAY = "0x03"
# What a build needs to find on the host: device nodes by the beginning of their names, and how they get there.
NODES = {
    "cuda": ("dev", "nvidia", "install the NVIDIA driver, and look whether `nvidia-smi` answers"),
    "vulkan": ("dev/dri", "renderD", "install the card's driver, and look whether /dev/dri/renderD128 is there"),
}


def vendors(layout: Layout) -> list[str]:
    """The makers of the host's graphics cards, as its PCI bus names them; sorted, each once."""
    root = layout.path("sys/bus/pci/devices")
    found = set()
    for device in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        kind, vendor = (read_text(os.path.join(root, device, name)) or "" for name in ("class", "vendor"))
        if kind.startswith(DISPLAY):
            found.add(VENDORS.get(vendor.strip(), "unknown"))
    return sorted(found)


def usable(layout: Layout, gpu: str) -> bool:
    """Whether the device nodes that a build needs are there; a card without its driver has none."""
    folder, prefix, _remedy = NODES[gpu]
    path = layout.path(folder)
    return os.path.isdir(path) and any(name.startswith(prefix) for name in os.listdir(path))


class Engine(TypedDict):
    """An engine of the plan: the layers it asks to put on a card, empty for none, and the variable of its build."""

    provider: str
    gpu_layers: str
    gpu_variable: str


def card_findings(layout: Layout, host: str, engines: Sequence[Engine], gpu: str) -> list[Finding]:
    """What does not fit. `engines` are those of the host, `gpu` what they are built for: none, cuda or vulkan."""
    if not engines:
        return []
    variable = engines[0]["gpu_variable"]
    return for_processor(layout, host, engines, variable) if gpu == "none" else for_cards(layout, host, gpu, variable)


def for_processor(layout: Layout, host: str, engines: Sequence[Engine], variable: str) -> list[Finding]:
    """Of engines that are built for the processor: those that ask for a card, or a card that nobody uses."""
    found = []
    for engine in engines:
        if engine["gpu_layers"]:
            message = (
                f"gpu_layers is {engine['gpu_layers']}, but the engines of '{host}' are for the processor "
                f"({variable}: none)"
            )
            hint = f"write `{variable}: cuda` or `vulkan` for the host and choose such a build, or drop gpu_layers"
            found.append(critical("capacity", f"ai_backend_providers.{engine['provider']}", message, hint))
    if "NVIDIA" in vendors(layout) and not found:
        message = f"it has an NVIDIA card, and its engines compute on the processor ({variable}: none)"
        hint = f"write `{variable}: cuda` for the host, or `vulkan` where there is no CUDA toolkit"
        found.append(warning("capacity", f"host.{host}", message, hint))
    return found


def for_cards(layout: Layout, host: str, gpu: str, variable: str) -> list[Finding]:
    """Of engines that are built for a card: that there is none they can use."""
    if usable(layout, gpu):
        return []
    cards = vendors(layout)
    seen = f"a card of {', '.join(cards)} without a driver" if cards else "no graphics card"
    hint = NODES[gpu][2] if cards else f"write `{variable}: none` for the host, or put the engine on another"
    return [critical("capacity", f"host.{host}", f"{variable} is {gpu}, and the host shows {seen}", hint)]
