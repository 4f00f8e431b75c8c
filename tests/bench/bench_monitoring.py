#!/usr/bin/env python3
"""What monitoring costs: the gateway's answers with all of it running and with none of it, in turns on one host.

Everything that the distribution has is on: Prometheus, Alertmanager, all exporters, and the questions to models.
Without it its units are stopped; the record of requests is written in both cases (`make bench-record` measures that).
Then nobody asks anything, and the processors' time and the memory of each unit are read.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time

from bench_gateway import CLIENTS, Gateway, engine, load, memory, registry, warm
from bench_host import empty_host, on_host, play

UNITS = ("prometheus", "alertmanager", "exporter", "node-exporter", "redis-exporter", "blackbox-exporter")
IDLE_SECONDS = 120
# Clock ticks in a second, in which the kernel counts a process' time.
TICKS = os.sysconf("SC_CLK_TCK")


def switch(verb: str) -> None:
    """Start or stop all of it, and let it settle."""
    on_host("systemctl", verb, *(f"ai-backend-{unit}.service" for unit in UNITS))
    time.sleep(5)


def pid(unit: str) -> str:
    """Main process of a unit."""
    return on_host("systemctl", "show", "--property", "MainPID", "--value", f"ai-backend-{unit}.service").strip()


def ticks(unit: str) -> int:
    """The processor time of a unit's process: user and system."""
    fields = on_host("cat", f"/proc/{pid(unit)}/stat").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def used(before: dict[str, int]) -> float:
    """Seconds of a processor that all units used since then."""
    return sum(ticks(unit) - before[unit] for unit in UNITS) / TICKS


def turns(gateway: Gateway, number: int, seconds: float) -> tuple[float, float, float]:
    """(share of the throughput that is lost, ms that the median answer takes longer, share of all processors that the
    units use while clients ask as fast as they can), medians of the turns."""
    lost, longer, busy_share = [], [], []
    for turn in range(number):
        found: dict[tuple[str, int], dict[str, float]] = {}
        # Each begins as often as the other: a shared machine gets slower or faster.
        for verb in ("start", "stop") if turn % 2 else ("stop", "start"):
            switch(verb)
            for clients in CLIENTS:
                before = {unit: ticks(unit) for unit in UNITS} if verb == "start" else {}
                answers = load(gateway, clients, seconds)
                if before and clients == max(CLIENTS):
                    busy_share.append(used(before) / answers["seconds"] / (os.cpu_count() or 1))
                if answers["failed"]:
                    sys.exit(f"{answers['failed']} of {answers['requests']} requests failed")
                found[verb, clients] = answers
        busy = max(CLIENTS)
        rates = {verb: found[verb, busy]["requests"] / found[verb, busy]["seconds"] for verb in ("start", "stop")}
        medians = {verb: found[verb, 1]["median_ms"] for verb in ("start", "stop")}
        lost.append(1 - rates["start"] / rates["stop"])
        longer.append(medians["start"] - medians["stop"])
        print(
            f"turn {turn + 1}: with {rates['start']:.1f} and without {rates['stop']:.1f} requests/s, "
            f"median {medians['start']:.1f} and {medians['stop']:.1f} ms",
            flush=True,
        )
    return statistics.median(lost), statistics.median(longer), statistics.median(busy_share)


def main() -> None:
    """Print each number; the last line is the throughput that monitoring costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=6, help="turns of each (default 6)")
    parser.add_argument("--seconds", type=float, default=20, help="seconds of one measurement (default 20)")
    arguments = parser.parse_args()
    with empty_host() as secrets, engine():
        changed = {**registry("", cache=True, clients=0), "ai_backend_monitoring": {"enabled": True}}
        play("playbooks/deploy.yml", "-e", json.dumps(changed))
        gateway = Gateway("ours", 4000, (secrets / "LITELLM_MASTER_KEY").read_text().strip())
        warm(gateway)
        print(f"{os.cpu_count()} cores for host, engine and clients, load before {os.getloadavg()[0]:.1f}")
        lost, longer, busy = turns(gateway, arguments.turns, arguments.seconds)
        switch("start")
        before = {unit: ticks(unit) for unit in UNITS}
        time.sleep(IDLE_SECONDS)
        total = 0.0
        for unit in UNITS:
            idle = (ticks(unit) - before[unit]) / TICKS / IDLE_SECONDS
            held = memory(f"/proc/{pid(unit)}/smaps_rollup")
            total += held
            print(f"{unit}: {100 * idle:.2f} % of a core, {held:.0f} MB")
    print(f"monitoring_memory: {total:.0f} MB")
    print(f"monitoring_processors_under_load: {100 * busy:.2f} %")
    print(f"monitoring_p50_more: {longer:.2f} ms")
    print(f"monitoring_throughput_lost: {100 * lost:.1f} %")


if __name__ == "__main__":
    main()
