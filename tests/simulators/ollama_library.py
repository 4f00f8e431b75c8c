"""A simulator of the library that Ollama pulls from, over HTTP: what `ollama.py` has in its hub folder.

Written after what Ollama's source of 2026-08 asks and expects (server/images.go, server/download.go). Below
`/v2/<namespace>/<model>/`, `manifests/<tag>` is the manifest as it was published, and `blobs/<digest>` sends a client
on to storage at another address, which knows ranges. What is not there is 404. Logins and uploads are not simulated.
"""

from __future__ import annotations

import http.server
import json
import pathlib
import re
import threading
from typing import Any

HOST = "registry.ollama.ai"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
MANIFEST = re.compile(rf"/v2/({NAME}/{NAME})/manifests/({NAME})")
BLOB = re.compile(rf"/v2/{NAME}/{NAME}/blobs/(sha256:[0-9a-f]{{64}})")
STORED = re.compile(r"/storage/(sha256:[0-9a-f]{64})")
MEDIA = "application/vnd.docker.distribution.manifest.v2+json"


class Library(http.server.ThreadingHTTPServer):
    """Serves a hub folder. `asked` has the path and the headers of each request; `cuts` ends so many answers early."""

    daemon_threads = True

    def __init__(self, hub: pathlib.Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.cuts: list[int] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    @property
    def storage(self) -> str:
        """The same machine under another name: another server, as far as a client can tell."""
        return f"http://localhost:{self.server_port}/storage/"

    def handle_error(self, *_: Any) -> None:
        """A client that gives up is what some tests want."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Library

    def log_message(self, *_: Any) -> None:
        """It writes no log."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        if found := MANIFEST.fullmatch(self.path):
            self.send_file(self.server.hub / "manifests" / HOST / found[1] / found[2], MEDIA)
        elif found := BLOB.fullmatch(self.path):
            self.send_on(found[1])
        elif found := STORED.fullmatch(self.path):
            self.send_file(self.blob(found[1]), "application/octet-stream")
        else:
            self.refuse("page not found")

    do_HEAD = do_GET  # noqa: N815 - the name of the base class

    def blob(self, digest: str) -> pathlib.Path:
        return self.server.hub / "blobs" / digest.replace(":", "-")

    def refuse(self, words: str) -> None:
        text = json.dumps({"errors": [{"code": "UNKNOWN", "message": words}]}).encode()
        self.send_response(404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def send_on(self, digest: str) -> None:
        if not self.blob(digest).is_file():
            self.refuse("blob unknown")
            return
        self.send_response(307)
        self.send_header("Location", self.server.storage + digest)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_file(self, path: pathlib.Path, kind: str) -> None:
        if not path.is_file():
            self.refuse("manifest unknown")
            return
        content, start = path.read_bytes(), 0
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(asked[1])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) if not self.server.cuts or kind == MEDIA else start + self.server.cuts.pop(0)
        if self.command != "HEAD":
            self.wfile.write(content[start:end])
