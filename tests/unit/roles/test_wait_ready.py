"""What waits for an engine that systemd starts: until it is ready, or has ended."""

from __future__ import annotations

import http.server
import os
import pathlib
import socket
import socketserver
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOOL = ROOT / "roles" / "service" / "files" / "wait_ready.py"


class Handler(http.server.BaseHTTPRequestHandler):
    """An engine that loads for its first two answers."""

    asked = 0

    def do_GET(self) -> None:
        Handler.asked += 1
        self.send_response(200 if Handler.asked > 2 else 503)
        self.end_headers()

    def address_string(self) -> str:
        return ""

    def log_message(self, *_: object) -> None:
        """It writes no log."""


def waited(path: pathlib.Path, pid: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MAINPID": str(pid)}
    argv = [sys.executable, str(TOOL), str(path), "/health"]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_it_ends_when_the_engine_is_ready(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s"
    with socketserver.UnixStreamServer(str(path), Handler) as engine:
        threading.Thread(target=engine.serve_forever, args=(0.01,), daemon=True).start()
        assert waited(path, os.getpid()).returncode == 0
        engine.shutdown()
    assert Handler.asked == 3


def test_it_ends_when_the_engine_has_ended(tmp_path: pathlib.Path) -> None:
    """The start of an engine that ended at once counted as running for minutes, and all of its group waited."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    with socket.socket(socket.AF_UNIX):
        done = waited(tmp_path / "nobody", ended.pid)
    assert (done.returncode, "the engine has ended" in done.stderr) == (1, True)
