"""An engine that fails as a test wants it to: as OpenAI's API does, as llama-server, and as Ollama."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

Plain = dict[str, Any]
BAD = {
    "400": (400, "temperature is out of range"),
    "401": (401, "Incorrect API key provided: sk-secret"),
    "403": (403, "Your organisation has no access"),
    "404": (404, "The model does not exist"),
    "500": (500, "tensor at 0x7f1122334455 failed in /srv/engine/main.cpp"),
    "503": (503, "Loading model"),
    "too long": (
        400,
        "This model's maximum context length is 10 tokens. However, your messages resulted in 20 tokens.",
    ),
    "no credit": (400, "Your credit balance is too low to access the API."),
}
CODES = {"too long": "context_length_exceeded"}


class Behaviour:
    """What an engine does, how often it was asked, and with what."""

    def __init__(self, port: int) -> None:
        self.port, self.requests = port, 0
        self.failure = ""
        self.last: Plain = {}
        self.headers: dict[str, str] = {}
        self.recovered = threading.Event()
        self.path = ""

    def fail(self, how: str) -> None:
        """From now on, each request fails: a key of BAD, or `refused`; `hangs` until it is well, `breaks` a stream."""
        self.failure = how
        self.recovered.clear()

    def well(self) -> None:
        """It answers again."""
        self.failure = ""
        self.recovered.set()


class Server(http.server.ThreadingHTTPServer):
    """The engine's server."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour = Behaviour(self.server_address[1])


class Handler(http.server.BaseHTTPRequestHandler):
    """One request to it."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Its models, and whether it is well."""
        self.answer(200, {"object": "list", "data": []})

    def do_POST(self) -> None:
        """One answer."""
        length = int(self.headers.get("content-length") or 0)
        behaviour = self.server.behaviour
        behaviour.requests += 1
        body: Plain = {}
        data = self.rfile.read(length)
        with contextlib.suppress(ValueError):
            # A form, for sound and pictures, is no JSON.
            body = json.loads(data)
        if behaviour.failure == "refused":
            # As near as a server that listens can come: the connection ends without an answer.
            self.close_connection = True
            self.connection.close()
            return
        behaviour.last, behaviour.path = body, self.path
        behaviour.headers = {name.lower(): value for name, value in self.headers.items()}
        if behaviour.failure == "hangs":
            behaviour.recovered.wait(30)
        status, text = verdict(self.path, body, behaviour.failure)
        if status != 200:
            kind = "invalid_request_error" if status < 500 else "server_error"
            error = {"message": text, "type": kind, "code": CODES.get(behaviour.failure)}
            self.answer(status, {"error": error})
        elif self.path == "/api/embed":
            self.answer(200, {"model": body.get("model"), "embeddings": [[0.5, 0.25]], "prompt_eval_count": 1})
        elif self.path.endswith("/rerank"):
            self.answer(200, {"id": "r", "results": [{"index": 1, "relevance_score": 0.5}]})
        elif self.path == "/api/chat":
            self.answer(200, ollama(body))
        elif body.get("stream"):
            self.stream(body)
        else:
            self.answer(200, openai(self.path, body))

    def answer(self, status: int, body: Plain) -> None:
        """All of it at once."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, body: Plain) -> None:
        """In one piece and its end."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        breaks = self.server.behaviour.failure == "breaks"
        self.send_header(*(("transfer-encoding", "chunked") if breaks else ("connection", "close")))
        self.end_headers()
        choice: Plain = {"index": 0, "finish_reason": "stop"}
        chunk = {"id": "c", "created": 1, "model": body.get("model")}
        if self.path.endswith("/chat/completions"):
            choice["delta"] = {"role": "assistant", "content": "ok"}
            chunk["object"] = "chat.completion.chunk"
        else:
            choice["text"] = "ok"
            chunk["object"] = "text_completion"
        self.close_connection = True
        if breaks:
            choice["finish_reason"] = None
            piece = f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            return
        self.wfile.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


def verdict(path: str, body: Plain, failure: str) -> tuple[int, str]:
    """As llama-server: 500 for a picture, 501 for embeddings, 404 for what it has not, 400 for odd values."""
    if failure in BAD:
        return BAD[failure]
    if "image_url" in json.dumps(body):
        return 500, "image input is not supported - hint: you may need to provide the mmproj"
    if path.endswith("/embeddings"):
        return 501, "This server does not support embeddings. Start it with `--embeddings`"
    known = path.endswith(
        ("/chat/completions", "/completions", "/api/chat", "/api/generate", "/api/embed", "/v1/rerank")
    )
    if not known:
        return 404, "File Not Found"
    odd = body.get("temperature", 0), body.get("max_tokens", 1), body.get("n", 1)
    if not all(isinstance(one, int | float | None) for one in odd):
        return 400, "[json.exception.type_error.302] type must be number, but is string"
    return 200, ""


@contextlib.contextmanager
def odd_engine() -> Iterator[Behaviour]:
    """An engine that runs."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.behaviour
    server.shutdown()


def openai(path: str, body: Plain) -> Plain:
    """An answer of OpenAI's API."""
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    common = {"id": "c", "created": 1, "model": body.get("model"), "usage": usage}
    if path.endswith("/chat/completions"):
        choice: Plain = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        return {**common, "object": "chat.completion", "choices": [choice]}
    choice = {"index": 0, "text": "ok", "finish_reason": "stop", "stop_reason": None, "prompt_logprobs": None}
    if body.get("logprobs"):
        choice["logprobs"] = {
            "tokens": ["", "ok"],
            "token_logprobs": [None, -0.5],
            "top_logprobs": [None, {"ok": -0.5, "no": -2.5}],
            "text_offset": [0, 0],
        }
    return {**common, "object": "text_completion", "choices": [choice], "kv_transfer_params": None}


def ollama(body: Plain) -> Plain:
    """An answer of Ollama's own API."""
    common = {"model": body.get("model"), "created_at": "2026-01-01T00:00:00Z", "done": True, "done_reason": "stop"}
    return {**common, "message": {"role": "assistant", "content": "ok"}, "prompt_eval_count": 9, "eval_count": 1}
