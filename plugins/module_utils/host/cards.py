# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which graphics cards a host has, and whether what its engines ask for fits them.

An engine that is built for the processor takes `gpu_layers` without a word and computes on the processor; one that is
built for a card and finds none does the same. Both look healthy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .findings import Finding, critical, warning
from .layout import Layout, read_text

# PCI's register of vendors and classes (pci.ids): display controllers are 0x03....
VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
DISPLAY = "0x03"
LAYERS = "LLAMA_ARG_N_GPU_LAYERS"
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


def wants(engine: Mapping[str, Any]) -> str:
    """The layers that an engine is to put on a card, or an empty string. `auto` asks for none."""
    layers = str(engine["environment"].get(LAYERS, ""))
    return "" if layers in ("", "0", "-1", "auto") else layers


def card_findings(layout: Layout, host: str, engines: Sequence[Mapping[str, Any]], gpu: str) -> list[Finding]:
    """Findings. `engines` are those of the plan's slice, `gpu` what they are built for: none, cuda or vulkan."""
    if not engines:
        return []
    cards, found = vendors(layout), []
    if gpu == "none":
        for engine in engines:
            if wants(engine):
                message = (
                    f"gpu_layers is {wants(engine)}, but the engines of '{host}' are for the processor "
                    "(llama_cpp_gpu: none)"
                )
                hint = (
                    "write `llama_cpp_gpu: cuda` or `vulkan` for the host and choose such a build, or drop gpu_layers"
                )
                path = f"ai_backend_providers.{engine['provider']}"
                found.append(critical("capacity", path, message, hint))
        if "NVIDIA" in cards and not found:
            message = "it has an NVIDIA card, and its engines compute on the processor (llama_cpp_gpu: none)"
            hint = "write `llama_cpp_gpu: cuda` for the host, or `vulkan` where there is no CUDA toolkit"
            found.append(warning("capacity", f"host.{host}", message, hint))
        return found
    if not usable(layout, gpu):
        seen = f"a card of {', '.join(cards)} without a driver" if cards else "no graphics card"
        message = f"llama_cpp_gpu is {gpu}, and the host shows {seen}"
        hint = NODES[gpu][2] if cards else "write `llama_cpp_gpu: none` for the host, or put the engine on another"
        found.append(critical("capacity", f"host.{host}", message, hint))
    return found
