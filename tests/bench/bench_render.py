#!/usr/bin/env python3
# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Seconds from a registry to its plan: check, resolve, place and write LiteLLM's config for one gateway.

The registry has the given numbers of models over ten providers; every second name is an alias with a chain of three,
every tenth a pool. Each size is measured several times and the fastest is shown: what a busy machine adds is no part of
the work. Wall seconds, without the start of Python; the last line is the largest size.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The checkout as a collection; `make venv` makes it.
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries  # noqa: E402

PROVIDERS = 10
GROUPS = {"gateway": ["one"], "redis": ["one"]}


def registry(models: int) -> dict[str, Any]:
    """A registry with that many names a client may ask for."""
    names = [f"model-{number}" for number in range(models // 2)]
    owner = {name: f"provider_{number % PROVIDERS}" for number, name in enumerate(names)}
    providers = {
        f"provider_{number}": {
            "type": "vllm",
            "managed": False,
            "base_url": f"http://10.0.0.{number + 1}:8001",
            "models": [{"name": name, "size": "8B"} for name in names if owner[name] == f"provider_{number}"],
        }
        for number in range(PROVIDERS)
    }
    exact, pools = {}, {}
    for number in range(models - len(names)):
        first, *chain = (names[(number + step) % len(names)] for step in range(4))
        if number % 5 == 0:
            members = [{"provider": owner[name], "model": name} for name in dict.fromkeys((first, *chain))]
            pools[f"pool-{number}"] = {"strategy": "weighted", "providers": members}
        else:
            exact[f"alias-{number}"] = {"provider": owner[first], "backend_model": first, "fallback_chain": chain}
    routing = {"exact_matches": exact, "load_balancing": pools, "default_provider": "provider_0"}
    providers["provider_0"]["default_model"] = names[0]
    return {"providers": providers, "routing": routing}


def seconds(models: int, repeat: int) -> float:
    """The fastest of some runs."""
    raw = registry(models)
    best = float("inf")
    for _ in range(repeat):
        begin = time.perf_counter()
        plan = entries.plan(raw, GROUPS, {})
        best = min(best, time.perf_counter() - begin)
        assert len(plan["models"]) == models, "the registry has another size"
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs="+", default=[50, 500, 5000], help="sizes (default: 50 500 5000)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each size (default: 3)")
    arguments = parser.parse_args()
    for models in sorted(arguments.models):
        print(f"render_{models}_models: {seconds(models, arguments.repeat):.3f} s")


if __name__ == "__main__":
    main()
