#!/usr/bin/env python3
"""What clients notice of a reload: a route is changed again and again under steady load from outside the host.

First the load alone, for a baseline of its latency. Then reloads, one after the other; a watcher asks for the route
that is new until somebody answers it. At the end the slot that serves is restarted by systemctl, under the same load:
what a reload saves its clients from.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import yaml
from bench_host import ADDRESS, REGISTRY, empty_host, play
from bench_rollback import START, on_host
from traffic import Traffic, paced_engine, steady_traffic

URL = f"http://{ADDRESS}:4000"
# The controller's side of the bridge.
ENGINE = ("198.18.42.1", 8190)
ROUTES = ("even", "odd")


def registry(route: str = "") -> dict[str, Any]:
    """The registry that ships, with a slow engine for streams, room for the load, and one route more."""
    made: dict[str, Any] = {}
    for part in ("gateway", "providers", "routing"):
        made |= yaml.safe_load((REGISTRY / f"{part}.yml").read_text())
    made["ai_backend_gateway"]["requests_per_minute"] = 100_000
    # An engine that a busy machine made late would else be left out for five minutes, for the rest of the measurement.
    made["ai_backend_gateway"]["breaker"]["cooldown_seconds"] = 5
    engine = made["ai_backend_providers"]["llama_cpp_native"]
    # Each connection that a gateway keeps open holds a thread of llama-server; two slots need more than its default.
    engine["environment"] = {"LLAMA_ARG_THREADS_HTTP": "64"}
    # Two threads spin while they wait for each other: beside anybody else on two cores both are late by seconds, and
    # that would be measured, not the gateway.
    engine["models"][0]["options"] = {"threads": 1}
    made["ai_backend_providers"]["paced"] = {
        "type": "openai_compatible",
        "status": "active",
        "managed": False,
        "base_url": "http://{}:{}/v1".format(*ENGINE),
        "models": ["lab-paced"],
    }
    if route:
        made["ai_backend_routing"]["exact_matches"][route] = {
            "provider": "llama_cpp_native",
            "backend_model": "lab-tiny",
        }
    return made


class Answered(threading.Thread):
    """Asks for a route until a client is answered by it; `at` is then the monotonic clock."""

    def __init__(self, route: str, key: str) -> None:
        super().__init__(daemon=True)
        self.http = httpx.Client(base_url=URL, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        self.route = route
        self.at = 0.0

    def run(self) -> None:
        """Look every tenth of a second who is listed, which costs the gateway little; then ask."""
        body = {"model": self.route, "max_tokens": 4, "messages": [{"role": "user", "content": "hello"}]}
        while True:
            with contextlib.suppress(httpx.TransportError):
                listed = self.http.get("/v1/models")
                known = listed.status_code == 200 and self.route in {entry["id"] for entry in listed.json()["data"]}
                if known and self.http.post("/v1/chat/completions", json=body).status_code == 200:
                    self.at = time.monotonic()
                    return
            time.sleep(0.1)


def reload(route: str, key: str) -> tuple[float, float]:
    """Seconds from the command until a client is answered by the new route, and until the command ends."""
    watcher = Answered(route, key)
    begin = time.monotonic()
    watcher.start()
    extra = {**registry(route), "ai_backend_confirm": True}
    # The controller shares the host's cores here; elsewhere it is another machine.
    play("playbooks/reload.yml", "-e", json.dumps(extra), nice=10)
    wall = time.monotonic() - begin
    watcher.join(60)
    if not watcher.at:
        raise SystemExit(f"the route {route} was never answered")
    print(f"{route}: served after {watcher.at - begin:.1f} s, ended after {wall:.1f} s", file=sys.stderr, flush=True)
    return watcher.at - begin, wall


def lost(document: dict[str, Any]) -> int:
    """Streams that were cut or refused."""
    return int(document["streams"]["cut"] + document["streams"]["refused"])


def plain_restart(traffic: Traffic, key: str) -> tuple[float, dict[str, Any]]:
    """(seconds of the start of the active slot, what clients saw) of a restart by hand."""
    traffic.steady()
    start = float(on_host("python3", "-c", START))
    watcher = Answered("lab-tiny", key)
    watcher.start()
    watcher.join(120)
    return start, traffic.report()


@contextlib.contextmanager
def measured_host(options: argparse.Namespace) -> Iterator[tuple[Traffic, str]]:
    """A host that was deployed to, under steady load, and the key of its clients."""
    with empty_host() as secrets, paced_engine(*ENGINE):
        play("playbooks/deploy.yml", "-e", json.dumps(registry()))
        key = (secrets / "LITELLM_MASTER_KEY").read_text().strip()
        with steady_traffic(URL, key, options.rate, options.streams) as traffic:
            yield traffic, key


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--reloads", type=int, default=30, help="successive reloads (default 30)")
    parser.add_argument("--rate", type=float, default=20, help="requests a second (default 20)")
    parser.add_argument("--streams", type=int, default=20, help="streams that are always open (default 20)")
    parser.add_argument("--baseline", type=float, default=60, help="seconds of the load alone (default 60)")
    options = parser.parse_args()
    with measured_host(options) as (traffic, key):
        time.sleep(options.baseline)
        quiet = traffic.report()
        times = [reload(ROUTES[index % 2], key) for index in range(options.reloads)]
        changing = traffic.report()
        start, restarted = plain_restart(traffic, key)
        streams_left = traffic.stop()
    serving, wall = (statistics.median(column) for column in zip(*times, strict=True))
    before, during = quiet["latency_ms"], changing["latency_ms"]
    print(f"load {options.rate:g} req/s and {options.streams} streams of 8 s, baseline {quiet['seconds']} s, then")
    print(
        f"{options.reloads} reloads: {changing['requests']['sent']} requests, {changing['streams']['finished']} streams"
    )
    for document in (quiet, changing):
        print(json.dumps({"first_failures": [document[kind]["first_failures"] for kind in ("requests", "streams")]}))
    print(f"baseline_failed: {quiet['requests']['failed'] + lost(quiet)} requests and streams")
    print(f"reload_p99_baseline: {before['p99']:.0f} ms")
    print(f"reload_p99: {during['p99']:.0f} ms")
    print(f"reload_p99_ratio: {during['p99'] / before['p99']:.2f}")
    print(f"reload_wall: {wall:.1f} s")
    print(f"reload_serving: {serving:.1f} s")
    print(f"litellm_start: {start:.1f} s")
    print(f"reload_over_start: {serving - start:.1f} s")
    print(f"plain_restart_failed: {restarted['requests']['failed']} requests")
    print(f"plain_restart_cut: {lost(restarted) + lost(streams_left)} streams")
    print(f"plain_restart_outage: {max((each['seconds'] for each in restarted['outages']), default=0.0):.1f} s")
    print(f"reload_cut: {lost(changing)} streams")
    print(f"reload_failed: {changing['requests']['failed']} requests")


if __name__ == "__main__":
    main()
