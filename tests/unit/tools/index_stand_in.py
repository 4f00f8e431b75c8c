"""A package index on loopback that fails as real ones do."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator

NAME = "a_package-1.0-py3-none-any.whl"


class Index(http.server.BaseHTTPRequestHandler):
    """One package with one wheel; `fault` says what goes wrong with the wheel."""

    fault = ""
    protocol_version = "HTTP/1.0"
    stopped: threading.Event

    def do_GET(self) -> None:
        if self.path.endswith(".whl"):
            if self.fault == "slow":
                self.stopped.wait(30)
            self.answer(b"PK\x03\x04 half of it", promised=100_000 if self.fault == "cut off" else None)
        else:
            self.answer(f'<html><body><a href="/files/{NAME}">{NAME}</a></body></html>'.encode(), kind="text/html")

    def answer(self, body: bytes, promised: int | None = None, kind: str = "application/octet-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing: a test's output is its own."""


@contextlib.contextmanager
def index(fault: str) -> Iterator[str]:
    """Its address; it is there as long as the block."""
    handler = type("Faulty", (Index,), {"fault": fault, "stopped": threading.Event()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        handler.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
