# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Number of LiteLLM processes of a gateway slot on a host."""

from __future__ import annotations

# Resident after its first requests, measured on 1.106.2: about 300 MB; it grows over time.
PROCESS_BYTES = 400_000_000
# Both slots run while a change is proven; the rest of the memory is for the engines.
MEMORY_SHARE = 1 / 3
SLOTS = 2
# About 200 requests per second: more than the engines of one host can answer.
MOST = 4


def gateway_workers(wanted: int | str, cores: int, memory_bytes: int) -> int:
    """`wanted` unchanged, or for `auto` one worker for each core, if both slots fit into a third of the memory.

    Several workers have a parent process of the same size; one worker has none.
    """
    if wanted != "auto":
        return int(wanted)
    processes = int(memory_bytes * MEMORY_SHARE / SLOTS / PROCESS_BYTES)
    return max(1, min(cores, processes - 1, MOST))
