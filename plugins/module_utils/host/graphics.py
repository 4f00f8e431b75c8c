# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The memory of a host's graphics cards, as NVIDIA's own tool tells it."""

from __future__ import annotations

from .findings import Finding, warning
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
