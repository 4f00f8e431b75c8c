"""Each well-known cloud through the locked LiteLLM: what arrives at its address, with which key and model."""

from __future__ import annotations

import http.server
import json
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import ROOT, Slot, planned

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.remote.well_known import CLOUDS

Plain = dict[str, Any]
# Names as these clouds have them: LiteLLM must not take a part of one for a prefix.
MODELS = {"openrouter": "meta-llama/llama-3.1-8b", "together": "Qwen/Qwen2.5-7B", "fireworks": "accounts/a/models/m"}


class Recording(http.server.BaseHTTPRequestHandler):
    """Answers every path, and keeps what was asked: {path: (key, name of the model)}."""

    seen: dict[str, tuple[str, str]] = {}

    def do_POST(self) -> None:
        """One answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen[self.path] = (self.headers.get("authorization", ""), body["model"])
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        # LiteLLM's client for Groq reads the tier, which the others may leave out.
        common = {"id": "c", "created": 1, "object": "chat.completion", "service_tier": "on_demand"}
        data = json.dumps({**common, "model": body["model"], "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int | Plain, tuple[str, str] | None]]]:
    """{cloud: (status of the answer or its error, what arrived at its address)}."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recording)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    providers: Plain = {
        kind: {"type": kind, "base_url": f"{base}/{kind}/v1", "models": [MODELS.get(kind, f"a-model-of-{kind}")]}
        for kind in CLOUDS
    }
    keys = {known.env_var: f"key-of-{kind}" for kind, known in CLOUDS.items()}
    row = planned({"providers": providers, "cache": {"enabled": False}, "secrets": keys})
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    slot = Slot(python, row, keys, 1, tmp_path_factory.mktemp("clouds") / "slot")
    slot.wait()
    found = {}
    for kind in CLOUDS:
        answer = slot.ask("sk-contract", model=providers[kind]["models"][0])
        status = answer.status if answer.status == 200 else answer.body
        found[kind] = status, Recording.seen.get(f"/{kind}/v1/chat/completions")
    yield found
    slot.stop()
    server.shutdown()


@pytest.mark.parametrize("kind", CLOUDS)
def test_a_cloud_gets_the_request_at_its_address(asked: dict[str, Any], kind: str) -> None:
    assert asked[kind] == (200, (f"Bearer key-of-{kind}", MODELS.get(kind, f"a-model-of-{kind}")))
