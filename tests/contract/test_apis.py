"""Each type of engine and each API of a client, whole and streamed, with tools and without: it works, or the gateway
refuses it before the engine is asked. `ROWS` is the table.
"""

from __future__ import annotations

import http.server
import json
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import MASTER_KEY, ROOT, Answer, Redis, Slot, free_port, planned

Plain = dict[str, Any]
WORDS, ARGUMENTS = "it is nice", {"city": "Bern"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "of a city", "parameters": SCHEMA}}
SECRETS = dict.fromkeys(("ANTHROPIC_API_KEY", "AZURE_API_KEY", "DEEPINFRA_API_KEY"), "of-the-test")
# Defaults of a model, and what the engine gets of them.
COMMON = {"temperature": 0.5, "stop": ["END"], "frequency_penalty": 0.25}
DEFAULTS = {**COMMON, "reasoning_effort": "low", "extra_body": {"top_k": 40, "chat_template_kwargs": {"think": False}}}
SENT = {**COMMON, "reasoning_effort": "low", "top_k": 40, "chat_template_kwargs": {"think": False}}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


class Engine(http.server.BaseHTTPRequestHandler):
    """OpenAI's API and that of Ollama: words, or a call of the tool if one is given."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, Plain]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, body))
        if self.path.endswith("/embeddings"):
            data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
            self.whole({"object": "list", "model": body["model"], "data": data, "usage": USAGE})
        elif self.path == "/api/embed":
            self.whole({"model": body["model"], "embeddings": [[0.5, 0.25]], "prompt_eval_count": 9})
        elif self.path == "/api/chat":
            self.ollama(body)
        elif self.path.endswith("/messages"):
            content = [{"type": "text", "text": WORDS}]
            usage = {"input_tokens": 9, "output_tokens": 3}
            common = {"id": "m", "type": "message", "role": "assistant", "model": body["model"]}
            self.whole({**common, "content": content, "stop_reason": "end_turn", "usage": usage})
        else:
            self.openai(body)

    def openai(self, body: Plain) -> None:
        common = {"id": "c", "created": 1, "model": body["model"]}
        if self.path.partition("?")[0].endswith("/chat/completions"):
            message: Plain = {"role": "assistant", "content": None if body.get("tools") else WORDS}
            if body.get("tools"):
                call = {"name": "weather", "arguments": json.dumps(ARGUMENTS)}
                message["tool_calls"] = [{"index": 0, "id": "t", "type": "function", "function": call}]
            finish = "tool_calls" if body.get("tools") else "stop"
            choices = [{"index": 0, "message": message, "finish_reason": finish}]
            chunks = [{"index": 0, "delta": message, "finish_reason": None}]
            end, kind = {"index": 0, "delta": {}, "finish_reason": finish}, "chat.completion"
        else:
            choices = [{"index": 0, "text": WORDS, "finish_reason": "stop"}]
            chunks = [{"index": 0, "text": WORDS, "finish_reason": None}]
            end, kind = {"index": 0, "text": "", "finish_reason": "stop"}, "text_completion"
        if not body.get("stream"):
            self.whole({**common, "object": kind, "choices": choices, "usage": USAGE})
            return
        name = f"{kind}.chunk" if kind == "chat.completion" else kind
        lines = [f"data: {json.dumps({**common, 'object': name, 'choices': [one]})}\n\n" for one in (*chunks, end)]
        usage = {**common, "object": name, "choices": [], "usage": USAGE}
        self.pieces("text/event-stream", [*lines, f"data: {json.dumps(usage)}\n\n", "data: [DONE]\n\n"])

    def ollama(self, body: Plain) -> None:
        common = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z"}
        message: Plain = {"role": "assistant", "content": "" if body.get("tools") else WORDS}
        if body.get("tools"):
            message["tool_calls"] = [{"function": {"name": "weather", "arguments": ARGUMENTS}}]
        end = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 3}
        if not body.get("stream"):
            self.whole({**common, "message": message, **end})
            return
        last = {**common, "message": {"role": "assistant", "content": ""}, **end}
        first = {**common, "message": message, "done": False}
        self.pieces("application/x-ndjson", [f"{json.dumps(one)}\n" for one in (first, last)])

    def whole(self, body: Plain) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def pieces(self, kind: str, lines: list[str]) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()
        for line in lines:
            self.wfile.write(line.encode())
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass
class World:
    slot: Slot
    asked: list[tuple[str, Plain]]

    def request(self, path: str, body: Plain) -> tuple[Answer, list[str]]:
        """The answer, and the paths on which engines were asked for it."""
        self.asked.clear()
        answer = self.slot.request("POST", path, MASTER_KEY, body)
        return answer, [path for path, _body in self.asked]


def registry(port: int, redis_port: int) -> Plain:
    here = {"managed": False, "base_url": f"http://127.0.0.1:{port}"}
    vectors = {"name": "llama-vectors", "abilities": ["embedding"]}
    return {
        "providers": {
            "llama": {**here, "type": "llama_cpp", "models": ["llama"]},
            "llama_set": {**here, "type": "llama_cpp", "models": [{"name": "llama-set", "defaults": DEFAULTS}]},
            "vllm_set": {**here, "type": "vllm", "models": [{"name": "vllm-set", "options": DEFAULTS}]},
            "ollama_set": {**here, "type": "ollama", "models": [{"name": "ollama-set:1b", "options": COMMON}]},
            "anthropic": {
                "type": "anthropic",
                "base_url": f"http://127.0.0.1:{port}/v1",
                "models": [{"name": "claude-set", "options": {"temperature": 0.5, "stop": ["END"]}}],
            },
            "azure": {
                "type": "litellm",
                "prefix": "azure",
                "base_url": f"http://127.0.0.1:{port}",
                "env_var": "AZURE_API_KEY",
                "parameters": {"api_version": "2024-10-21"},
                "models": ["azure-gpt"],
            },
            "deepinfra": {
                "type": "litellm",
                "prefix": "deepinfra",
                "base_url": f"http://127.0.0.1:{port}/v1/openai",
                "env_var": "DEEPINFRA_API_KEY",
                "models": ["deepinfra-llama"],
            },
            "compatible_set": {
                "type": "openai_compatible",
                "base_url": f"http://127.0.0.1:{port}/v1",
                "managed": False,
                "models": [{"name": "compatible-set", "options": DEFAULTS}],
            },
            "llama_vectors": {**here, "type": "llama_cpp", "models": [vectors]},
            "llama_python": {
                **here,
                "type": "llama_cpp",
                "server": "python",
                # As a managed one without a format for calls of tools.
                "models": [{"name": "llama-python", "abilities": ["chat", "completion"]}],
            },
            "vllm": {**here, "type": "vllm", "models": ["vllm"]},
            "vllm_vectors": {**here, "type": "vllm", "models": [{"name": "vllm-vectors", "abilities": ["embedding"]}]},
            "ollama": {
                **here,
                "type": "ollama",
                "models": ["ollama:1b", {"name": "ollama-vectors", "abilities": ["embedding"]}],
            },
            "compatible": {
                "type": "openai_compatible",
                "base_url": f"http://127.0.0.1:{port}/v1",
                "managed": False,
                "models": ["compatible", {"name": "compatible-vectors", "abilities": ["embedding"]}],
            },
        },
        "ports": {"services": {"redis": {"port": redis_port}}},
        "cache": {"enabled": False},
        "secrets": SECRETS,
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    asked: list[tuple[str, Plain]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Engine,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    redis = Redis(free_port())
    redis.start()
    row = planned(registry(server.server_address[1], redis.port))
    slot = Slot(python, row, SECRETS, 1, tmp_path_factory.mktemp("apis") / "blue")
    try:
        slot.wait()
        yield World(slot, asked)
    finally:
        slot.stop()
        redis.kill()
        server.shutdown()


CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
# Those that are asked for a tool, and have no ability for it.
WITHOUT_TOOLS = ("llama-python",)
# Engine, client's API -> the engine's API, or the ability that the gateway misses.
ROWS = {
    ("llama", "chat"): CHAT,
    ("llama", "completions"): COMPLETION,
    ("llama", "responses"): CHAT,
    ("llama", "messages"): CHAT,
    ("llama-vectors", "chat"): "chat",
    ("llama-vectors", "embeddings"): "/v1/embeddings",
    ("llama-python", "chat"): CHAT,
    ("llama-python", "completions"): COMPLETION,
    ("llama-python", "responses"): CHAT,
    ("llama-python", "messages"): CHAT,
    ("vllm", "chat"): CHAT,
    ("vllm", "completions"): COMPLETION,
    ("vllm", "responses"): CHAT,
    ("vllm", "messages"): CHAT,
    ("vllm-vectors", "chat"): "chat",
    ("vllm-vectors", "embeddings"): "/v1/embeddings",
    ("ollama:1b", "chat"): "/api/chat",
    ("ollama:1b", "completions"): "/api/chat",
    ("ollama:1b", "responses"): "/api/chat",
    ("ollama:1b", "messages"): "/api/chat",
    ("ollama-vectors", "chat"): "chat",
    ("ollama-vectors", "embeddings"): "/api/embed",
    ("compatible", "chat"): CHAT,
    ("compatible", "completions"): COMPLETION,
    ("compatible", "responses"): CHAT,
    ("compatible", "messages"): CHAT,
    ("compatible-vectors", "chat"): "chat",
    ("compatible-vectors", "embeddings"): "/v1/embeddings",
}
PATHS = {
    "chat": CHAT,
    "completions": COMPLETION,
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "embeddings": "/v1/embeddings",
}


def question(api: str, model: str, *, stream: bool, tools: bool) -> Plain:
    """A request of an API, as its official client writes it."""
    ask = [{"role": "user", "content": "how is the weather?"}]
    if api == "embeddings":
        return {"model": model, "input": ["a"]}
    if api == "completions":
        return {"model": model, "prompt": "the weather", "max_tokens": 9, "stream": stream}
    function = TOOL["function"]
    assert isinstance(function, dict)
    if api == "responses":
        given: Plain = {"tools": [{"type": "function", **function}]} if tools else {}
        return {"model": model, "input": "how is the weather?", "stream": stream, **given}
    if api == "messages":
        shape = {"name": "weather", "description": "of a city", "input_schema": SCHEMA}
        return {
            "model": model,
            "messages": ask,
            "max_tokens": 9,
            "stream": stream,
            **({"tools": [shape]} if tools else {}),
        }
    return {"model": model, "messages": ask, "max_tokens": 9, "stream": stream, **({"tools": [TOOL]} if tools else {})}


def cases() -> Iterator[tuple[str, str, bool, bool]]:
    for model, api in ROWS:
        for stream in (False, True):
            for tools in (False, True):
                if not (api == "embeddings" and stream) and not (api in ("embeddings", "completions") and tools):
                    yield model, api, stream, tools


def name_of(case: tuple[str, str, bool, bool]) -> str:
    model, api, stream, tools = case
    return f"{model} {api}{' streamed' if stream else ''}{' with tools' if tools else ''}"


@pytest.mark.parametrize("case", list(cases()), ids=name_of)
def test_the_table(world: World, case: tuple[str, str, bool, bool]) -> None:
    model, api, stream, tools = case
    answer, engine = world.request(PATHS[api], question(api, model, stream=stream, tools=tools))
    expected = "tools" if tools and model in WITHOUT_TOOLS else ROWS[model, api]
    if not expected.startswith("/"):
        assert (answer.status, answer.error["code"], engine) == (400, "ability_missing", [])
        assert f"'{expected}'" in answer.error["message"] or expected in answer.error["message"]
        return
    assert (answer.status, engine) == (200, [expected]), answer.body
    sent = [key for _path, body in world.asked for key in body]
    assert not any(key.startswith("use_chat") for key in sent), "a setting of the gateway was sent"
    text = answer.body["text"] if stream else json.dumps(answer.body)
    assert '"error":{' not in text.replace(" ", "")
    if api == "embeddings":
        assert answer.body["data"][0]["embedding"] == [0.5, 0.25]
    elif tools:
        assert "weather" in text
        assert "Bern" in text
    else:
        assert WORDS in text or all(word in text for word in WORDS.split())


def sent(world: World, model: str, path: str = CHAT, **more: Any) -> Plain:
    """What the engine was asked."""
    question_ = {"prompt": "hi"} if path == COMPLETION else {"messages": [{"role": "user", "content": "hi"}]}
    answer, _paths = world.request(path, {"model": model, **question_, **more})
    assert answer.status == 200, answer.body
    ((_path, body),) = world.asked
    return body


ALIKE = ["llama-set", "vllm-set", "compatible-set"]


@pytest.mark.parametrize("model", ALIKE)
def test_defaults_of_a_model_are_sent(world: World, model: str) -> None:
    body = sent(world, model)
    assert {name: body.get(name) for name in SENT} == SENT


@pytest.mark.parametrize("model", ALIKE)
def test_what_a_client_sends_is_not_replaced(world: World, model: str) -> None:
    own = {"temperature": 0.0, "stop": ["X"], "frequency_penalty": 1.0, "reasoning_effort": "high", "top_k": 5}
    body = sent(world, model, **own)
    assert {name: body.get(name) for name in SENT} == {**SENT, **own}


@pytest.mark.parametrize("model", ALIKE)
def test_a_completion_is_asked_without_what_only_a_chat_has(world: World, model: str) -> None:
    body = sent(world, model, COMPLETION)
    expected = {name: value for name, value in SENT.items() if name != "reasoning_effort"}
    assert {name: body.get(name) for name in SENT} == {**expected, "reasoning_effort": None}


def test_a_completion_of_a_client_that_names_it_works_too(world: World) -> None:
    assert "reasoning_effort" not in sent(world, "vllm", COMPLETION, reasoning_effort="low")


def test_ollama_and_anthropic_have_their_own_words_for_them(world: World) -> None:
    options = sent(world, "ollama-set:1b")["options"]
    assert {name: options.get(name) for name in COMMON} == COMMON
    body = sent(world, "claude-set")
    assert (body["temperature"], body["stop_sequences"]) == (0.5, ["END"])


# Providers that LiteLLM alone knows: model -> the path at which it asks.
BY_PREFIX = {
    "azure-gpt": "/openai/deployments/azure-gpt/chat/completions?api-version=2024-10-21",
    "deepinfra-llama": "/v1/openai/chat/completions",
}


@pytest.mark.parametrize("model", BY_PREFIX)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_provider_that_only_litellm_knows_is_asked_as_litellm_does(world: World, model: str, stream: bool) -> None:
    answer, paths = world.request(CHAT, question("chat", model, stream=stream, tools=False))
    assert (answer.status, paths) == (200, [BY_PREFIX[model]]), answer.body
    assert WORDS in (answer.body["text"] if stream else json.dumps(answer.body))
