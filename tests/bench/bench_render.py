#!/usr/bin/env python3
# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Seconds from a registry to its report and plan: every check, and LiteLLM's config for one gateway.

A registry of n models has 50 providers and 0.4 n rules: a third each exact matches with a chain of three, pools of
three, and patterns or capabilities. Each size is measured several times and the fastest is shown: what a busy machine
adds is no part of the work. Wall seconds of one core, without the start of Python. The exponent is the slope of a line
through the logarithms of sizes and seconds; 1 is linear. With --seeds the output of the smallest size is made in that
many processes, each with a hash seed of its own, and compared byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The checkout as a collection; `make venv` makes it.
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries  # noqa: E402

PROVIDERS = 50
GROUPS = {"gateway": ["one"], "redis": ["one"]}


def registry(models: int) -> dict[str, Any]:
    """A registry with that many models of 50 providers, and two rules for five models."""
    names = [f"model-{number}:8b" for number in range(models)]
    owner = {name: f"provider_{number % PROVIDERS}" for number, name in enumerate(names)}
    providers = {
        f"provider_{number}": {
            "type": "ollama",
            "managed": False,
            "base_url": f"http://10.0.0.{number + 1}:11434",
            "models": [{"name": name, "size": "8B"} for name in names if owner[name] == f"provider_{number}"],
        }
        for number in range(PROVIDERS)
    }
    routing: dict[str, Any] = {"exact_matches": {}, "load_balancing": {}, "capability_routing": {}, "patterns": {}}
    for number in range(models * 2 // 5):
        first, *chain = (names[(number * 7 + step) % models] for step in range(4))
        if number % 3 == 0:
            rule = {"provider": owner[first], "backend_model": first, "fallback_chain": chain}
            routing["exact_matches"][f"alias-{number}"] = rule
        elif number % 3 == 1:
            members = [{"provider": owner[name], "model": name, "weight": 1} for name in (first, *chain[:2])]
            routing["load_balancing"][f"pool-{number}"] = {"strategy": "weighted", "providers": members}
        elif number % 2:
            routing["capability_routing"][f"skill-{number}"] = {"preferred_models": chain}
        else:
            routing["patterns"][f"family-{number}-*"] = {"provider": owner[first], "fallback_chain": [chain[0]]}
    return {"providers": providers, "routing": routing}


def outcome(models: int) -> dict[str, Any]:
    """All that `validate.yml` makes of it."""
    return entries.validate(registry(models), GROUPS, {}, {"one": 24}, None, lambda value: None)


def seconds(models: int, repeat: int) -> float:
    """The fastest of some runs."""
    raw = registry(models)
    best = float("inf")
    for _ in range(repeat):
        begin = time.perf_counter()
        found = entries.validate(raw, GROUPS, {}, {"one": 24}, None, lambda value: None)
        best = min(best, time.perf_counter() - begin)
        assert found["report"]["findings"] == [], "the registry is not sound"
        assert len(found["plan"]["models"]) >= models, "the registry has another size"
    return best


def exponent(measured: dict[int, float]) -> float:
    """The slope of the logarithms."""
    sizes = [math.log(size) for size in measured]
    return statistics.linear_regression(sizes, [math.log(value) for value in measured.values()]).slope


def digest(models: int) -> str:
    return hashlib.sha256(json.dumps(outcome(models)).encode()).hexdigest()


def digests(models: int, seeds: int) -> set[str]:
    """The digests of the output of that many processes."""
    found = set()
    for seed in range(1, seeds + 1):
        command = [sys.executable, __file__, "--digest", str(models)]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        found.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs="+", default=[500, 1000, 2000, 5000], help="sizes")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each size (default: 3)")
    parser.add_argument("--seeds", type=int, default=100, help="processes that are compared (default: 100)")
    parser.add_argument("--digest", type=int, metavar="MODELS", help="only print the digest of one output")
    arguments = parser.parse_args()
    if arguments.digest:
        print(digest(arguments.digest))
        return
    sizes = sorted(arguments.models)
    found = digests(sizes[0], arguments.seeds)
    print(f"render_outputs_of_{arguments.seeds}_hash_seeds: {len(found)} different")
    measured = {models: seconds(models, arguments.repeat) for models in sizes}
    print(f"render_growth: {exponent(measured):.2f} exponent")
    for models, value in measured.items():
        print(f"render_{models}_models: {value:.3f} s")
    if len(found) > 1:
        sys.exit("the output depends on the hash seed")


if __name__ == "__main__":
    main()
