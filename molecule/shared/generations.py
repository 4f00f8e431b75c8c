"""What checks of the way back need: a change that hurts clients, and what a host remembers and runs."""

from __future__ import annotations

import copy
import json
from typing import Any

from fleet import Machine, registry

GENERATIONS = "/var/lib/ai-backend/generations"
ENGINE = "llama-cpp@llama_cpp_native"


def bad_change() -> dict[str, Any]:
    """A limit at the edge that is too low; another breaker of the gateway, context of the engine, size of the cache."""
    gateway, providers, cache = (copy.deepcopy(registry(part)) for part in ("gateway", "providers", "cache"))
    gateway["max_body_bytes"] = 1024
    gateway["breaker"] = {"failures": 4, "cooldown_seconds": 120}
    providers["llama_cpp_native"]["models"][0]["context_length"] = 1024
    cache["maxmemory"] = "64mb"
    return {"ai_backend_gateway": gateway, "ai_backend_providers": providers, "ai_backend_cache": cache}


def configuration(machine: Machine) -> str:
    """Checksums of every file that the services run from, whatever the slot."""
    links = [f"/opt/ai-backend/instances/{name}" for name in ("redis", "edge", ENGINE, f"litellm@{machine.slot()}")]
    return machine.run(
        f"for link in {' '.join(links)}; do (cd -P $link && find . -type f | sort | xargs sha256sum); done"
    )


def newest(machine: Machine) -> dict[str, Any]:
    """The newest generation's content."""
    numbers = sorted(int(name.partition(".")[0]) for name in machine.run(f"ls {GENERATIONS}").split())
    return numbered(machine, numbers[-1])


def numbered(machine: Machine, number: int) -> dict[str, Any]:
    """The content of a generation."""
    content: dict[str, Any] = json.loads(machine.run(f"cat {GENERATIONS}/{number}.json"))
    return content
