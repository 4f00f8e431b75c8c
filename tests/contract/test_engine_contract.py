"""What the collection assumes of engines, asked of the real llama-server, the real server of llama-cpp-python and the
stand-in of Ollama; and that it is noticed where a server differs.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import ROOT, UnixConnection, free_port

from ansible_collections.lab.ai_backend.plugins.modules.tiny_model import build
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.plan import plan_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load

Plain = dict[str, Any]
KEY = "sk-of-the-" + "test"
TOOL = ROOT / "tests" / "contract" / "engine_contract.py"
LAUNCHER = ROOT / "roles" / "llama_cpp_python" / "files" / "ai_backend_llama_server.py"
LOADED_SECONDS = 60
NAMES = [
    "health",
    "list of models",
    "key",
    "chat",
    "stream",
    "unknown model",
    "error",
    "tools",
    "embeddings",
    "metrics",
]


def contract(base: str, kind: str, *more: str, key: str = KEY) -> tuple[int, dict[str, str], str]:
    """(exit code, {check: verdict}, all that was printed)."""
    argv = [sys.executable, str(TOOL), f"--base-url={base}", f"--type={kind}", *more]
    argv += ["--key-variable=KEY_OF_THE_ENGINE"] if key else []
    environment = {**os.environ, "KEY_OF_THE_ENGINE": key}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    lines = [line.split("  ", 1) for line in done.stdout.splitlines() if "  " in line]
    return done.returncode, {rest.split(":")[0]: verdict for verdict, rest in lines}, done.stdout + done.stderr


def wait_for(process: subprocess.Popen[bytes], log: pathlib.Path, answers: Any) -> None:
    """Until a server answers."""
    end = time.monotonic() + LOADED_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-3000:]
        with contextlib.suppress(OSError):
            if answers() == 200:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])


@contextlib.contextmanager
def started(argv: list[str], log: pathlib.Path, environment: dict[str, str], answers: Any) -> Iterator[None]:
    """A server that runs."""
    with log.open("w") as handle:
        process = subprocess.Popen(argv, env=os.environ | environment, stdout=handle, stderr=handle)
    try:
        wait_for(process, log, answers)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def health(socket: str) -> int:
    connection = UnixConnection(socket, 5)
    connection.request("GET", "/health")
    return connection.getresponse().status


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("model") / "lab-tiny.gguf"
    path.write_bytes(build("lab-tiny", 7))
    return path


@pytest.fixture(scope="module")
def llama(model: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real llama-server."""
    folder = tmp_path_factory.mktemp("llama")
    with tarfile.open(urllib.parse.urlsplit(os.environ["AI_BACKEND_LLAMA_ARCHIVE_URL"]).path) as tar:
        tar.extractall(folder, filter="data")
    (server,) = folder.glob("*/llama-server")
    socket = str(folder / "http.sock")
    argv = [str(server), "--host", socket, "-m", str(model), "--alias", "lab-tiny", "-c", "512", "-t", "1", "--metrics"]
    with started(argv, folder / "log", {"LLAMA_API_KEY": KEY}, lambda: health(socket)):
        yield f"unix:{socket}"


@contextlib.contextmanager
def python_server(model: pathlib.Path, folder: pathlib.Path, **options: Any) -> Iterator[str]:
    """The real server of llama-cpp-python, as roles/llama_cpp_python starts it from the plan."""
    # A build of a quarter of an hour is not for every day: `make llama-python` makes it, and asks the same.
    argv = [sys.executable, ROOT / "tests/tools/llama_python.py", "--made"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        pytest.skip("llama-cpp-python was never built here: run make llama-python")
    provider = {"type": "llama_cpp", "server": "python", "hosts": "llama_cpp", "options": options}
    provider["models"] = [{"name": "lab-tiny", "path": "/srv/lab-tiny.gguf", "context_length": 512}]
    raw = {"providers": {"small": provider}, "ports": {"services": {"small": 8000}}}
    hosts = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}
    plan = plan_of(fleet_of(load(raw), hosts, {"one": "127.0.0.1"}))
    (row,) = (row for row in plan["hosts"]["one"]["services"] if row["service"] == "llama-cpp-python")
    socket, config = str(folder / "http.sock"), row["config"]
    host = {"n_threads": 1, "n_threads_batch": 1, "n_gpu_layers": 0, "verbose": False}
    server = {
        "socket": socket,
        "stop_seconds": 5,
        "pooling": config["pooling"],
        "server": {"interrupt_requests": False},
        "model": host | config["settings"] | {"model": str(model)},
    }
    (folder / "server.json").write_text(json.dumps(server))
    argv = [done.stdout.decode().strip(), "-I", str(LAUNCHER), str(folder / "server.json")]
    # A word that its settings would read.
    environment = {"LLAMA_CPP_PYTHON_API_KEY": KEY, "N_CTX": "nonsense", "HOST": "192.0.2.1"}
    with started(argv, folder / "log", environment, lambda: health(socket)):
        yield f"unix:{socket}"


@pytest.fixture(scope="module")
def python(model: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with python_server(model, tmp_path_factory.mktemp("python")) as base:
        yield base


def test_llama_server_is_as_assumed(llama: str) -> None:
    code, verdicts, text = contract(llama, "llama_cpp")
    assert (code, verdicts) == (0, dict.fromkeys(NAMES, "pass")), text


def test_the_server_in_python_is_as_assumed(python: str) -> None:
    code, verdicts, text = contract(python, "llama_cpp", "--server=python")
    assert (code, verdicts) == (0, dict.fromkeys(NAMES, "pass") | {"metrics": "skip"}), text


def test_the_server_in_python_serves_vectors(model: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with python_server(model, tmp_path, embeddings=True, pooling="mean") as base:
        _code, verdicts, text = contract(base, "llama_cpp", "--server=python")
    assert verdicts["embeddings"] == "pass", text
    assert "embeddings: 64 numbers for each text" in text


def test_a_second_request_does_not_end_the_stream_of_the_first(python: str) -> None:
    """Without `interrupt_requests: false` each new request would."""
    path, heads = python.removeprefix("unix:"), {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

    def ask(tokens: int, stream: bool) -> str:
        body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": tokens, "stream": stream}
        # The end of a chat may be the first token of a random model.
        body |= {"logit_bias": {"258": -100, "260": -100}}
        connection = UnixConnection(path, 60)
        connection.request("POST", "/v1/chat/completions", json.dumps(body), heads)
        return connection.getresponse().read().decode()

    found: list[str] = []
    first = threading.Thread(target=lambda: found.append(ask(300, stream=True)))
    first.start()
    time.sleep(0.15)
    second = json.loads(ask(4, stream=False))
    first.join()
    assert second["usage"]["completion_tokens"] > 0
    assert '"finish_reason": "' in found[0], found[0][-500:]


def test_a_key_is_asked_for_and_is_in_no_file(python: str) -> None:
    folder = pathlib.Path(python.removeprefix("unix:")).parent
    assert [path.name for path in folder.iterdir() if path.is_file() and KEY in path.read_text()] == []


@pytest.fixture
def ollama(model: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[str]:
    """The simulator of Ollama with a model."""
    archive = urllib.parse.urlsplit(os.environ["AI_BACKEND_OLLAMA_ARCHIVE_URL"]).path
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", tmp_path], check=True)
    place = f"127.0.0.1:{free_port()}"
    base = f"http://{place}"
    environment = {"OLLAMA_HOST": place, "OLLAMA_MODELS": str(tmp_path / "models"), "HOME": str(tmp_path)}

    def ask(path: str, data: bytes | None = None) -> int:
        request = urllib.request.Request(base + path, data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
            return int(answer.status)

    argv = [sys.executable, str(tmp_path / "bin" / "ollama"), "serve"]
    with started(argv, tmp_path / "log", environment, lambda: ask("/api/version")):
        digest = f"sha256:{hashlib.sha256(model.read_bytes()).hexdigest()}"
        ask(f"/api/blobs/{digest}", model.read_bytes())
        ask("/api/create", json.dumps({"model": "lab-tiny:1b", "files": {"x.gguf": digest}, "stream": False}).encode())
        yield base


def test_the_simulator_of_ollama_is_as_assumed(ollama: str) -> None:
    code, verdicts, text = contract(ollama, "ollama", key="")
    without = {"key", "error", "metrics"}
    assert (code, verdicts) == (0, dict.fromkeys([name for name in NAMES if name not in without], "pass")), text


class Odd(http.server.BaseHTTPRequestHandler):
    """A server of OpenAI's API in which one thing differs."""

    odd: str

    def do_GET(self) -> None:
        self.reply({"data": [{"id": "lab-tiny"}]}, 503 if self.odd == "health" and self.path == "/health" else 200)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] is None and self.odd != "key":
            self.reply({"error": {"message": "no key"}}, 401)
        elif not isinstance(body.get("messages"), list):
            odd = self.odd == "error" and self.path.endswith("/chat/completions")
            self.reply("wrong" if odd else {"error": {"message": "no list"}}, 400)
        elif body["model"] != "lab-tiny" and self.odd != "unknown model":
            self.reply({"error": {"message": "no such model"}}, 404)
        elif body.get("stream"):
            self.stream(body)
        else:
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 6 if self.odd == "chat" else 5}
            message = {"role": "assistant", "content": "ok"}
            if body.get("tools") and self.odd == "tools":
                message["tool_calls"] = [{"function": {"name": "look", "arguments": "{"}}]  # type: ignore[assignment]
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.reply({"object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage})

    def stream(self, body: Plain) -> None:
        common = {"object": "chat.completion.chunk", "model": body["model"]}
        choice = {"index": 0, "delta": {"content": "ok"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        lines = [json.dumps({**common, "choices": [choice]}), json.dumps({**common, "choices": [], "usage": usage})]
        lines += [] if self.odd == "stream" else ["[DONE]"]
        self.reply("".join(f"data: {line}\n\n" for line in lines), 200, "text/event-stream")

    def reply(self, body: object, status: int = 200, kind: str = "application/json") -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("odd", ["", "key", "chat", "stream", "unknown model", "error", "tools"])
def test_what_differs_is_noticed(odd: str) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Odd,), {"odd": odd}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        code, verdicts, text = contract(f"http://127.0.0.1:{server.server_address[1]}", "openai_compatible")
    finally:
        server.shutdown()
    assert [name for name, verdict in verdicts.items() if verdict == "FAIL"] == ([odd] if odd else []), text
    assert code == (1 if odd else 0)


@pytest.mark.parametrize(
    ("base", "kind", "key", "words"),
    [
        ("http://127.0.0.1:9", "llama_cpp", "", "nobody answers at http://127.0.0.1:9"),
        ("127.0.0.1:9", "llama_cpp", "", "is not an address"),
        ("unix:/nowhere", "llama_cpp", "", "there is no socket at /nowhere"),
    ],
)
def test_a_server_that_cannot_be_asked_is_another_code(base: str, kind: str, key: str, words: str) -> None:
    code, verdicts, text = contract(base, kind, key=key)
    assert (code, verdicts) == (2, {})
    assert words in text


def test_the_key_is_named_and_must_be_there(llama: str) -> None:
    argv = [sys.executable, str(TOOL), f"--base-url={llama}", "--type=llama_cpp", "--key-variable=NOT_THERE"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "engine-contract: the environment has no NOT_THERE\n")
