#!/usr/bin/env python3
"""Ask a server for what this collection assumes of its type: one line for each check, and what differs.

Usage: engine_contract.py --base-url=URL --type=TYPE [--server=python] [--model=NAME] [--key-variable=NAME]
(`make engine-contract BASE_URL=… TYPE=…`). URL is http://host:port, or unix:/path of a socket. The key is the
content of the environment variable that --key-variable names.
The server gets at most 12 requests, each for at most 8 tokens.

Exit code: 0 if nothing differs, 1 if something does, 2 if the server can't be asked.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.module_utils.probes.asking import UnixConnection  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.catalog import provider_types  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.clients import (  # noqa: E402
    OLLAMA,
    OPENAI,
    VLLM,
    api_base,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.provider import Provider  # noqa: E402

Plain = dict[str, Any]
TIMEOUT, MOST_REQUESTS, MOST_TOKENS = 120, 12, 8
UNIX, NO_PORT = "unix:", "http://localhost"
NO_SUCH_MODEL = "no-such-model-of-the-contract"
QUESTION = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
# Beginning of the names of its metrics, at /metrics; a type without an entry has none.
METRICS = {"llama_cpp": "llamacpp:", "vllm": "vllm:"}
# Those whose stream counts its tokens when it is asked to. Of others, the gateway counts them.
STREAMED_USAGE = ("llama_cpp", "openai", "openai_compatible", "vllm")


class UnlikeError(Exception):
    """Something differs; the text describes what."""


class NotThereError(Exception):
    """A check that the server or the call gives no reason for."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            raise UnlikeError(f"answers {self.status} with no JSON: {self.text[:80]!r}") from None


@dataclass
class Server:
    """The server that is asked, and how."""

    base: str
    key: str
    socket: str = ""
    asked: int = 0

    def connection(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        if self.socket:
            return UnixConnection(self.socket, TIMEOUT)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=TIMEOUT)

    def request(self, method: str, url: str, body: object = None, key: bool = True) -> Answer:
        """One request on a connection of its own. `body` is sent as JSON, text as it is."""
        self.asked += 1
        if self.asked > MOST_REQUESTS:
            raise RuntimeError(f"more than {MOST_REQUESTS} requests")
        connection = self.connection(url)
        headers = {"content-type": "application/json"}
        headers |= {"authorization": f"Bearer {self.key}"} if key and self.key else {}
        data = body if isinstance(body, str | None) else json.dumps(body)
        try:
            connection.request(method, urlsplit(url).path or "/", data, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        except TimeoutError:
            raise UnlikeError(f"gives no answer within {TIMEOUT} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise UnlikeError(f"ends the connection ({type(error).__name__})") from None
        finally:
            connection.close()


def same(what: str, found: object, *expected: object) -> None:
    if found not in expected:
        wanted = " or ".join(map(repr, expected))
        raise UnlikeError(f"{what} is {found!r}, and the collection assumes {wanted}")


def counted(usage: object) -> None:
    """Usage as clients and the gateway's limits read it."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    if not isinstance(usage, dict) or not all(isinstance(usage.get(name), int) for name in names):
        raise UnlikeError(f"usage is {usage!r}, and the collection assumes {', '.join(names)}")
    same("usage.total_tokens", usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])


class Contract:
    """The checks of a server with OpenAI's API."""

    def __init__(self, server: Server, provider: Provider, model: str) -> None:
        self.server, self.provider, self.model = server, provider, model
        self.v1 = api_base(OPENAI, server.base)
        self.python = getattr(provider, "server", "native") == "python"

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """(name, check): a check returns what it saw, or raises UnlikeError or NotThereError."""
        yield "health", self.health
        yield "list of models", self.models
        yield "key", self.keys
        yield "chat", self.chat
        yield "stream", self.stream
        yield "unknown model", self.unknown
        yield "error", self.error
        yield "tools", self.tools
        yield "embeddings", self.embeddings
        yield "metrics", self.metrics

    def ask(self, path: str, body: object, key: bool = True) -> Answer:
        return self.server.request("POST", self.v1 + path, body, key)

    def question(self, **more: Any) -> Plain:
        return {"model": self.model, "messages": QUESTION, "max_tokens": MOST_TOKENS, **more}

    def health(self) -> str:
        url = self.provider.health_url(self.server.base)
        same("the status", self.server.request("GET", url).status, 200)
        return f"GET {urlsplit(url).path} answers 200"

    def models(self) -> str:
        answer = self.server.request("GET", self.provider.models_url(self.server.base))
        same("the status", answer.status, 200)
        names = self.named(answer.json())
        if not self.model:
            self.model = next(iter(names), "")
        if self.model not in names:
            raise UnlikeError(f"its models are {', '.join(names) or 'none'}, without '{self.model}'")
        return ", ".join(names)

    def named(self, body: object) -> list[str]:
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, list) or not all(
            isinstance(one, dict) and isinstance(one.get("id"), str) for one in data
        ):
            raise UnlikeError("the list has no `data` with an `id` for each model")
        return [one["id"] for one in data]

    def keys(self) -> str:
        if not self.server.key:
            raise NotThereError("no key was given: KEY_VARIABLE=NAME_OF_A_VARIABLE")
        status = self.ask("/chat/completions", self.question(), key=False).status
        same("without a key, the status", status, 401, 403)
        return f"without it the answer is {status}"

    def chat(self) -> str:
        answer = self.ask("/chat/completions", self.question())
        same("the status", answer.status, 200)
        body = answer.json()
        same("object", body.get("object"), "chat.completion")
        (choice,) = body.get("choices") or [{}]
        same("role", choice.get("message", {}).get("role"), "assistant")
        same("finish_reason", choice.get("finish_reason"), "stop", "length")
        counted(body.get("usage"))
        # A server that answers any name may call its model by any other.
        if not self.provider.ANY_NAME:
            same("model", body.get("model"), self.model)
        return f"{body['usage']['completion_tokens']} tokens, finish_reason {choice['finish_reason']}"

    def stream(self) -> str:
        answer = self.ask("/chat/completions", self.question(stream=True, stream_options={"include_usage": True}))
        same("the status", answer.status, 200)
        same("content-type", answer.headers.get("content-type", "").split(";")[0], "text/event-stream")
        # Lines with a colon first are comments that keep a connection open.
        lines = [line for line in answer.text.splitlines() if line and not line.startswith(":")]
        if odd := [line for line in lines if not line.startswith(("data:", "event:"))]:
            raise UnlikeError(f"a line of the stream is {odd[0][:60]!r}, and the collection assumes `data: …`")
        data = [line[5:].strip() for line in lines if line.startswith("data:")]
        same("the last line", data[-1] if data else "", "[DONE]")
        chunks = [json.loads(text) for text in data[:-1]]
        same("object of the chunks", *sorted({str(chunk.get("object")) for chunk in chunks}), "chat.completion.chunk")
        finished = [
            one.get("finish_reason") for chunk in chunks for one in chunk.get("choices", ()) if one.get("finish_reason")
        ]
        same("finish_reasons", len(finished), 1)
        usage = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
        if self.provider.type in STREAMED_USAGE and not self.python:
            counted(usage[-1] if usage else None)
        return f"{len(chunks)} chunks, {'with' if usage else 'without'} usage, [DONE]"

    def unknown(self) -> str:
        answer = self.ask("/chat/completions", {**self.question(), "model": NO_SUCH_MODEL})
        if self.provider.ANY_NAME:
            same("for a name that it does not have, the status", answer.status, 200)
            return "it answers any name"
        same("for a name that it does not have, the status", answer.status, 400, 404)
        return f"{answer.status}"

    def error(self) -> str:
        answer = self.ask("/chat/completions", self.question(messages="hello"))
        # The server in Python calls it its own mistake; the gateway checks messages before it asks an engine.
        expected = (400, 422, 500) if self.python or self.provider.type == "llama_cpp" else (400, 422)
        same("for messages that are no list, the status", answer.status, *expected)
        body = answer.json()
        if not isinstance(body, dict) or not {"error", "detail"} & set(body):
            raise UnlikeError(f"an error is {answer.text[:80]!r}, and the collection assumes an object with `error`")
        return f"{answer.status} with {'error' if 'error' in body else 'detail'}"

    def tools(self) -> str:
        answer = self.ask("/chat/completions", self.question(tools=[TOOL]))
        same("the status", answer.status, 200, *((400,) if self.provider.type == "vllm" else ()))
        if answer.status == 400:
            return "refused with 400: it was started without --enable-auto-tool-choice"
        message = answer.json()["choices"][0]["message"]
        for call in message.get("tool_calls") or ():
            json.loads(call["function"]["arguments"])
        return "a call" if message.get("tool_calls") else "text: whether the model calls tools depends on its template"

    def embeddings(self) -> str:
        answer = self.ask("/embeddings", {"model": self.model, "input": ["a", "b"]})
        if answer.status >= 400:
            answer.json()
            return f"refused with {answer.status}: it was not started for them"
        same("the status", answer.status, 200)
        vectors = [one.get("embedding") for one in answer.json().get("data", ())]
        if len(vectors) != 2 or not all(isinstance(v, list) and v and isinstance(v[0], int | float) for v in vectors):
            raise UnlikeError("two texts do not become two lists of numbers")
        return f"{len(vectors[0])} numbers for each text"

    def metrics(self) -> str:
        prefix = METRICS.get(self.provider.type, "") if not self.python else ""
        if not prefix:
            raise NotThereError(f"{self.provider.kind} has none")
        answer = self.server.request("GET", self.v1.removesuffix("/v1") + "/metrics")
        same("the status", answer.status, 200)
        names = [line for line in answer.text.splitlines() if line.startswith(prefix)]
        if not names:
            raise UnlikeError(f"no metric begins with {prefix}")
        return f"{len(names)} that begin with {prefix}"


class OllamaContract(Contract):
    """The same with the API of Ollama, which the gateway uses."""

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        without = {"key", "error", "metrics"}
        yield from ((name, check) for name, check in super().checks() if name not in without)

    def named(self, body: object) -> list[str]:
        models = body.get("models") if isinstance(body, dict) else None
        if not isinstance(models, list) or not all(isinstance(one, dict) and "digest" in one for one in models):
            raise UnlikeError("the list has no `models` with a `digest` for each")
        return [one["name"] for one in models]

    def ask(self, path: str, body: object, key: bool = True) -> Answer:
        return self.server.request("POST", api_base(OLLAMA, self.server.base) + path, body, key)

    def question(self, **more: Any) -> Plain:
        return {"model": self.model, "messages": QUESTION, "options": {"num_predict": MOST_TOKENS}, **more}

    def chat(self) -> str:
        answer = self.ask("/api/chat", self.question(stream=False))
        same("the status", answer.status, 200)
        return self.ended(answer.json())

    def ended(self, body: Plain) -> str:
        same("done", body.get("done"), True)
        for name in ("prompt_eval_count", "eval_count"):
            if not isinstance(body.get(name), int):
                raise UnlikeError(f"{name} is {body.get(name)!r}, and the collection assumes a number")
        return f"{body['eval_count']} tokens"

    def stream(self) -> str:
        answer = self.ask("/api/chat", self.question(stream=True))
        same("the status", answer.status, 200)
        same("content-type", answer.headers.get("content-type", "").split(";")[0], "application/x-ndjson")
        lines = [json.loads(line) for line in answer.text.splitlines() if line]
        return f"{len(lines)} lines, {self.ended(lines[-1] if lines else {})}"

    def unknown(self) -> str:
        answer = self.ask("/api/chat", {**self.question(stream=False), "model": NO_SUCH_MODEL})
        same("for a name that it does not have, the status", answer.status, 404)
        same("kind of `error`", type(answer.json().get("error")).__name__, "str")
        return "404 with error"

    def tools(self) -> str:
        answer = self.ask("/api/chat", self.question(stream=False, tools=[TOOL]))
        same("the status", answer.status, 200, 400)
        return "refused with 400: not of this model" if answer.status == 400 else "taken"

    def embeddings(self) -> str:
        answer = self.ask("/api/embed", {"model": self.model, "input": ["a", "b"]})
        if answer.status >= 400:
            answer.json()
            return f"refused with {answer.status}: not of this model"
        same("vectors", len(answer.json().get("embeddings", ())), 2)
        return "two vectors"


def contract_of(kind: str, server: str, base: str, model: str, key: str) -> Contract:
    """The contract of a type. Exits where there is none for it."""
    classes = provider_types()
    if kind not in classes:
        sys.exit(refusal(f"there is no type '{kind}': write one of {', '.join(sorted(classes))}"))
    path = base.removeprefix(UNIX) if base.startswith(UNIX) else ""
    base = NO_PORT if path else base
    words: Plain = {"type": kind, "base_url": base, "models": [model] if model else []}
    words |= {"server": server} if server else {}
    words |= {"managed": False} if classes[kind].LOCAL else {}
    provider = classes[kind].model_validate(words)
    asked = Server(base, key, path)
    if provider.CLIENT == OLLAMA:
        return OllamaContract(asked, provider, model)
    if provider.CLIENT not in (OPENAI, VLLM):
        sys.exit(refusal(f"there is no contract for '{kind}': the gateway asks it with a client of its own"))
    return Contract(asked, provider, model)


def refusal(text: str) -> str:
    return f"engine-contract: {text}"


def reachable(base: str) -> str:
    """Why the server can't be asked, or an empty string."""
    parts = urlsplit(base)
    if base.startswith(UNIX):
        is_socket = pathlib.Path(base.removeprefix(UNIX)).is_socket()
        return "" if is_socket else f"there is no socket at {base.removeprefix(UNIX)}"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"'{base}' is not an address: write BASE_URL=http://host:port, or unix:/path"
    try:
        with socket.create_connection((parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)), 10):
            return ""
    except OSError as error:
        return f"nobody answers at {base}: {error.strerror or error}"


def run(contract: Contract) -> tuple[int, int, int]:
    """(passed, failed, skipped), with a line for each check."""
    counts = {"pass": 0, "FAIL": 0, "skip": 0}
    for name, check in contract.checks():
        try:
            verdict, words = "pass", check()
        except UnlikeError as error:
            verdict, words = "FAIL", str(error)
        except NotThereError as error:
            verdict, words = "skip", str(error)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            verdict, words = "FAIL", f"the answer has another form ({type(error).__name__}: {error})"
        counts[verdict] += 1
        print(f"{verdict}  {name}: {words}", flush=True)
    return counts["pass"], counts["FAIL"], counts["skip"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--type", required=True, help="as in ai_backend_providers")
    parser.add_argument("--server", default="", help="python: the server of llama-cpp-python")
    parser.add_argument("--model", default="", help="default: the first of its list")
    parser.add_argument("--key-variable", default="", help="name of the environment variable with its key")
    options = parser.parse_args()
    key = os.environ.get(options.key_variable, "") if options.key_variable else ""
    if options.key_variable and not key:
        print(refusal(f"the environment has no {options.key_variable}"), file=sys.stderr)
        return 2
    if why := reachable(options.base_url):
        print(refusal(why), file=sys.stderr)
        return 2
    contract = contract_of(options.type, options.server, options.base_url, options.model, key)
    passed, failed, skipped = run(contract)
    print(f"engine-contract: {passed} passed, {failed} failed, {skipped} skipped, {contract.server.asked} requests")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
