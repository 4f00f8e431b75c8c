#!/usr/bin/env python3
"""What clients notice of a dead engine, through the edge and with the config as it is rendered.

Engines here are simulators, because faults are wanted: a closed port, one that listens and never answers, one that
answers every chat with 500. For each fault there is a model of one engine with a fallback, and a pool of two of which
one dies. Each model is asked while all is well, then with the fault, one request after the other and each on a
connection of its own, so that every worker of the gateway meets the fault. Nothing is asked twice.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import yaml
from bench_host import ADDRESS, MACHINE, REGISTRY, empty_host, play

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "contract"))
from engines import Engines

# fault -> how the simulator fails
FAULTS = {"refused": "refused", "hang": "hang", "error": "500"}
# The longest time that an engine of this bench may take, as the registry says.
TIMEOUT = 2
# Requests to each model: while all is well, and once its breaker is open.
HEALTHY = 20
LATER = 30
# Requests to each pool, from so many clients at once.
POOL = 60
POOL_CLIENTS = 4
FIRST_PORT = 9200


class Counted(Engines):
    """Counts every connection, a probe's too."""

    def __init__(self, served: dict[str, tuple[str, str]]) -> None:
        self.connections: Counter[str] = Counter()
        super().__init__(served)

    async def _serve(self, provider: str, host: str, reader: Any, writer: Any) -> None:
        self.connections[provider] += 1
        await super()._serve(provider, host, reader, writer)


@dataclass
class Client:
    """A client that counts what it loses; each request has a connection of its own."""

    key: str
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        headers = {"Authorization": f"Bearer {self.key}"}
        self.http = httpx.Client(base_url=f"http://{ADDRESS}:4000", headers=headers, limits=limits, timeout=60)

    def ask(self, model: str) -> float:
        """Seconds of one request."""
        message = {"role": "user", "content": os.urandom(8).hex()}
        begin = time.monotonic()
        try:
            answer = self.http.post("/v1/chat/completions", json={"model": model, "messages": [message]})
            if answer.status_code != 200:
                self.lost.append(f"{model}: {answer.status_code} {answer.text[:200]}")
        except httpx.TransportError as error:
            self.lost.append(f"{model}: {error}")
        return time.monotonic() - begin


def names() -> list[str]:
    """The providers: for each fault the engine that dies, and the pool's two; then the one that all fall back to."""
    return [f"{fault}_{part}" for fault in FAULTS for part in ("alone", "left", "right")] + ["spare"]


def registry() -> dict[str, Any]:
    """The registry that ships, with the engines of this bench."""
    shipped = {
        part: yaml.safe_load((REGISTRY / f"{part}.yml").read_text())[f"ai_backend_{part}"]
        for part in ("providers", "routing", "gateway")
    }
    for number, name in enumerate(names()):
        shipped["providers"][name] = {
            "type": "openai_compatible",
            "managed": False,
            "base_url": f"http://{MACHINE}:{FIRST_PORT + number}/v1",
            "timeout_seconds": TIMEOUT,
            "models": [f"model-{name}"],
        }
    routing = shipped["routing"]
    for fault in FAULTS:
        rule = {"provider": f"{fault}_alone", "backend_model": f"model-{fault}_alone", "fallback_chain": ["spare"]}
        routing["exact_matches"][f"one-{fault}"] = rule
        sides = [
            {"provider": f"{fault}_{side}", "model": f"model-{fault}_{side}", "weight": 0.5}
            for side in ("left", "right")
        ]
        routing["load_balancing"][f"two-{fault}"] = {"strategy": "weighted", "providers": sides}
    shipped["gateway"]["requests_per_minute"] = 1_000_000
    return {f"ai_backend_{part}": content for part, content in shipped.items()}


@contextmanager
def engines() -> Iterator[Counted]:
    """All engines, well."""
    served = {f"{MACHINE}:{FIRST_PORT + number}": (name, MACHINE) for number, name in enumerate(names())}
    made = Counted(served)
    try:
        yield made
    finally:
        made.close()


def several(client: Client, model: str, count: int) -> list[float]:
    """Milliseconds of requests one after the other."""
    return [client.ask(model) * 1000 for _index in range(count)]


def measure(client: Client, simulated: Counted, failures: int) -> None:
    """Measure with all well, then with the faults, and print."""
    usual = {}
    for fault in FAULTS:
        several(client, f"two-{fault}", HEALTHY)
        usual[fault] = statistics.median(several(client, f"one-{fault}", HEALTHY))
    simulated.fail({f"{fault}_{part}": how for fault, how in FAULTS.items() for part in ("alone", "left")})
    simulated.connections.clear()
    begin = time.monotonic()
    paid, later = {}, {}
    for fault in FAULTS:
        # More than the breaker takes: it is seen where it opens, and whether every worker knows.
        first = several(client, f"one-{fault}", failures * 4)
        paid[fault] = [value - usual[fault] for value in first[:failures]]
        later[fault] = [value - usual[fault] for value in several(client, f"one-{fault}", LATER)]
        shown = ", ".join(f"{value:.0f}" for value in first)
        print(f"{fault}: usually {usual[fault]:.1f} ms; with the fault {shown} ms")
    with ThreadPoolExecutor(POOL_CLIENTS) as threads:
        for fault in FAULTS:
            list(threads.map(client.ask, [f"two-{fault}"] * POOL))
    opened = simulated.connections.copy()
    print(f"requests to dead engines until their breakers were open: {dict(sorted(dead(opened).items()))}")
    minute = time.monotonic()
    while time.monotonic() < minute + 60:
        for fault in FAULTS:
            client.ask(f"one-{fault}")
            client.ask(f"two-{fault}")
        time.sleep(0.5)
    probes = dead(simulated.connections - opened)
    print(f"asked for {time.monotonic() - begin:.0f} s; probes of dead engines in the last 60 s: {probes}")
    for line in client.lost[:10]:
        print(f"lost: {line}")
    print(f"failover_refused: {max(paid['refused']):.0f} ms")
    print(f"failover_error: {max(paid['error']):.0f} ms")
    print(f"failover_hang_over_timeout: {max(paid['hang']) / 1000 - TIMEOUT:.2f} s")
    print(f"failover_later: {max(statistics.median(values) for values in later.values()):.1f} ms")
    print(f"failover_probes_per_minute: {max(probes.values(), default=0)} requests")
    print(f"failover_lost: {len(client.lost)} requests")


def dead(connections: Counter[str]) -> dict[str, int]:
    """Of the engines that fail and can be counted: a closed port sees nobody."""
    return {name: count for name, count in connections.items() if not name.endswith("right") and name != "spare"}


def main() -> None:
    """Deploy, measure."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with empty_host() as secrets, engines() as simulated:
        registered = registry()
        play("playbooks/deploy.yml", "-e", json.dumps(registered))
        breaker = registered["ai_backend_gateway"]["breaker"]
        print(
            f"{os.cpu_count()} cores for host, engines and clients, load before {os.getloadavg()[0]:.1f}; "
            f"breaker {breaker['failures']} failures, {breaker['cooldown_seconds']} s; engines may take {TIMEOUT} s"
        )
        client = Client((secrets / "LITELLM_MASTER_KEY").read_text().strip())
        measure(client, simulated, breaker["failures"])


if __name__ == "__main__":
    main()
