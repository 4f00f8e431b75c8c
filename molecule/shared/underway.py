"""A run of a playbook that something happens to: stopped at a task, killed, or watched from the host."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from fleet import PROJECT, Machine, Run, command

# Polls twenty times a second until a shell condition holds, then acts; fails after two minutes.
WHEN = "n=0; until {condition}; do n=$((n + 1)); [ $n -lt 2400 ] || exit 1; sleep 0.05; done; {action}"

# What docker exec started in the container, with all below it, but for this shell itself: the module that runs there.
KILL_MODULES = """
end() { for child in $(pgrep -P $1); do end $child; done; kill -KILL $1; }
for pid in $(pgrep -P 0); do
  [ $pid = 1 ] || [ $pid = $$ ] || end $pid
done 2> /dev/null
true
"""


class Underway:
    """A playbook that runs in the background."""

    def __init__(self, playbook: str, *arguments: str, extra: dict[str, Any] | None = None) -> None:
        self.output = ""
        self.process = subprocess.Popen(
            command(playbook, *arguments, extra=extra),
            cwd=PROJECT,
            # Where skipped hosts are not shown, a task is not named before it has ended.
            env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Underway:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing outlives a test."""
        if self.process.poll() is None:
            self.kill()

    def until(self, task: str) -> None:
        """Return when a task begins."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if line.startswith("TASK [") and task in line:
                return
        raise AssertionError(f"task {task!r} never began: {self.output}")

    def kill(self) -> None:
        """SIGKILL the controller: Ansible and all its workers, which have process groups of their own."""
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def finish(self, seconds: float = 300) -> Run:
        """Wait for its end."""
        rest, _nothing = self.process.communicate(timeout=seconds)
        self.output += rest
        return Run(self.process.returncode, self.output)


def unlocked(attempt: Callable[[], Run]) -> Run:
    """The first run that is not refused because the host is taken: a module may outlive its controller a while."""
    end = time.monotonic() + 60
    while "is being changed by" in " ".join((run := attempt()).output.split()):
        assert time.monotonic() < end, f"the host stays locked: {run.output}"
        time.sleep(1)
    return run


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and those that they started."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in map(int, children):
            yield child
            yield from descendants(child)


def when(machine: Machine, condition: str, action: str) -> subprocess.Popen[str]:
    """On the host: act as soon as a shell condition holds."""
    script = WHEN.format(condition=condition, action=action)
    return subprocess.Popen(["docker", "exec", machine.container, "sh", "-c", script], text=True)
