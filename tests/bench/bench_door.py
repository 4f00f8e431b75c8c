#!/usr/bin/env python3
"""What clients notice of strangers: 2,000 bodies that never end and 1,000 requests a second without a key.

Clients with a key ask at a fixed pace and keep streams open, first alone, then while the strangers come from twenty
other addresses. All are on the machine of the host, so the strangers' own work is measured too; it is niced. The
registry is the one that ships, with more requests a minute of one address, because all clients here have one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from bench_host import ADDRESS, empty_host, on_host, play
from bench_reload import ENGINE, URL, lost, registry
from traffic import HERE, paced_engine, steady_traffic

FIRST_SOURCE, SOURCES = "198.18.42.101", 20
# Of one address in a minute: the clients' ten a second and their streams fit, the flood of an address does not.
REQUESTS_PER_MINUTE = 1200


def of_this_bench() -> dict[str, Any]:
    """The registry of the reload's bench with a limit that strangers exceed."""
    made = registry()
    made["ai_backend_gateway"]["requests_per_minute"] = REQUESTS_PER_MINUTE
    return made


@contextlib.contextmanager
def sources() -> Iterator[None]:
    """Twenty addresses more on this machine's side of the bridge."""
    routes = subprocess.run(["ip", "-json", "route", "get", ADDRESS], check=True, capture_output=True, text=True)
    bridge = json.loads(routes.stdout)[0]["dev"]
    network, _, last = FIRST_SOURCE.rpartition(".")
    places = [f"{network}.{int(last) + number}/32" for number in range(SOURCES)]
    for place in places:
        subprocess.run(["ip", "address", "add", place, "dev", bridge], check=True)
    try:
        yield
    finally:
        for place in places:
            subprocess.run(["ip", "address", "del", place, "dev", bridge], check=False)


@contextlib.contextmanager
def strangers() -> Iterator[list[dict[str, Any]]]:
    """The strangers, until the block ends; the list then contains what they counted last."""
    command = ["nice", "-n10", sys.executable, str(HERE / "strangers.py"), ADDRESS, "4000", FIRST_SOURCE, str(SOURCES)]
    counted: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield counted
        finally:
            process.terminate()
            assert process.stdout is not None
            counted.extend(json.loads(line) for line in process.stdout if line.strip())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="seconds of each part (default 60)")
    options = parser.parse_args()
    with empty_host() as secrets, paced_engine(*ENGINE):
        play("playbooks/deploy.yml", "-e", json.dumps(of_this_bench()))
        key = (secrets / "LITELLM_MASTER_KEY").read_text().strip()
        with sources(), steady_traffic(URL, key, 10, 10) as traffic:
            time.sleep(options.seconds)
            quiet = traffic.report()
            with strangers() as counted:
                time.sleep(options.seconds)
                attacked = traffic.report()
            # The newest process is the worker.
            memory = on_host("sh", "-c", "grep VmHWM /proc/$(pgrep --newest haproxy)/status").split()[1]
    print(f"{os.cpu_count()} cores for host, engine, clients and strangers")
    print(f"answers to strangers: {sum(counted[-1]['answers'].values()) / options.seconds:.0f} a second")
    print(f"strangers: {max(row['open'] for row in counted)} slow connections at most, the rest as counted:")
    print(json.dumps(counted[-1]))
    for document in (quiet, attacked):
        print(json.dumps({"sent": document["requests"]["sent"], "streams": document["streams"]}))
        print(json.dumps(document["requests"]["first_failures"]))
    print(f"door_edge_memory_peak: {int(memory) / 1000:.0f} MB")
    print(f"door_quiet_failed: {quiet['requests']['failed'] + lost(quiet)} requests and streams")
    print(f"door_p99_quiet: {quiet['latency_ms']['p99']:.0f} ms")
    print(f"door_p99: {attacked['latency_ms']['p99']:.0f} ms")
    print(f"door_p99_ratio: {attacked['latency_ms']['p99'] / quiet['latency_ms']['p99']:.2f} times")
    print(f"door_failed: {attacked['requests']['failed'] + lost(attacked)} requests and streams")


if __name__ == "__main__":
    main()
