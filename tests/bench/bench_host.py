"""The empty host that benches deploy to, and the clock they read."""

from __future__ import annotations

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

ROOT = pathlib.Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "tests" / "bench" / "inventory"
# As it ships, with a model that needs no download.
REGISTRY = INVENTORY / "group_vars" / "all"
ADDRESS = "198.18.42.11"
# The machine that benches run on, as its containers see it.
MACHINE = "198.18.42.1"
CONTAINER = "lab-ai-backend-bench-gpu1"


def play(path: str, *arguments: str, nice: int = 0, **environment: str) -> str:
    """Run a playbook against the bench's inventory, as nice as that. Its failure ends the program with its output."""
    command = ["nice", f"-n{nice}", str(pathlib.Path(sys.executable).with_name("ansible-playbook"))]
    command += ["-i", str(INVENTORY), path, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{path} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def on_host(*command: str) -> str:
    """Standard output of a command on the host."""
    done = subprocess.run(["docker", "exec", CONTAINER, *command], capture_output=True, text=True, check=True)
    return done.stdout


@contextmanager
def empty_host() -> Iterator[pathlib.Path]:
    """A host that has nothing of ours; yields the controller's folder for its secrets."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AI_BACKEND_BENCH_FOLDER"] = folder
        play("molecule/shared/destroy.yml")
        play("molecule/shared/create.yml")
        try:
            yield pathlib.Path(folder) / "secrets"
        finally:
            play("molecule/shared/destroy.yml")


class Clock:
    """Wall and child CPU seconds since it was made."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.cpu_begin = self._cpu()

    @staticmethod
    def _cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    @property
    def wall(self) -> float:
        """Seconds."""
        return time.monotonic() - self.begin

    @property
    def cpu(self) -> float:
        """CPU seconds of finished child processes: the controller's side of a play."""
        return self._cpu() - self.cpu_begin


def remote_tasks(report: str) -> int:
    """Module runs on hosts in a report of the ansible.posix.json callback."""
    local = {
        "assert",
        "debug",
        "fail",
        "group_by",
        "include_role",
        "include_tasks",
        "set_fact",
        "validate_argument_spec",
    }
    content = json.loads(report[report.index("{") :])
    return sum(
        not result.get("skipped") and result.get("asked", True) and result["action"].rpartition(".")[2] not in local
        for play_ in content["plays"]
        for task in play_["tasks"]
        for result in task["hosts"].values()
    )
