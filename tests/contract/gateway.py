"""A gateway as the plan makes it, as processes on loopback: slots of the locked LiteLLM, a Redis, and one engine."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.module_utils.host.secret_folder import for_hosts  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.asking import UnixConnection  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.services.redis import RIGHTS  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.cache import USER  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.validation import checked  # noqa: E402

Plain = dict[str, Any]
ROLE = ROOT / "roles" / "litellm"
MASTER_KEY, PASSWORD = "sk-" + "contract", "of-the-test"  # pragma: allowlist secret
BOOT_SECONDS = 240
# Tokens of each answer of the engine.
TOKENS = 10


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Engine(http.server.BaseHTTPRequestHandler):
    """Answers each chat with the same; `wait N` in the prompt: after N seconds, or as a stream over N seconds."""

    protocol_version = "HTTP/1.1"
    # Head and body are sent apart: without this, the second one waits for 40 ms.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """One answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        words = body["messages"][0]["content"].split()
        seconds = float(words[1]) if words[0] == "wait" else 0
        common = {"id": "c", "created": 1, "model": body["model"]}
        if body.get("stream"):
            self.stream({**common, "object": "chat.completion.chunk"}, seconds)
            return
        time.sleep(seconds)
        usage = {"prompt_tokens": TOKENS - 1, "completion_tokens": 1, "total_tokens": TOKENS}
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        data = json.dumps({**common, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, common: Plain, seconds: float) -> None:
        """A piece every tenth of a second."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        pieces = int(seconds * 10) + 1
        with contextlib.suppress(OSError):
            for number in range(pieces):
                finish = "stop" if number == pieces - 1 else None
                choice = {"index": 0, "delta": {"role": "assistant", "content": "ok "}, "finish_reason": finish}
                self.wfile.write(f"data: {json.dumps({**common, 'choices': [choice]})}\n\n".encode())
                self.wfile.flush()
                time.sleep(0.1 if seconds else 0)
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


def begin_in_a_minute() -> None:
    """Requests are counted by the minute of the clock: wait for another one if this one ends soon."""
    left = 60 - time.time() % 60
    if left < 15:
        time.sleep(left + 0.2)


@contextlib.contextmanager
def engine() -> Iterator[int]:
    """An engine that runs; its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


class Redis:
    """A Redis without a disk, as roles/redis runs it."""

    def __init__(self, port: int) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError(
                "there is no redis-server: run `apt-get install -y --no-install-recommends redis-server`"
            )
        self.program, self.port = program, port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it listens."""
        # A password in a command line is one of this test alone.
        # Where the edge has its port.
        words = f"--port {self.port} --bind 127.0.0.2 --appendonly no --save".split()
        users = f"--user default off --user {USER} on {RIGHTS} >{PASSWORD}".split()
        self.process = subprocess.Popen(
            [self.program, *words, "", *users], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.2", self.port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError("redis-server did not start")

    def kill(self) -> None:
        """As a host that loses its power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def plan(engine_port: int, redis_port: int, clients: Plain, models: list[str]) -> Plain:
    """The row of the gateway in the plan of a registry with one engine."""
    provider = {"type": "vllm", "managed": False, "base_url": f"http://127.0.0.1:{engine_port}", "models": models}
    raw = {
        "providers": {"engine": provider},
        "ports": {"services": {"redis": {"port": redis_port}}},
        "clients": clients,
        "webui": {"enabled": True, "urls": ["http://10.0.0.1:5000"], "client": "free"},
    }
    return planned(raw)


def planned(raw: Plain) -> Plain:
    """The row of the gateway in the plan of a registry."""
    _fleet, found = checked(raw, {"gateway": ["one"], "redis": ["one"]}, {"one": "127.0.0.1"})
    (row,) = (row for row in found["hosts"]["one"]["services"] if row["slots"])
    return dict(row)


@dataclass
class Answer:
    """What a caller got."""

    status: int
    body: Plain
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def error(self) -> Plain:
        """The content of `error`."""
        found: Plain = self.body["error"]
        return found


class Slot:
    """A slot of the gateway, started as roles/litellm starts it; `keys` are the keys of its clients.

    `state` is the folder that systemd would give it; `change` may alter the files of the release before it starts.
    """

    def __init__(
        self,
        python: str,
        row: Plain,
        keys: dict[str, str],
        workers: int,
        folder: pathlib.Path,
        state: pathlib.Path | None = None,
        change: Callable[[pathlib.Path], object] = lambda folder: None,
    ) -> None:
        folder.mkdir()
        self.socket, self.log = str(folder / "http.sock"), folder / "log"
        (folder / "config.yaml").write_text(row["config"]["config"])
        (folder / "clients.json").write_text(json.dumps(row["config"]["clients"]))
        # Where systemd would have made the folder.
        self.records = folder / "requests.jsonl"
        records = {**row["config"]["records"], "file": str(self.records)} if row["config"]["records"] else None
        (folder / "records.json").write_text(json.dumps(records))
        for file in (ROLE / "files").glob("ai_backend_*.py"):
            shutil.copy(file, folder)
        change(folder)
        role = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__litellm_environment"]
        values = {
            "LITELLM_MASTER_KEY": MASTER_KEY,
            "REDIS_PASSWORD": PASSWORD,
            "AI_BACKEND_ENGINE_KEY": "engine",
            **keys,
        }
        secrets = {name: for_hosts(name, values.get(name, "")) for name in row["secrets"]["litellm.env"]}
        extra = {name: value for name, value in keys.items() if name not in secrets}
        options = f"{self.socket} --config config.yaml --num_workers {workers}"
        options += " --keepalive_timeout 120" + (" --timeout_worker_healthcheck 120" if workers > 1 else "")
        self.process = subprocess.Popen(
            [python, "-m", "ai_backend_server", *options.split()],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "NO_PROXY": "*",
                "AI_BACKEND_RELEASE": folder.name,
                **{key: value for key, value in role.items() if "{{" not in value},
                **secrets,
                **extra,
                **({"STATE_DIRECTORY": str(state)} if state is not None else {}),
            },
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if self.request("GET", "/health/readiness", MASTER_KEY).status == 200:
                    return
            time.sleep(0.3)
        raise RuntimeError(f"LiteLLM did not start: {self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """All of its processes."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)

    def request(
        self,
        method: str,
        path: str,
        key: str,
        body: object = None,
        source: str | None = None,
        timeout: float = 60,
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; `source` is the address that the edge has seen."""
        connection = UnixConnection(self.socket, timeout)
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        headers |= {**({} if source is None else {"x-forwarded-for": source}), **(more or {})}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
            found = json.loads(text) if text[:1] in (b"{", b"[") else {"text": text.decode()}
            return Answer(response.status, found, {name.lower(): value for name, value in response.getheaders()})
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def ask(self, key: str, model: str = "alpha", text: str = "", **more: Any) -> Answer:
        """One chat of somebody outside, with a new question."""
        body = {"model": model, "messages": [{"role": "user", "content": text or os.urandom(8).hex()}], **more}
        return self.request("POST", "/v1/chat/completions", key, body, source="203.0.113.7")
