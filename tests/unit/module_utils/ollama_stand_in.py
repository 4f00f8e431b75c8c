"""The simulator of Ollama as a process, on a store and with a hub of a test."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.server import OllamaError, Server
from toolcache import ROOT

SIMULATOR = ROOT / "tests/simulators/ollama.py"
GGUF = b"GGUF" + bytes(range(200)) * 50


def program(folder: pathlib.Path) -> pathlib.Path:
    """The simulator, laid out as a release is, with a hub below the folder."""
    target = folder / "ollama/bin/ollama"
    if not target.exists():
        target.parent.mkdir(parents=True)
        text = SIMULATOR.read_text().replace("/srv/ollama-hub", str(folder / "hub"))
        target.write_text(text.replace("#!/usr/bin/python3", f"#!{sys.executable}"))
        target.chmod(0o755)
        (folder / "ollama/lib/ollama").mkdir(parents=True)
        (folder / "ollama/lib/ollama/llama-server").write_text("")
    return target


def publish(folder: pathlib.Path, name: str, content: bytes = GGUF) -> str:
    """Offer a model on the hub; returns its digest."""
    model, _colon, tag = name.partition(":")
    blobs, manifest = folder / "hub/blobs", folder / f"hub/manifests/registry.ollama.ai/library/{model}/{tag}"
    blobs.mkdir(parents=True, exist_ok=True)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    layers = []
    for media, data in (("image.model", content), ("container.image", b"{}\n")):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / f"sha256-{digest}").write_bytes(data)
        entry = {"mediaType": f"application/vnd.ollama.{media}", "digest": f"sha256:{digest}", "size": len(data)}
        layers.append(entry)
    text = json.dumps({"schemaVersion": 2, "config": layers[1], "layers": layers[:1]})
    manifest.write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def serving(folder: pathlib.Path, store: pathlib.Path | None = None) -> Iterator[Server]:
    """A server on a store; it starts in a tenth of a second."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "HOME": str(folder), "OLLAMA_HOST": f"127.0.0.1:{port}"}
    environment |= {"OLLAMA_MODELS": str(store or folder / "store"), "OLLAMA_NOPRUNE": "1"}
    process = subprocess.Popen([program(folder), "serve"], env=environment, stderr=subprocess.DEVNULL)
    server, end = Server(f"http://127.0.0.1:{port}"), time.monotonic() + 20
    try:
        while True:
            try:
                server.version()
                break
            except OllamaError:
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait()
