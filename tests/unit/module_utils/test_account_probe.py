# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The probe of a page with accounts: it signs in, and looks for models; its words show no secret."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.asking import ProbeError
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.checks import run_once

PASSWORD = "correct-horse"  # pragma: allowlist secret
PROBE = {
    "kind": "account",
    "path": "/signin",
    "email": "a@b",
    "models_path": "/models",
    "models": ["a"],
    "key": {"file": "page.env", "name": "PASSWORD"},
}


class Page(http.server.BaseHTTPRequestHandler):
    """A page with one account."""

    refusal = (400, {"detail": "wrong"})
    models: tuple[str, ...] = ("a", "b")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = body == {"email": "a@b", "password": PASSWORD}
        self._send(*((200, {"token": "t1"}) if right else Page.refusal))

    def do_GET(self) -> None:
        signed_in = self.headers["Authorization"] == "Bearer t1"
        self._send(200 if signed_in else 401, {"data": [{"id": name} for name in Page.models]})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def port(layout: Layout) -> Iterator[int]:
    Page.refusal, Page.models = (400, {"detail": "wrong"}), ("a", "b")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    write(layout, PASSWORD)
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def write(layout: Layout, password: str) -> None:
    write_atomic(os.path.join(layout.secrets, "page.env"), f'PASSWORD="{password}"\n', 0o600)


def test_who_signs_in_finds_the_models(layout: Layout, port: int) -> None:
    run_once(layout, PROBE, port)


def test_a_model_that_is_not_listed_is_named(layout: Layout, port: int) -> None:
    with pytest.raises(ProbeError, match="GET /models does not list z"):
        run_once(layout, {**PROBE, "models": ["a", "z"]}, port)


def test_another_password_by_now_is_no_fault(layout: Layout, port: int) -> None:
    write(layout, "older-password")
    run_once(layout, PROBE, port)


@pytest.mark.parametrize("refusal", [(500, {"detail": "no database"}), (404, {"detail": "x"}), (429, {"detail": "x"})])
def test_a_page_that_can_not_sign_in_is_refused(layout: Layout, port: int, refusal: tuple[int, Any]) -> None:
    Page.refusal = refusal
    write(layout, "older-password")
    with pytest.raises(ProbeError, match=f"POST /signin answered {refusal[0]}") as raised:
        run_once(layout, PROBE, port)
    assert "older-password" not in str(raised.value)


def test_a_refusal_that_is_not_of_the_page_is_refused(layout: Layout, port: int) -> None:
    Page.refusal = (403, {"error": "a proxy"})
    write(layout, "older-password")
    with pytest.raises(ProbeError, match="answered 403"):
        run_once(layout, PROBE, port)
