#!/usr/bin/env python3
"""What a deploy and a reload cost that have nothing to do: the whole spine on one host."""

from __future__ import annotations

import argparse
import statistics

from bench_host import Clock, empty_host, play, remote_tasks


def measure(playbook: str, runs: int) -> tuple[list[float], list[float]]:
    """(wall, controller's CPU) seconds of runs that must change nothing."""
    walls, cpus = [], []
    for _index in range(runs):
        clock = Clock()
        recap = play(playbook).rstrip().splitlines()[-1]
        walls.append(clock.wall)
        cpus.append(clock.cpu)
        if "changed=0" not in recap:
            raise SystemExit(f"a run changed something: {recap}")
    print(f"{playbook}: {runs} runs, wall {min(walls):.1f} to {max(walls):.1f} s")
    return walls, cpus


def main() -> None:
    """Deploy once, then measure runs that change nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="measured runs of each playbook (default 7)")
    runs = parser.parse_args().runs
    with empty_host():
        play("playbooks/deploy.yml")
        reloads, _cpus = measure("playbooks/reload.yml", runs)
        deploys, cpus = measure("playbooks/deploy.yml", runs)
        tasks = remote_tasks(play("playbooks/deploy.yml", ANSIBLE_STDOUT_CALLBACK="ansible.posix.json"))
    print(f"noop_controller_cpu: {statistics.median(cpus):.1f} s")
    print(f"noop_remote_tasks: {tasks} tasks")
    print(f"noop_reload_wall: {statistics.median(reloads):.1f} s")
    print(f"noop_wall: {statistics.median(deploys):.1f} s")


if __name__ == "__main__":
    main()
