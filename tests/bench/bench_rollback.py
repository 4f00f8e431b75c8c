#!/usr/bin/env python3
"""How long the way back takes, with the host's network off: the gateway's configuration alone, and all services.

Two generations are made, then the host goes back and forth between them. Beside it, in the same run, the seconds that
LiteLLM itself needs from the start of its process to its first readiness: no way back can be faster than that.
"""

from __future__ import annotations

import argparse
import copy
import json
import pathlib
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from bench_host import ADDRESS, CONTAINER, REGISTRY, empty_host, on_host, play

NETWORK = "lab-ai-backend-bench"
PLAYBOOK = "playbooks/rollback.yml"

# Ends when another slot serves than at its start and a client behind the edge sees it answer; prints the monotonic
# clock, which host and controller share.
WATCH = """
import sys, time, urllib.request
slot = lambda: open("/etc/ai-backend/litellm/active-slot").read()
before = slot()
print("watching", flush=True)
while slot() == before:
    time.sleep(0.05)
question = urllib.request.Request("http://127.0.0.1:4000/v1/models", headers={"Authorization": "Bearer " + sys.argv[1]})
while True:
    try:
        with urllib.request.urlopen(question, timeout=10) as answer:
            answer.read()
        break
    except OSError:
        time.sleep(0.05)
print(time.monotonic(), flush=True)
"""

# Seconds from the start of the active slot's process to its first readiness.
START = """
import http.client, socket, subprocess, time
slot = open("/etc/ai-backend/litellm/active-slot").read().split()[1]
unit = "ai-backend-litellm@%s.service" % slot
subprocess.run(["systemctl", "stop", unit], check=True)
begin = time.monotonic()
subprocess.run(["systemctl", "start", unit], check=True)
while True:
    try:
        asked = http.client.HTTPConnection("slot")
        asked.sock = socket.socket(socket.AF_UNIX)
        asked.sock.settimeout(10)
        asked.sock.connect("/run/ai-backend/litellm@%s/http.sock" % slot)
        asked.request("GET", "/health/readiness")
        if asked.getresponse().status == 200:
            break
    except (OSError, http.client.HTTPException):
        pass
    time.sleep(0.05)
print(time.monotonic() - begin)
"""


def newest() -> int:
    """The number of the newest generation."""
    return max(int(name.partition(".")[0]) for name in on_host("ls", "/var/lib/ai-backend/generations").split())


def deployed(**registry: Any) -> int:
    """Deploy with some variables of the registry changed; the generation it made."""
    play("playbooks/deploy.yml", "-e", json.dumps(registry))
    return newest()


def changes() -> tuple[dict[str, Any], dict[str, Any]]:
    """A registry whose gateway alone differs from the one that ships, and one where every service does."""
    shipped = {
        name: yaml.safe_load((REGISTRY / f"{name.removeprefix('ai_backend_')}.yml").read_text())[name]
        for name in ("ai_backend_gateway", "ai_backend_providers", "ai_backend_cache")
    }
    gateway = copy.deepcopy(shipped["ai_backend_gateway"]) | {"breaker": {"failures": 4, "cooldown_seconds": 120}}
    everything = copy.deepcopy(shipped)
    everything["ai_backend_gateway"] = gateway | {"requests_per_minute": 1200}
    everything["ai_backend_providers"]["llama_cpp_native"]["models"][0]["context_length"] = 1024
    everything["ai_backend_cache"]["maxmemory"] = "64mb"
    return {"ai_backend_gateway": gateway}, everything


@contextmanager
def without_network() -> Iterator[None]:
    """The host has its loopback and nothing else; playbooks reach it through docker exec."""
    subprocess.run(["docker", "network", "disconnect", NETWORK, CONTAINER], check=True)
    try:
        yield
    finally:
        subprocess.run(["docker", "network", "connect", "--ip", ADDRESS, NETWORK, CONTAINER], check=True)


def back(number: int, key: str, by_host: bool = False) -> tuple[float, float]:
    """Seconds from the command until the generation serves, and until the command ends."""
    watcher = subprocess.Popen(
        ["docker", "exec", CONTAINER, "python3", "-c", WATCH, key], stdout=subprocess.PIPE, text=True
    )
    assert watcher.stdout is not None
    watcher.stdout.readline()
    begin = time.monotonic()
    if by_host:
        on_host("ai-backend-rollback", "--to", str(number))
    else:
        play(PLAYBOOK, "-e", f"ai_backend_generation={number}")
    wall = time.monotonic() - begin
    return float(watcher.communicate(timeout=120)[0]) - begin, wall


def measure(secrets: pathlib.Path, runs: int) -> None:
    """Measure on a host that was deployed to, and print."""
    gateway_only, everything = changes()
    first, config, whole = deployed(), deployed(**gateway_only), deployed(**everything)
    key = (secrets / "LITELLM_MASTER_KEY").read_text().strip()
    with without_network():
        play(PLAYBOOK, "-e", f"ai_backend_generation={config}")
        by_playbook = [back(first if index % 2 == 0 else config, key) for index in range(2 * runs)]
        by_host = [back(first if index % 2 == 0 else config, key, by_host=True) for index in range(2 * runs)]
        services = [back(whole if index % 2 == 0 else config, key) for index in range(2 * runs)]
        starts = [float(on_host("python3", "-c", START)) for _index in range(runs)]
    start = statistics.median(starts)
    serving, wall = (statistics.median(column) for column in zip(*by_playbook, strict=True))
    print("serving after " + ", ".join(f"{seconds:.1f}" for seconds, _wall in by_playbook) + " s")
    print("all services after " + ", ".join(f"{seconds:.1f}" for _serving, seconds in services) + " s")
    print(f"litellm_start: {start:.1f} s")
    print(f"rollback_config_wall: {wall:.1f} s")
    print(f"rollback_config_on_host: {statistics.median(seconds for seconds, _wall in by_host):.1f} s")
    print(f"rollback_config_over_start: {serving - start:.1f} s")
    print(f"rollback_config: {serving:.1f} s")
    print(f"rollback_all_services: {statistics.median(seconds for _serving, seconds in services):.1f} s")


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="measured ways there and back (default 2)")
    runs = parser.parse_args().runs
    with empty_host() as secrets:
        measure(secrets, runs)


if __name__ == "__main__":
    main()
