"""Patterns and aliases of a LiteLLM config, asked at LiteLLM's own proxy and at the gateway of the import.

The same server gets the same model, or the report names it.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import BOOT_SECONDS, MASTER_KEY, ROOT, Slot, free_port, planned
from imports import CORPUS, made_of, names_in

Plain = dict[str, Any]
CONFIGS = ("aliases", "catch-all", "wildcards-with-prefix", "wildcards-without-prefix")
CHAT = "/v1/chat/completions"
# Of two servers, each is asked once in so many questions.
TIMES = 30
# LiteLLM refuses a short one.
PROXY_KEY = "sk-" + os.urandom(32).hex()


class Server(http.server.BaseHTTPRequestHandler):
    """Stands for all servers of a config, whose hosts are parts of its path; keeps what it is asked: (path, model)."""

    asked: list[tuple[str, str]]

    def do_POST(self) -> None:
        """One answer, of OpenAI's API or Ollama's."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, body["model"]))
        message = {"role": "assistant", "content": "ok"}
        common = {"model": body["model"], "message": message, "done": True, "done_reason": "stop"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        openai = {"id": "c", "created": 1, "object": "chat.completion", "model": body["model"]}
        ollama = {**common, "created_at": "2026-01-01T00:00:00Z", "prompt_eval_count": 1, "eval_count": 1}
        found = ollama if self.path.endswith("/api/chat") else {**openai, "choices": [choice], "usage": usage}
        data = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@dataclass
class Asked:
    """What a name led to, before the import and after it: {(path, model)} that servers were asked."""

    before: set[tuple[str, str]]
    after: set[tuple[str, str]]


def here(config: Plain, port: int) -> Plain:
    """A config whose servers are all on this machine; entries without an address are left out."""
    text = re.sub(r"http://([\d.]+)(?::(\d+))?", rf"http://127.0.0.1:{port}/\1-\2", json.dumps(config))
    found: Plain = json.loads(text)
    found["model_list"] = [row for row in found["model_list"] if "api_base" in row["litellm_params"]]
    return found


class Proxy:
    """LiteLLM's own proxy with a config."""

    def __init__(self, python: str, config: Plain, folder: pathlib.Path) -> None:
        self.port = free_port()
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        start = "from litellm.proxy.proxy_cli import run_server; run_server()"
        words = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(self.port)]
        # The checks' own environment may hold an address of a server or a key.
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        self.log = folder / "log"
        self.process = subprocess.Popen(
            [python, "-c", start, *words],
            cwd=folder,
            env={**environment, "LITELLM_MASTER_KEY": PROXY_KEY, "HOUSE_KEY": "of-the-test", "NO_PROXY": "*"},
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )

    def ask(self, name: str) -> None:
        """One chat; the answer does not matter."""
        body = json.dumps({"model": name, "messages": [{"role": "user", "content": "hi"}]}).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {PROXY_KEY}"}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{CHAT}", body, headers)
        try:
            urllib.request.urlopen(asked, timeout=60).read()
        except urllib.error.HTTPError as error:
            error.close()

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/readiness", timeout=5).close()
                return
            except OSError:
                time.sleep(0.3)
        raise RuntimeError(f"LiteLLM did not start: {self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="module", params=CONFIGS)
def compared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Plain, dict[str, Asked]]]:
    """(the report of the import, {name: what it led to})."""
    (path,) = (path for path in CORPUS if path.stem == request.param)
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    asked: list[tuple[str, str]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Server,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = here(yaml.safe_load(path.read_text()), server.server_address[1])
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "proxy").mkdir()
    made = made_of(config)
    raw: Plain = {"cache": {"enabled": False}}
    for text in made["files"].values():
        raw |= {key.removeprefix("ai_backend_"): part for key, part in yaml.safe_load(text).items()}
    secrets = dict.fromkeys(raw.get("secrets", {}), "of-the-test")
    proxy = Proxy(python, config, folder / "proxy")
    slot = Slot(python, planned({**raw, "secrets": secrets}), secrets, 1, folder / "slot")
    found = {}
    try:
        proxy.wait()
        slot.wait()
        for name in names_in(config):
            asked.clear()
            for _time in range(TIMES):
                proxy.ask(name)
            before = set(asked)
            asked.clear()
            for _time in range(TIMES):
                slot.ask(MASTER_KEY, model=name)
            found[name] = Asked(before, set(asked))
        yield made["report"], found
    finally:
        proxy.stop()
        slot.stop()
        server.shutdown()


def is_named(report: Plain, name: str) -> bool:
    """Whether the report tells that something of a name is another one."""
    globs = {row for finding in report["findings"] for row in finding["names"] if "*" in row}
    mine = {name, *(glob for glob in globs if name.startswith(glob.partition("*")[0]))}
    changed = {one for row in report["findings"] if row["fate"] != "kept" for one in row["names"]}
    return bool(mine & {*changed, *report["names"]["lost"]})


def test_a_name_leads_to_the_same_server_and_model(compared: tuple[Plain, dict[str, Asked]]) -> None:
    report, found = compared
    differ = {
        name: asked
        for name, asked in found.items()
        if asked.before != asked.after and asked.before and not is_named(report, name)
    }
    assert differ == {}


def test_most_names_are_answered_by_both(compared: tuple[Plain, dict[str, Asked]]) -> None:
    """What only differs proves nothing."""
    _report, found = compared
    same = [name for name, asked in found.items() if asked.before and asked.before == asked.after]
    assert len(same) * 2 > len([name for name, asked in found.items() if asked.before]) > 0
