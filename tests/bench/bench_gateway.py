#!/usr/bin/env python3
"""What the gateway answers: as it is deployed, beside LiteLLM as its own manual would start it.

Both run on the same host with the same installed LiteLLM, and ask the same engine, which answers at once with the same
words, so that all that is measured is the way to it. Ours: HAProxy, the rendered config (key check, cache, shared
breakers, JSON logs), as many workers as the host gets. Stock: `litellm --config`, the same model and a master key, one
worker, asked directly. Clients run beside the host on the same machine and ask one after the other, never the same
twice; the two take turns. Medians of the turns are shown; difference and ratio are medians of those of each turn,
since a shared machine's speed changes from turn to turn.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from bench_host import ADDRESS, CONTAINER, MACHINE, REGISTRY, empty_host, on_host, play

HERE = pathlib.Path(__file__).resolve().parent
ENGINE_PORT = 9100
STOCK_PORT = 4100
STOCK_KEY = "sk-bench-stock"  # pragma: allowlist secret
MODEL = "instant"
CLIENTS = (1, 16)
DEADLINE = 120

# Proportional set size: memory that processes share counts once. In kB.
MEMORY = "cat {files} | sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p'"


@dataclass(frozen=True)
class Gateway:
    """Where clients ask."""

    name: str
    port: int
    key: str


def registry(workers: str, cache: bool, clients: int) -> dict[str, Any]:
    """The registry that ships, with the engine of this bench, room for its requests, and so many workers if named.

    Of so many clients each has all three limits, none of which is reached.
    """
    providers = yaml.safe_load((REGISTRY / "providers.yml").read_text())["ai_backend_providers"]
    gateway = yaml.safe_load((REGISTRY / "gateway.yml").read_text())["ai_backend_gateway"]
    base = f"http://{MACHINE}:{ENGINE_PORT}/v1"
    providers[MODEL] = {"type": "openai_compatible", "managed": False, "base_url": base, "models": [MODEL]}
    gateway["requests_per_minute"] = 1_000_000
    if workers:
        gateway["workers"] = workers if workers == "auto" else int(workers)
    changed = {"ai_backend_providers": providers, "ai_backend_gateway": gateway}
    if clients:
        limits = {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000, "parallel": 10_000}
        changed["ai_backend_clients"] = {f"client_{number}": {"models": [MODEL], **limits} for number in range(clients)}
    if not cache:
        shipped = yaml.safe_load((REGISTRY / "cache.yml").read_text())["ai_backend_cache"]
        changed["ai_backend_cache"] = {**shipped, "enabled": False}
    return changed


@contextmanager
def engine() -> Iterator[None]:
    """The engine, as a process of its own."""
    command = [sys.executable, str(HERE / "instant_engine.py"), MACHINE, str(ENGINE_PORT)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait()


def start_stock() -> Gateway:
    """LiteLLM from the deployed environment, with the config its manual begins with."""
    params = {"model": f"openai/{MODEL}", "api_base": f"http://{MACHINE}:{ENGINE_PORT}/v1"}
    params["api_key"] = "none"  # pragma: allowlist secret
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": params}],
        "general_settings": {"master_key": STOCK_KEY},
    }
    write = ["docker", "exec", "-i", CONTAINER, "tee", "/root/stock.yaml"]
    subprocess.run(write, input=yaml.safe_dump(config), text=True, check=True, stdout=subprocess.DEVNULL)
    start = f"exec /opt/ai-backend/artifacts/litellm-*/bin/litellm --config /root/stock.yaml --port {STOCK_PORT}"
    # Without the variable its start would ask the network for a price list.
    settings = ["--setenv=LITELLM_LOCAL_MODEL_COST_MAP=True", "--setenv=HOME=/root"]
    on_host("systemd-run", "--quiet", "--unit=bench-stock", *settings, "sh", "-c", start)
    return Gateway("stock", STOCK_PORT, STOCK_KEY)


def load(gateway: Gateway, clients: int, seconds: float) -> dict[str, Any]:
    """What so many clients got; see load.py. Raises CalledProcessError where nobody listens."""
    job = {"address": ADDRESS, "port": gateway.port, "key": gateway.key, "model": MODEL}
    line = json.dumps({**job, "clients": clients, "seconds": seconds}) + "\n"
    command = [sys.executable, str(HERE / "load.py")]
    done = subprocess.run(command, input=line, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def warm(gateway: Gateway) -> None:
    """Ask until it answers, then enough for every worker to have been asked."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            if not load(gateway, max(CLIENTS), 3)["failed"]:
                return
        except subprocess.CalledProcessError:
            time.sleep(0.5)
        if time.monotonic() > end:
            sys.exit(f"{gateway.name} gives no answers within {DEADLINE} s")


def memory(files: str) -> float:
    """MB of the processes whose `smaps_rollup` these are."""
    return sum(map(int, on_host("sh", "-c", MEMORY.format(files=files)).split())) / 1000


def measure(ours: Gateway, stock: Gateway, turns: int, seconds: float) -> None:
    """Take turns, and print."""
    rates: dict[tuple[str, int], list[float]] = {}
    medians: dict[tuple[str, int], list[float]] = {}
    for _turn in range(turns):
        for clients in CLIENTS:
            for gateway in (stock, ours):
                found = load(gateway, clients, seconds)
                if found["failed"]:
                    sys.exit(f"{gateway.name} failed {found['failed']} of {found['requests']} requests")
                rates.setdefault((gateway.name, clients), []).append(found["requests"] / found["seconds"])
                medians.setdefault((gateway.name, clients), []).append(found["median_ms"])
    for (name, clients), values in rates.items():
        shown = ", ".join(f"{value:.0f}" for value in values)
        waits = ", ".join(f"{value:.1f}" for value in medians[name, clients])
        print(f"{name}, clients {clients}: {shown} requests/s; median answer after {waits} ms")
    busy = max(CLIENTS)
    alone = {name: statistics.median(medians[name, 1]) for name in ("stock", "ours")}
    most = {name: statistics.median(rates[name, busy]) for name in ("stock", "ours")}
    over = statistics.median(a - b for a, b in zip(medians["ours", 1], medians["stock", 1], strict=True))
    ratio = statistics.median(a / b for a, b in zip(rates["ours", busy], rates["stock", busy], strict=True))
    slot = memory("$(pgrep -u ai-backend-litellm | sed 's|.*|/proc/&/smaps_rollup|')")
    plain = memory("/proc/$(systemctl show --property MainPID --value bench-stock)/smaps_rollup")
    print(f"gateway_p50_stock: {alone['stock']:.1f} ms")
    print(f"gateway_p50: {alone['ours']:.1f} ms")
    print(f"gateway_p50_over_stock: {over:.1f} ms")
    print(f"gateway_throughput_stock: {most['stock']:.0f} requests/s")
    print(f"gateway_throughput: {most['ours']:.0f} requests/s")
    print(f"gateway_memory_stock: {plain:.0f} MB")
    print(f"gateway_memory_slot: {slot:.0f} MB")
    print(f"gateway_ratio: {ratio:.2f} times")


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--seconds", type=float, default=10, help="seconds of one measurement (default 10)")
    parser.add_argument("--workers", default="", help="workers of ours: a number or auto (default: as shipped)")
    parser.add_argument(
        "--without-cache", action="store_true", help="ours without its cache, which stock has not either"
    )
    parser.add_argument(
        "--clients",
        type=int,
        default=0,
        help="clients in the registry, each with limits; ours is asked as the last one",
    )
    arguments = parser.parse_args()
    with empty_host() as secrets, engine():
        changed = registry(arguments.workers, not arguments.without_cache, arguments.clients)
        play("playbooks/deploy.yml", "-e", json.dumps(changed))
        key = f"AI_BACKEND_CLIENT_CLIENT_{arguments.clients - 1}" if arguments.clients else "LITELLM_MASTER_KEY"
        ours = Gateway("ours", 4000, (secrets / key).read_text().strip())
        stock = start_stock()
        for gateway in (stock, ours):
            warm(gateway)
        started = on_host("sh", "-c", "tr '\\0' ' ' < /proc/$(pgrep -o -u ai-backend-litellm)/cmdline").split()
        workers = started[started.index("--num_workers") + 1]
        print(
            f"{os.cpu_count()} cores for host, engine and clients, load before {os.getloadavg()[0]:.1f}; "
            f"workers {workers}; {arguments.turns} turns of {arguments.seconds:.0f} s; "
            f"cache {'off' if arguments.without_cache else 'on, nothing asked twice'}; "
            f"clients in the registry {arguments.clients}"
        )
        measure(ours, stock, arguments.turns, arguments.seconds)


if __name__ == "__main__":
    main()
