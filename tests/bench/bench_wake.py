#!/usr/bin/env python3
"""What waking costs: the first answer of an engine that sleeps, compared with the engine's own start.

The engine is a real llama-server. Its own start is measured as systemd does it: from `systemctl start` until it is
active, which means when its health answers. Then it is asked while it sleeps, and while another one of its group has
the memory. What is awake answers in milliseconds, which are taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from typing import Any

import httpx
import yaml
from bench_host import ADDRESS, REGISTRY, empty_host, on_host, play

MODELS = {"apple": 8091, "birch": 8092}
SLEEP_AFTER, LEAST = 3, 1


def providers() -> dict[str, Any]:
    """The shipped providers, and two of a group that requests wake."""
    shipped = yaml.safe_load((REGISTRY / "providers.yml").read_text(encoding="utf-8"))["ai_backend_providers"]
    waking = {
        name: {
            "type": "llama_cpp",
            "base_url": f"http://127.0.0.1:{port}",
            "wake": "on_request",
            "exclusive_group": "card0",
            "sleep_after": f"{SLEEP_AFTER}s",
            "min_resident": f"{LEAST}s",
            "models": [{"name": f"{name}-tiny", "source": "tiny"}],
        }
        for name, port in MODELS.items()
    }
    return {**shipped, **waking}


class Bench:
    """One host, and a client of it."""

    def __init__(self, key: str) -> None:
        self.http = httpx.Client(base_url=f"http://{ADDRESS}:4000", timeout=120)
        self.http.headers["Authorization"] = f"Bearer {key}"

    def ask(self, name: str) -> float:
        """Seconds of one new question."""
        body = {
            "model": f"{name}-tiny",
            "max_tokens": 1,
            "messages": [{"role": "user", "content": os.urandom(8).hex()}],
        }
        begin = time.monotonic()
        answer = self.http.post("/v1/chat/completions", json=body)
        took = time.monotonic() - begin
        assert (answer.status_code, answer.json()["model"]) == (200, f"{name}-tiny"), answer.text
        return took

    def asleep(self, name: str) -> None:
        """Wait until it has stopped."""
        end = time.monotonic() + 60
        while on_host("sh", "-c", f"systemctl is-active ai-backend-llama-cpp@{name} || true").strip() != "inactive":
            assert time.monotonic() < end, f"{name} does not stop"
            time.sleep(0.2)

    def own_start(self, name: str) -> float:
        """Seconds until its unit is active, as the host itself counts them."""
        self.asleep(name)
        unit = f"ai-backend-llama-cpp@{name}.service"
        script = f"b=$(date +%s%N); systemctl start {unit}; e=$(date +%s%N); echo $((e - b)); systemctl stop {unit}"
        return int(on_host("sh", "-c", script)) / 1e9

    def wakes(self, name: str) -> float:
        """Seconds that its first answer takes longer than one of an engine that is awake."""
        self.asleep(name)
        first = self.ask(name)
        return first - min(self.ask(name) for _ in range(3))

    def takes_turn(self, name: str, other: str) -> float:
        """The same while another one of its group has the memory, and has had it for its least time."""
        self.asleep(name)
        self.ask(other)
        time.sleep(LEAST + 0.2)
        first = self.ask(name)
        return first - min(self.ask(name) for _ in range(3))


def main() -> None:
    """Print each number; the last line is what waking costs over the engine's own start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with empty_host() as secrets:
        play("playbooks/deploy.yml", "-e", json.dumps({"ai_backend_providers": providers()}))
        bench = Bench((secrets / "LITELLM_MASTER_KEY").read_text(encoding="utf-8").strip())
        starts = [bench.own_start("apple") for _ in range(rounds)]
        wakes = [bench.wakes("apple") for _ in range(rounds)]
        turns = [bench.takes_turn("apple", "birch") for _ in range(rounds)]
    for name, found in (("own start", starts), ("woken", wakes), ("in the place of another", turns)):
        print(f"{name}: {statistics.median(found):.2f} s ({min(found):.2f} to {max(found):.2f}, {rounds} times)")
    print(f"wake_turn_over_start: {statistics.median(turns) - statistics.median(starts):.2f} s")
    print(f"wake_over_start: {statistics.median(wakes) - statistics.median(starts):.2f} s")


if __name__ == "__main__":
    main()
