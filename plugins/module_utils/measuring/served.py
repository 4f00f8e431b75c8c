# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the exporter answers: /metrics for Prometheus, and /status for who has the operator's key."""

from __future__ import annotations

import http.server
from collections.abc import Callable
from dataclasses import dataclass

from .operator_key import CHALLENGE, OperatorKey

# The page loads nothing and runs nothing; no other page shows it in a frame, and no cache keeps it.
PROTECTED = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Status:
    """The page, and who may read it."""

    key: OperatorKey
    page: Callable[[], str]


class Answer:
    """An answer of the exporter."""

    def __init__(self, status: int, text: str = "", kind: str = PLAIN, headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.kind, self.headers = status, text.encode("utf-8"), kind, headers or {}


def answer(path: str, authorization: str, metrics: Callable[[], str], status: Status | None) -> Answer:
    """The answer to GET. status: None on a host that has no page."""
    if path == "/metrics":
        return Answer(200, metrics())
    if path.partition("?")[0] == "/status" and status is not None:
        if not status.key.opens(authorization):
            return Answer(401, headers={"WWW-Authenticate": CHALLENGE, "Cache-Control": "no-store"})
        return Answer(200, status.page(), "text/html; charset=utf-8", PROTECTED)
    return Answer(404, "the measurements are at /metrics\n")


def handler(metrics: Callable[[], str], status: Status | None) -> type[http.server.BaseHTTPRequestHandler]:
    """Answers GET and HEAD; of other methods http.server knows nothing."""

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:  # the name that http.server calls
            self.send(body=True)

        def do_HEAD(self) -> None:  # likewise
            self.send(body=False)

        def send(self, body: bool) -> None:
            found = answer(self.path, self.headers.get("Authorization", ""), metrics, status)
            self.send_response(found.status)
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(found.body)))
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(found.body)

        def log_message(self, format: str, *args: object) -> None:  # as it is called there
            """Its journal has errors alone."""

    return Handler
