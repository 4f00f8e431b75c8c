"""Requests that are wrong, or ask for what a text model cannot do: each is sent to each path that asks a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PATHS = (
    "/v1/chat/completions",
    "/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/rerank",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
)


@dataclass(frozen=True)
class Odd:
    """A request: its body is sent as it is."""

    name: str
    body: bytes
    content_type: str = "application/json"
    method: str = "POST"


def _whole(**more: Any) -> dict[str, Any]:
    """What every path would take, with something wrong."""
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": "anything", "messages": messages, "input": "hi", "prompt": "hi", "max_tokens": 5}
    return {**body, "query": "hi", "documents": ["hi"], **more}


def _messages(content: Any, role: Any = "user", **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, **more}
    return _whole(messages=[message], input=[message])


def _bodies() -> Iterator[tuple[str, Any]]:
    """Bodies that are JSON."""
    yield "no model", {key: value for key, value in _whole().items() if key != "model"}
    for name in (
        "",
        None,
        5,
        [],
        {},
        True,
        "nowhere",
        "模型",
        "a b",
        "a\nb",
        "a\0b",
        "text,anything",
        "x" * 5000,
        "*",
        "anything/",
    ):
        yield f"model {str(name)[:20]!r}", _whole(model=name)
    yield "empty", {}
    yield "list", [1, 2]
    yield "text", "hello"
    yield "number", 7
    yield "null", None
    yield "no messages", {"model": "anything"}
    for value in (None, "hi", 5, {}, [], [None], [5], ["hi"], [[]], [{}], [{"role": "user"}]):
        yield f"messages {value!r}", _whole(messages=value, input=value, prompt=value)
    for role in ("robot", "", None, 5, ["user"]):
        yield f"role {role!r}", _messages("hi", role)
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    yield "picture", _messages([picture])
    yield "picture of another API", _messages([{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}])
    yield "picture somewhere", _messages([{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x.png"}}])
    yield "picture without a place", _messages([{"type": "image_url"}])
    yield "picture that is a number", _messages([{"type": "image_url", "image_url": 5}])
    yield "sound", _messages([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}])
    yield "file", _messages([{"type": "file", "file": {"file_id": "file-1"}}])
    yield "unknown part", _messages([{"type": "smell", "smell": "roses"}])
    yield "part without a type", _messages([{"text": "hi"}])
    yield "part that is a number", _messages([5])
    yield "content number", _messages(5)
    yield "content mapping", _messages({"a": 1})
    yield "answer of no tool", _messages("x", "tool", tool_call_id="none")
    yield "tool call that is a text", _messages("x", "assistant", tool_calls="none")
    yield "tool call without a function", _messages("x", "assistant", tool_calls=[{"id": "a"}])
    yield (
        "arguments that are no JSON",
        _messages(
            "x", "assistant", tool_calls=[{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}]
        ),
    )
    for key, values in {
        "temperature": ("hot", [], {}),
        "max_tokens": ("many", -1, 1e99, []),
        "n": ("two", -1, 0),
        "stream": ("yes", 5, []),
        "stop": (5, {}),
        "tools": ("none", [5], [{}], {}),
        "tool_choice": (5, {"type": "none of these"}),
        "response_format": ("json", {"type": "smell"}, []),
        "logit_bias": ("x", []),
        "metadata": ("x", 5, []),
        "stream_options": ("x", 5),
        "user": (5, []),
        "fallbacks": ("x", [5], [{"model": "anything"}], {}),
        "cache": ("x", {"namespace": "x"}),
        "reasoning_effort": (5, "endless"),
        "seed": ("x",),
        "encoding_format": ("smell",),
        "dimensions": (-1, "x"),
        "size": ("1x1", 5),
        "voice": (5,),
    }.items():
        for value in values:
            yield f"{key} {value!r}", _whole(**{key: value})
    for key in (
        "api_key",
        "api_base",
        "base_url",
        "timeout",
        "mock_response",
        "custom_llm_provider",
        "litellm_metadata",
    ):
        yield f"setting {key}", _whole(**{key: "http://127.0.0.1:1"})
    yield "unknown key", _whole(smell="roses")
    deep: Any = "hi"
    for _ in range(500):
        deep = [deep]
    yield "deep", _messages(deep)
    yield "surrogate", _messages("\ud800")


CORPUS = [
    *(Odd(name, json.dumps(body).encode()) for name, body in _bodies()),
    Odd("nothing", b""),
    Odd("no JSON", b"{"),
    Odd("no UTF-8", b'{"model": "anything", "messages": "\xff\xfe"}'),
    Odd("not a number", b'{"model": "anything", "messages": [], "temperature": NaN}'),
    Odd("a key twice", b'{"model": "text", "model": "anything", "messages": [{"role": "user", "content": "hi"}]}'),
    Odd("very deep", b"[" * 20000),
    Odd("a form", b"model=anything&messages=hi", "application/x-www-form-urlencoded"),
    Odd("a form without a boundary", b"--x", "multipart/form-data"),
    Odd(
        "a form that ends too early",
        b'--x\r\nContent-Disposition: form-data; name="model"',
        "multipart/form-data; boundary=x",
    ),
    Odd(
        "a form with the model only",
        b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nanything\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    Odd("plain text", json.dumps(_whole()).encode(), "text/plain"),
    Odd("XML", b"<model>anything</model>", "application/xml"),
    Odd("a wrong method", b"", method="PUT"),
    Odd("another wrong method", b"", method="DELETE"),
    Odd("a question without a body", b"", method="GET"),
]

# What no answer may contain unless it was sent.
LEAKS = ("127.0.0.1", "litellm", "Traceback", "0x7", ".py", "localhost", "httpx", "openai.", "Exception", "pydantic")


def judged(answer: tuple[int, dict[str, str], bytes], sent: bytes) -> str:
    """What is wrong with an answer to a client, or nothing. It may repeat what was sent."""
    status, _headers, body = answer
    if status < 400:
        return ""
    try:
        error = json.loads(body)["error"]
        complete = {"message", "type", "code"} <= set(error)
    except (ValueError, KeyError, TypeError):
        return f"{status} is no error in the API's shape: {body[:200]!r}"
    if not complete or not error["message"]:
        return f"{status} lacks something: {error}"
    leaks = [word for word in LEAKS if word.lower() in body.decode().lower() and word.encode() not in sent]
    if leaks or status in (401, 500):
        return f"{status} {leaks}: {error}"
    return ""
