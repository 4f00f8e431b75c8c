# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The memory that a host has for its models: of its graphics cards, as NVIDIA's own tool tells it, or its own."""

from __future__ import annotations

from .cards import vendors
from .findings import Finding, warning
from .layout import Layout
from .processes import memory_bytes
from .systemd import Run, run_command

QUESTION = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]


def gpu_memory(host: str, run: Run = run_command, timeout: float = 10) -> tuple[list[int], list[Finding]]:
    """([MiB of each card], findings). A host without the tool has no card that counts."""
    code, output = run(QUESTION, timeout=timeout)
    if code == 127:
        return [], []
    if code != 0:
        hint = "`nvidia-smi` on the host shows why; often the driver was updated and the host not restarted"
        return [], [warning("capacity", f"host.{host}", f"nvidia-smi does not answer (exit code {code})", hint)]
    # A card that shares the machine's memory has none of its own to tell: "[N/A]".
    return [int(line) for line in map(str.strip, output.splitlines()) if line.isdigit()], []


def host_memory(layout: Layout, gpu: str) -> int:
    """MiB of a host whose engines compute on the processor; 0 if it has a card, of whose memory nobody may tell.

    `gpu` is what its engines are built for: none, cuda or vulkan. What only shows a console is of an unknown maker.
    """
    alone = gpu == "none" and not {*vendors(layout)} - {"unknown"}
    return memory_bytes(layout) >> 20 if alone else 0
