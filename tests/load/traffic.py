"""Steady traffic for tests and benches: the client and the paced engine, each a process of its own.

Its own processes: a controller that is busy with Ansible would stall the client's loop, and the numbers would be the
controller's.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
# Seconds until everything has to run without a failure.
PATIENCE = 90


class Traffic:
    """A running client; see steady.py for what its documents hold."""

    def __init__(self, process: subprocess.Popen[str], streams: int) -> None:
        self.process = process
        self.streams = streams

    def report(self) -> dict[str, Any]:
        """The document of the stretch since the last report."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._read()

    def steady(self) -> None:
        """Wait until a second goes by without a failure and with all streams open; the stretch begins then."""
        end = time.monotonic() + PATIENCE
        while True:
            time.sleep(1)
            seen = self.report()
            if (
                seen["requests"]["sent"]
                and not seen["requests"]["failed"]
                and not seen["streams"]["refused"]
                and seen["streams"]["open"] == self.streams
            ):
                return
            if time.monotonic() > end:
                raise TimeoutError(f"no steady traffic within {PATIENCE} s: {seen}")

    def stop(self) -> dict[str, Any]:
        """Let open answers finish; the document of the last stretch."""
        self.process.terminate()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the client ended with {self.process.wait()}")
        document: dict[str, Any] = json.loads(line)
        return document


@contextmanager
def steady_traffic(url: str, key: str, rate: float = 10, streams: int = 10) -> Iterator[Traffic]:
    """Ask `url` until the block ends; it begins when all is steady."""
    command = [sys.executable, str(HERE / "steady.py"), "--url", url, "--rate", str(rate), "--streams", str(streams)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "STEADY_KEY": key},
    )
    traffic = Traffic(process, streams)
    try:
        traffic.steady()
        yield traffic
    finally:
        process.kill()
        process.wait()


@contextmanager
def paced_engine(address: str, port: int) -> Iterator[None]:
    """A slow model, served from the controller's side of the bridge: it outlives whatever befalls the host."""
    command = [sys.executable, str(HERE / "paced_engine.py"), address, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "serving\n":
            raise RuntimeError(f"the paced engine ended with {process.wait()}")
        try:
            yield
        finally:
            process.kill()
