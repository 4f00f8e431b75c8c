#!/usr/bin/python3
"""A simulator of Ollama's server: its API, its files and its refusals, without a model that computes.

Written after Ollama's source of 2026-08 (server/routes.go, create.go, images.go, download.go, envconfig/config.go).
Kept are: the layout of OLLAMA_MODELS, digests as sums of manifests, lines of progress, downloads that continue from
their `-partial` files, what a start prunes, a list of models that is read once, the check of the Host header on
loopback, the need of HOME and of `lib/ollama/llama-server` next to `bin`, and the status and words of errors.

/srv/ollama-hub stands for registry.ollama.ai, in the same layout; the number in its file `rate` is bytes in a second.
Not simulated are tensors (answers are fixed texts and vectors), adapters, safetensors, thinking, pictures and clouds.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import ipaddress
import json
import os
import pathlib
import re
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

VERSION = "0.30.0"
HUB = pathlib.Path("/srv/ollama-hub")
ENGINE = pathlib.Path(__file__).resolve().parents[1] / "lib/ollama/llama-server"
DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}")
GRACE_SECONDS = 3600
MEDIA = "application/vnd.ollama.image."
CONFIG = "application/vnd.docker.container.image.v1+json"
DIMENSIONS = 8
Plain = dict[str, Any]


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def full_name(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def path_of(name: str) -> str:
    """`llama3.1:8b` -> `registry.ollama.ai/library/llama3.1/8b`."""
    model, _colon, tag = full_name(name).rpartition(":")
    parts = model.split("/")
    return "/".join([*("registry.ollama.ai", "library")[: 3 - len(parts)], *parts, tag])


def name_of(path: str) -> str:
    host, namespace, model, tag = path.split("/")
    usual = host == "registry.ollama.ai"
    return (
        "/".join([*([] if usual else [host]), *([] if usual and namespace == "library" else [namespace]), model])
        + f":{tag}"
    )


class Store:
    """What is below OLLAMA_MODELS."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.manifests, self.blobs = folder / "manifests", folder / "blobs"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.manifests.mkdir(parents=True, exist_ok=True)
        if not os.environ.get("OLLAMA_NOPRUNE"):
            self.prune()
        # As the real server does: what others write there later is not listed.
        self.listed = {name_of(str(path.relative_to(self.manifests))) for path in self.manifests.glob("*/*/*/*")}

    def blob(self, digest: str) -> pathlib.Path:
        if not DIGEST.fullmatch(digest):
            raise RefusedError(400, "invalid digest format")
        return self.blobs / digest.replace(":", "-")

    def used(self) -> set[str]:
        return {
            layer["digest"]
            for path in self.manifests.glob("*/*/*/*")
            for layer in self.layers(json.loads(path.read_text()))
        }

    @staticmethod
    def layers(manifest: Plain) -> list[Plain]:
        return [*manifest["layers"], manifest["config"]]

    def prune(self) -> None:
        used = {digest.replace(":", "-") for digest in self.used()}
        for path in self.blobs.iterdir():
            if path.name not in used and time.time() - path.stat().st_mtime > GRACE_SECONDS:
                path.unlink()

    def manifest(self, name: str) -> tuple[Plain, bytes]:
        path = self.manifests / path_of(name)
        if not path.is_file():
            raise RefusedError(404, f"model '{name}' not found")
        return json.loads(path.read_text()), path.read_bytes()

    def write(self, name: str, data: bytes) -> None:
        path = self.manifests / path_of(name)
        before = self.manifest(name)[0] if path.is_file() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.listed.add(full_name(name))
        if before and not os.environ.get("OLLAMA_NOPRUNE"):
            self.drop(before)

    def drop(self, manifest: Plain) -> None:
        for layer in self.layers(manifest):
            if layer["digest"] not in self.used():
                self.blob(layer["digest"]).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        manifest, _data = self.manifest(name)
        (self.manifests / path_of(name)).unlink()
        self.listed.discard(full_name(name))
        self.drop(manifest)

    def layer(self, media: str, data: bytes) -> Plain:
        digest = sha256(data)
        self.blob(digest).write_bytes(data)
        return {"mediaType": media, "digest": digest, "size": len(data)}

    def existing(self, media: str, digest: str) -> Plain:
        path = self.blob(digest)
        if not path.is_file():
            raise RefusedError(500, f"open {path}: no such file or directory")
        # Fails for a file of another user, as the real one's touch does.
        os.utime(path, (time.time(), time.time()))
        return {"mediaType": media, "digest": digest, "size": path.stat().st_size}

    def texts(self, name: str, kind: str) -> list[str]:
        manifest, _data = self.manifest(name)
        return [
            self.blob(entry["digest"]).read_text() for entry in manifest["layers"] if entry["mediaType"] == MEDIA + kind
        ]


def rate() -> float:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return float((HUB / "rate").read_text())
    return 0.0


def download(store: Store, digest: str) -> Iterator[Plain]:
    """A layer from the hub; it continues where an interrupted one ended."""
    target, source = store.blob(digest), HUB / "blobs" / digest.replace(":", "-")
    line = {"status": f"pulling {digest[7:19]}", "digest": digest}
    if target.exists():
        yield {**line, "total": target.stat().st_size, "completed": target.stat().st_size}
        return
    total, speed = source.stat().st_size, rate()
    partial = target.with_name(target.name + "-partial")
    with source.open("rb") as content, partial.open("ab") as sink:
        content.seek(sink.tell())
        piece = max(1, int(speed / 10)) if speed else 1 << 20
        while data := content.read(piece):
            sink.write(data)
            sink.flush()
            yield {**line, "total": total, "completed": sink.tell()}
            time.sleep(0.1 if speed else 0)
    if sha256(partial.read_bytes()) != digest:
        partial.unlink()
        raise RefusedError(500, "digest mismatch, file must be downloaded again")
    partial.rename(target)


def pull(store: Store, body: Plain) -> Iterator[Plain]:
    name = body.get("model") or body.get("name") or ""
    yield {"status": "pulling manifest"}
    if not HUB.is_dir():
        where = "https://registry.ollama.ai/v2/" + "/manifests/".join(path_of(name).split("/", 1)[1].rsplit("/", 1))
        raise RefusedError(
            500, f'pull model manifest: Get "{where}": dial tcp: lookup registry.ollama.ai: no such host'
        )
    offered = HUB / "manifests" / path_of(name)
    if not offered.is_file():
        raise RefusedError(500, "pull model manifest: file does not exist")
    data = offered.read_bytes()
    for layer in store.layers(json.loads(data)):
        yield from download(store, layer["digest"])
    yield {"status": "verifying sha256 digest"}
    yield {"status": "writing manifest"}
    store.write(name, data)
    yield {"status": "success"}


def from_files(store: Store, files: dict[str, str]) -> list[Plain]:
    if not files:
        raise RefusedError(400, "no files provided to convert")
    layers = []
    for file, digest in sorted(files.items()):
        if file.startswith("/") or ".." in file.split("/"):
            raise RefusedError(400, "file path must be relative")
        store.existing(MEDIA + "model", digest)
        data = store.blob(digest).read_bytes()
        if data[:4] != b"GGUF":
            raise RefusedError(400, "supplied file was not in GGUF format")
        # The real one writes what a user gives again through its own tools, so the layer has another digest.
        layers.append(store.layer(MEDIA + "model", data + b"\0"))
    return layers


def create(store: Store, body: Plain) -> Iterator[Plain]:
    name = body.get("model") or body.get("name") or ""
    if body.get("from"):
        try:
            manifest, _data = store.manifest(body["from"])
        except RefusedError:
            yield from list(pull(store, {"model": body["from"]}))[:-1]
            manifest, _data = store.manifest(body["from"])
        layers = [store.existing(layer["mediaType"], layer["digest"]) for layer in manifest["layers"]]
    elif "files" in body:
        yield {"status": "parsing GGUF"}
        layers = from_files(store, body["files"])
    else:
        raise RefusedError(400, "neither 'from' or 'files' was specified")
    for kind in ("template", "system"):
        if body.get(kind):
            layers = [layer for layer in layers if layer["mediaType"] != MEDIA + kind]
            layers.append(store.layer(MEDIA + kind, body[kind].encode()))
    given = body.get("license") or []
    layers += [store.layer(MEDIA + "license", text.encode()) for text in ([given] if isinstance(given, str) else given)]
    before: Plain = next(
        (
            json.loads(store.blob(layer["digest"]).read_text())
            for layer in layers
            if layer["mediaType"] == MEDIA + "params"
        ),
        {},
    )
    if parameters := {**before, **(body.get("parameters") or {})}:
        layers = [layer for layer in layers if layer["mediaType"] != MEDIA + "params"]
        layers.append(store.layer(MEDIA + "params", json.dumps(parameters, sort_keys=True).encode() + b"\n"))
    config = store.layer(CONFIG, b'{"model_format":"gguf","model_family":"llama"}\n')
    yield {"status": "writing manifest"}
    store.write(
        name,
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": config,
                "layers": layers,
            }
        ).encode(),
    )
    yield {"status": "success"}


def go_value(value: object) -> str:
    return (
        json.dumps(value) if isinstance(value, str | bool) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def show(store: Store, body: Plain) -> Plain:
    name = body.get("model") or body.get("name") or ""
    if not name:
        raise RefusedError(400, "model is required")
    manifest, _data = store.manifest(name)
    model = next(layer for layer in manifest["layers"] if layer["mediaType"] == MEDIA + "model")
    options = json.loads((store.texts(name, "params") or ["{}"])[0])
    lines = [
        f"{key:<30} {go_value(one)}"
        for key, value in options.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return {
        "license": "\n".join(store.texts(name, "license")),
        "modelfile": f"FROM {store.blob(model['digest'])}\n",
        "parameters": "\n".join(lines),
        "template": "".join(store.texts(name, "template")),
        "system": "".join(store.texts(name, "system")),
        "details": {"format": "gguf", "family": "llama"},
        "model_info": {"general.architecture": "llama"},
        "capabilities": ["completion"],
    }


def tags(store: Store) -> Plain:
    rows = []
    for name in sorted(store.listed):
        with contextlib.suppress(RefusedError):
            manifest, data = store.manifest(name)
            size = sum(layer["size"] for layer in store.layers(manifest))
            rows.append(
                {
                    "name": name,
                    "model": name,
                    "size": size,
                    "digest": hashlib.sha256(data).hexdigest(),
                    "details": {"format": "gguf"},
                }
            )
    return {"models": rows}


def loaded(store: Store, name: str) -> None:
    """A model must be there to answer, and so must the engine."""
    if not name:
        raise RefusedError(400, "model is required")
    store.manifest(name)
    if not ENGINE.is_file():
        raise RefusedError(500, f"error starting llama-server: {ENGINE}: no such file or directory")


def vector(text: str) -> list[float]:
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]


def usage() -> Plain:
    return {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    store: Store
    active: dict[str, float]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        print("[GIN]", format % arguments, file=sys.stderr, flush=True)

    def host_allowed(self) -> bool:
        host = (self.headers.get("Host") or "").rpartition(":")[0].strip("[]") or (self.headers.get("Host") or "")
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(host)
            return address.is_loopback or address.is_private or address.is_unspecified
        return host in ("", "localhost", os.uname().nodename) or host.endswith((".localhost", ".local", ".internal"))

    def body(self) -> Plain:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not text:
            raise RefusedError(400, "missing request body")
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise RefusedError(400, f"invalid request: {error}") from error

    def send(self, status: int, content: object = None, kind: str = "application/json; charset=utf-8") -> None:
        data = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_lines(self, lines: Iterator[Plain], prefix: str = "", end: str = "") -> None:
        """A long answer in chunks; an error after its first line is a line."""
        begun = False

        def chunk(text: str) -> None:
            data = text.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def begin() -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream" if prefix else "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()

        try:
            for line in lines:
                if not begun:
                    begin()
                    begun = True
                chunk(prefix + json.dumps(line) + (end or "\n"))
        except (RefusedError, OSError) as error:
            if not begun:
                raise
            chunk(json.dumps({"error": str(error)}) + "\n")
        if prefix:
            chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def answer(self) -> None:
        if not self.host_allowed():
            self.send(403)
            return
        compatible = self.path.startswith("/v1/")
        try:
            self.route()
        except RefusedError as error:
            kind = {400: "invalid_request_error", 404: "not_found_error"}.get(error.status, "api_error")
            message: object = (
                {"message": str(error), "type": kind, "param": None, "code": None} if compatible else str(error)
            )
            self.send(error.status, {"error": message})
        except BrokenPipeError:
            self.close_connection = True

    do_GET = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - the names of the base class

    def route(self) -> None:
        store, asked = self.store, f"{'GET' if self.command == 'HEAD' else self.command} {self.path}"
        if self.path.startswith("/api/blobs/"):
            self.blob(self.path.removeprefix("/api/blobs/"))
        elif asked == "GET /":
            self.send(200, b"Ollama is running", "text/plain")
        elif asked == "GET /api/version":
            self.send(200, {"version": VERSION})
        elif asked == "GET /api/tags":
            self.send(200, tags(store))
        elif asked == "GET /v1/models":
            rows = [
                {"id": row["name"], "object": "model", "created": 0, "owned_by": "library"}
                for row in tags(store)["models"]
            ]
            self.send(200, {"object": "list", "data": rows})
        elif asked == "GET /api/ps":
            self.send(200, {"models": [{"name": name, "model": name} for name in sorted(self.active)]})
        elif asked in ROUTES:
            ROUTES[asked](self, self.body())
        else:
            self.send(404, b"404 page not found", "text/plain")

    def blob(self, digest: str) -> None:
        path = self.store.blob(digest)
        if self.command == "HEAD":
            self.send(200 if path.is_file() else 404)
            return
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if sha256(data) != digest:
            raise RefusedError(400, f'digest mismatch, expected "{digest}", got "{sha256(data)}"')
        path.write_bytes(data)
        self.send(201)

    def long(self, lines: Iterator[Plain], body: Plain) -> None:
        if body.get("stream", True):
            self.send_lines(lines)
        else:
            self.send(200, list(lines)[-1])

    def chat(self, body: Plain) -> None:
        name = full_name(body.get("model", ""))
        loaded(self.store, body.get("model", ""))
        self.active[name] = time.time()
        final = {
            "done": True,
            "done_reason": "stop",
            "total_duration": 1,
            "load_duration": 1,
            "prompt_eval_count": 3,
            "eval_count": 2,
        }
        words = [
            {
                "model": body["model"],
                "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": text},
                "done": False,
            }
            for text in ("hello", " there")
        ]
        ending = {**words[0], "message": {"role": "assistant", "content": ""}, **final}
        if body.get("stream", True):
            self.send_lines(iter([*words, ending]))
        else:
            self.send(200, {**ending, "message": {"role": "assistant", "content": "hello there"}})

    def generate(self, body: Plain) -> None:
        loaded(self.store, body.get("model", ""))
        self.active[full_name(body["model"])] = time.time()
        if body.get("keep_alive") == 0 and not body.get("prompt"):
            self.active.pop(full_name(body["model"]))
        done = {
            "model": body["model"],
            "created_at": "2026-01-01T00:00:00Z",
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 2,
        }
        text = "hello there" if body.get("prompt") else ""
        if body.get("stream", True):
            self.send_lines(iter([{**done, "done": False, "response": text}, {**done, "response": ""}]))
        else:
            self.send(200, {**done, "response": text})

    def embed(self, body: Plain) -> None:
        loaded(self.store, body.get("model", ""))
        given = body.get("input", "")
        texts = given if isinstance(given, list) else [given]
        self.send(200, {"model": body["model"], "embeddings": [vector(text) for text in texts], "prompt_eval_count": 3})

    def openai_chat(self, body: Plain) -> None:
        loaded(self.store, body.get("model", ""))
        if not body.get("messages"):
            raise RefusedError(400, "[] is too short - 'messages'")
        base = {"id": "chatcmpl-1", "created": 0, "model": body["model"], "system_fingerprint": "fp_ollama"}
        if body.get("stream"):
            deltas = [({"role": "assistant", "content": "hello"}, None), ({"role": "assistant", "content": ""}, "stop")]
            rows = (
                {
                    **base,
                    "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
                }
                for delta, reason in deltas
            )
            self.send_lines(rows, "data: ", "\n\n")
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": "hello there"}, "finish_reason": "stop"}
            self.send(200, {**base, "object": "chat.completion", "choices": [choice], "usage": usage()})

    def openai_completion(self, body: Plain) -> None:
        loaded(self.store, body.get("model", ""))
        choice = {"index": 0, "text": "hello there", "finish_reason": "stop"}
        self.send(
            200,
            {
                "id": "cmpl-1",
                "object": "text_completion",
                "created": 0,
                "model": body["model"],
                "choices": [choice],
                "usage": usage(),
            },
        )

    def openai_embedding(self, body: Plain) -> None:
        loaded(self.store, body.get("model", ""))
        given = body.get("input", "")
        rows = [
            {"object": "embedding", "index": index, "embedding": vector(text)}
            for index, text in enumerate(given if isinstance(given, list) else [given])
        ]
        self.send(
            200,
            {"object": "list", "model": body["model"], "data": rows, "usage": {"prompt_tokens": 3, "total_tokens": 3}},
        )

    def copy(self, body: Plain) -> None:
        self.store.write(body["destination"], self.store.manifest(body["source"])[1])
        self.send(200)

    def delete(self, body: Plain) -> None:
        self.store.remove(body.get("model") or body.get("name") or "")
        self.send(200)


ROUTES = {
    "POST /api/pull": lambda handler, body: handler.long(pull(handler.store, body), body),
    "POST /api/create": lambda handler, body: handler.long(create(handler.store, body), body),
    "POST /api/show": lambda handler, body: handler.send(200, show(handler.store, body)),
    "POST /api/copy": Handler.copy,
    "DELETE /api/delete": Handler.delete,
    "POST /api/generate": Handler.generate,
    "POST /api/chat": Handler.chat,
    "POST /api/embed": Handler.embed,
    "POST /v1/chat/completions": Handler.openai_chat,
    "POST /v1/completions": Handler.openai_completion,
    "POST /v1/embeddings": Handler.openai_embedding,
}


def serve() -> None:
    if "HOME" not in os.environ:
        sys.exit("Error: $HOME is not defined")
    home = pathlib.Path(os.environ["HOME"])
    (home / ".ollama").mkdir(mode=0o755, exist_ok=True)
    (home / ".ollama/id_ed25519").touch(mode=0o600)
    address, _colon, port = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434").rpartition(":")
    try:
        server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
    except OSError as error:
        sys.exit(f"Error: listen tcp {address}:{port}: bind: {str(error.strerror).lower()}")
    Handler.store = Store(pathlib.Path(os.environ.get("OLLAMA_MODELS") or home / ".ollama/models"))
    Handler.active = {}
    print(f"Listening on {address}:{server.server_address[1]} (version {VERSION})", file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    elif sys.argv[1:] == ["--version"]:
        print(f"ollama version is {VERSION}")
    else:
        sys.exit("the simulator of ollama knows `serve` and `--version`")
