#!/usr/bin/env python3
"""What the record of a request costs the request, on the locked LiteLLM as a host runs it.

One worker, asked by one client that waits for each answer. Every second request is recorded: in the others, a header
of this bench makes the hook leave the record out, so both have the same process, engine, Redis and moment. The journal
is a socket of this bench, which reads it as fast as it comes. Shown are the median of the differences of each
pair, with the order of a pair changing from one to the next, and last the difference of the medians.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from gateway import MASTER_KEY, ROOT, Redis, Slot, UnixConnection, engine, free_port, plan

KEY = "sk-bench-" + "k" * 30
# Appended to the hook: without a record, nothing of it is done.
WITHOUT = """

import ai_backend_notes as _notes
import ai_backend_record as _record
_begin = _record.begin
_id_of = _record.id_of
_skip = [False]


def id_of(headers):
    _skip[0] = any(name == b"x-bench" for name, _value in headers)
    # Nor does an engine get the id then.
    return "" if _skip[0] else _id_of(headers)


_record.id_of = id_of
_record.begin = lambda *given: None if _skip[0] else _begin(*given)
"""


def journald(path: str) -> socket.socket:
    """A journal that takes everything."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)

    def read() -> None:
        while listener.recv(65536):
            pass

    threading.Thread(target=read, daemon=True).start()
    return listener


class Client:
    """One connection that stays open, as the edge keeps its own."""

    def __init__(self, path: str) -> None:
        self.connection: http.client.HTTPConnection = UnixConnection(path, 60)

    def ask(self, recorded: bool) -> float:
        """Milliseconds of one answer."""
        body = {"model": "alpha", "messages": [{"role": "user", "content": os.urandom(8).hex()}]}
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        headers |= {} if recorded else {"x-bench": "1"}
        data = json.dumps(body)
        began = time.perf_counter()
        self.connection.request("POST", "/v1/chat/completions", data, headers)
        response = self.connection.getresponse()
        response.read()
        milliseconds = (time.perf_counter() - began) * 1000
        if response.status != 200:
            sys.exit(f"the gateway answered {response.status}")
        return milliseconds


def measured(slot: Slot, pairs: int) -> tuple[list[float], list[float]]:
    """The times with a record and without, of each pair."""
    client = Client(slot.socket)
    for _ in range(60):
        client.ask(True)
        client.ask(False)
    on, off = [], []
    for pair in range(pairs):
        for recorded in (pair % 2 == 0, pair % 2 == 1):
            (on if recorded else off).append(client.ask(recorded))
    return on, off


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3000, help="of each kind")
    options = parser.parse_args()
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    redis = Redis(free_port())
    redis.start()
    with tempfile.TemporaryDirectory() as name, engine() as port:
        folder = pathlib.Path(name)
        _journal = journald(str(folder / "journal"))

        def change(files: pathlib.Path) -> None:
            hook = files / "ai_backend_auth.py"
            hook.write_text(hook.read_text() + WITHOUT)
            record = files / "ai_backend_record_file.py"
            record.write_text(record.read_text().replace("/run/systemd/journal/socket", str(folder / "journal")))

        row = plan(port, redis.port, {"free": {}}, ["alpha"])
        slot = Slot(python, row, {"AI_BACKEND_CLIENT_FREE": KEY}, 1, folder / "blue", change=change)
        try:
            slot.wait()
            slot.ask(MASTER_KEY)
            on, off = measured(slot, options.requests)
            lines = slot.records.read_text().count("\n")
        finally:
            slot.stop()
            redis.kill()
    # Also those of the warm-up, and those before it.
    if not options.requests < lines < options.requests + 100:
        sys.exit(f"{lines} records of {options.requests} requests: the bench does not measure what it means to")
    for word, times in (("with", on), ("without", off)):
        shares = statistics.quantiles(times, n=100)
        print(f"bench-record-{word}: p50 {statistics.median(times):.3f} ms, p95 {shares[94]:.3f} ms")
    difference = statistics.median(one - other for one, other in zip(on, off, strict=True))
    print(f"bench-record-of-pairs: {difference:.3f} ms")
    print(f"bench-record: {statistics.median(on) - statistics.median(off):.3f} ms")


if __name__ == "__main__":
    main()
