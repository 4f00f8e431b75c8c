# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The few systemctl calls we need. Where there is no systemd (a check run on a bare machine) every unit is inactive."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

# Runs a command within so many seconds: (exit code, standard output and error together).
Run = Callable[..., tuple[int, str]]

PROPERTIES = (
    "ActiveState",
    "SubState",
    "Result",
    "MainPID",
    "NRestarts",
    "UnitFileState",
    "ExecMainStartTimestampMonotonic",
    "StateChangeTimestampMonotonic",
    "MemoryCurrent",
    "MemoryMax",
)


class SystemdError(Exception):
    pass


def run_command(argv: Sequence[str], timeout: float = 900) -> tuple[int, str]:
    """(exit code, standard output and error together) of a command; 127 where it does not exist, 124 where it hangs."""
    try:
        # Not module.run_command: this code also runs, and is tested, without a module around it.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False
        )
    except FileNotFoundError:
        return 127, f"{argv[0]}: not found"
    except subprocess.TimeoutExpired:
        look = "`systemctl list-jobs` and `journalctl -n 50` on the host show what it waits for"
        return 124, f"`{' '.join(argv)}` did not end within {timeout:g} s and was stopped: {look}"
    return done.returncode, done.stdout.decode("utf-8", "replace")


def wall_clock(monotonic_microseconds: str | None) -> float:
    """systemd's monotonic stamp as seconds since the epoch, comparable with a file's mtime."""
    return time.time() - time.monotonic() + int(monotonic_microseconds or 0) / 1e6


class Unit:
    """What systemd shows of one unit now."""

    def __init__(self, name: str, properties: Mapping[str, str]) -> None:
        self.name = name
        self.properties = properties

    @property
    def active(self) -> bool:
        return self.properties.get("ActiveState") in ("active", "reloading")

    @property
    def begins(self) -> bool:
        return self.properties.get("ActiveState") == "activating"

    @property
    def stopped(self) -> bool:
        return self.properties.get("ActiveState", "inactive") in ("inactive", "failed")

    @property
    def failed(self) -> bool:
        return self.properties.get("ActiveState") == "failed"

    @property
    def enabled(self) -> bool:
        return self.properties.get("UnitFileState") == "enabled"

    @property
    def pid(self) -> int:
        return int(self.properties.get("MainPID") or 0)

    @property
    def restarts(self) -> int:
        return int(self.properties.get("NRestarts") or 0)

    @property
    def started(self) -> float:
        return wall_clock(self.properties.get("ExecMainStartTimestampMonotonic"))

    @property
    def state_changed(self) -> float:
        return wall_clock(self.properties.get("StateChangeTimestampMonotonic"))

    @property
    def memory(self) -> str:
        """`410 of 12000 MB`, of its limit; `-` where systemd counts none."""
        used, most = (self.properties.get(name, "") for name in ("MemoryCurrent", "MemoryMax"))
        if not used.isdecimal():
            return "-"
        limit = f" of {int(most) // 10**6}" if most.isdecimal() else ""
        return f"{int(used) // 10**6}{limit} MB"

    def describe(self) -> str:
        return f"{self.properties.get('ActiveState', 'inactive')} ({self.properties.get('SubState', 'dead')})"


class Systemd:
    def __init__(self, run: Run = run_command) -> None:
        self.run = run

    def call(self, *arguments: str) -> str:
        code, output = self.run(["systemctl", *arguments])
        if code != 0:
            raise SystemdError(f"systemctl {' '.join(arguments)} failed ({code}): {output.strip()}")
        return output

    def unit(self, name: str) -> Unit:
        code, output = self.run(["systemctl", "show", name, "--property", ",".join(PROPERTIES)])
        pairs = (line.partition("=") for line in output.splitlines()) if code == 0 else ()
        return Unit(name, {key: value for key, separator, value in pairs if separator})

    def units(self, names: Sequence[str]) -> dict[str, Unit]:
        """{name: what systemd shows of it}, with one call for all."""
        if not names:
            return {}
        code, output = self.run(["systemctl", "show", *names, "--property", ",".join(PROPERTIES)])
        blocks = output.split("\n\n") if code == 0 else []
        found = {}
        for name, block in itertools.zip_longest(names, blocks[: len(names)], fillvalue=""):
            pairs = (line.partition("=") for line in block.splitlines())
            found[name] = Unit(name, {key: value for key, separator, value in pairs if separator})
        return found

    def journal(self, name: str, lines: int = 20) -> list[str]:
        # Without what a service writes of each request.
        words = ["--priority", "info", "--lines", str(lines), "--no-pager", "--output", "cat", "--quiet"]
        code, output = self.run(["journalctl", "--unit", name, *words])
        return output.strip().splitlines() if code == 0 else []
