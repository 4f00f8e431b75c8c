"""A hub on loopback, with one repository at one commit."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"  # pragma: allowlist secret


class Hub(http.server.ThreadingHTTPServer):
    """Lists and gives files as the hub does; large ones from another address, as from its storage."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], storage: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.given, self.storage, self.commit = files, dict(files), storage, COMMIT
        self.asked: list[tuple[str, str]] = []
        self.key = ""
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, *_: Any) -> None:
        """A client that gives up is what some tests want."""

    def listing(self) -> dict[str, Any]:
        siblings = []
        for name, content in self.files.items():
            blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
            one: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": blob}
            if name.endswith("safetensors"):
                one |= {"blobId": "0" * 40, "lfs": {"sha256": hashlib.sha256(content).hexdigest()}}
            siblings.append(one)
        return {"sha": self.commit, "siblings": siblings}


class Handler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].lstrip("/")
        self.server.asked.append((path, self.headers.get("Authorization", "")))
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self.send_error(401)
            return
        if path == f"api/models/org/model/revision/{COMMIT}":
            self.answer(json.dumps(self.server.listing()).encode())
            return
        name = path.removeprefix(f"org/model/resolve/{COMMIT}/").removeprefix("cache/")
        if path.startswith("org/") and name.endswith((".safetensors", "config.json")):
            place = self.server.storage if name.endswith(".safetensors") and self.server.storage else "/cache/"
            self.send_response(302)
            self.send_header("Location", place + name)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.answer(self.server.given[name])

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """It writes no log."""
