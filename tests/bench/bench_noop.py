#!/usr/bin/env python3
"""What a deploy costs that has nothing to do: the whole spine on one host."""

from __future__ import annotations

import argparse
import statistics

from bench_host import Clock, empty_host, play, remote_tasks


def main() -> None:
    """Deploy once, then measure deploys that change nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="measured runs (default 7)")
    runs = parser.parse_args().runs
    with empty_host():
        play("playbooks/deploy.yml")
        walls, cpus = [], []
        for _index in range(runs):
            clock = Clock()
            recap = play("playbooks/deploy.yml").rstrip().splitlines()[-1]
            walls.append(clock.wall)
            cpus.append(clock.cpu)
            if "changed=0" not in recap:
                raise SystemExit(f"a run changed something: {recap}")
        tasks = remote_tasks(play("playbooks/deploy.yml", ANSIBLE_STDOUT_CALLBACK="ansible.posix.json"))
    print(f"runs {runs}, wall {min(walls):.1f} to {max(walls):.1f} s")
    print(f"noop_controller_cpu: {statistics.median(cpus):.1f} s")
    print(f"noop_remote_tasks: {tasks} tasks")
    print(f"noop_wall: {statistics.median(walls):.1f} s")


if __name__ == "__main__":
    main()
