# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a probe asks of a service: real requests, never "the port is open".

A probe is a dict of a release's manifest:
  {kind: http, path, status}                 a GET answers with this status
  {kind: models, path, models, key, others}  a list of models has exactly these names, with `others` at least these
  {kind: chat | stream, path, models, times, key}  so many real answers from each model, never from a cache
  {kind: workers, path, models, workers, times, key}  so many answers, and a stream, from so many processes
  {kind: answer, path, models, key}          an answer to a request for each model, from any engine
  {kind: embedding | rerank, path, models, key}  the same from models that do nothing else
  {kind: context, path, tokens, key}         GET /props of llama-server: a request has as many tokens of context
  {kind: upstream, upstream}                 a provider is there, takes its key and has its models; costs nothing
  {kind: account, path, email, models_path, models, key}  its account signs in, and finds at least these models
  {kind: redis, key, address}                PING, authenticated; at an address of the network if one is given
  {kind: haproxy, socket, release}           the running worker answers on its admin socket
`key` names a secret: {file, name} below /etc/ai-backend/secrets; its value never appears in a message.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from ..host.haproxy import AdminError, AdminSocket
from ..host.layout import Layout
from ..host.secret_files import SecretError, accepted, secret
from ..host.sockets import peer, unix_peer
from .account import check_account
from .asking import Address, Probe, ProbeError, connect, exchange, expect, request, shorten
from .upstreams import Engine
from .upstreams import listed as names_in

# The kernel chooses who takes a connection; with so many for each worker, one that is not met is not up yet.
CONNECTIONS = 8

# Raises ProbeError where the probe, asked at an address, does not pass.
Check = Callable[[Layout, Probe, Address], None]
# The same for one model, on a connection of its own.
Question = Callable[[Layout, Probe, http.client.HTTPConnection, str], object]


def check_http(layout: Layout, probe: Probe, address: Address) -> None:
    status, text = request(layout, probe, address)
    expect(
        status == probe["status"],
        f"GET {probe['path']} answered {status}, not {probe['status']}: {shorten(text)}",
    )


def check_models(layout: Layout, probe: Probe, address: Address) -> None:
    # The value before that still counts comes first: what is refused with it is refused to those who ask now.
    for key in reversed(accepted(layout, probe["key"])) if probe.get("key") else [""]:
        with connect(address) as connection:
            check_list(probe, *exchange(layout, probe, connection, key=key))


def check_list(probe: Probe, status: int, text: str) -> None:
    expect(status == 200, f"GET {probe['path']} answered {status}: {shorten(text)}")
    listed = sorted(set(names_in(text)))
    wanted = sorted(set(probe["models"]))
    lacking = [name for name in wanted if name not in listed]
    foreign = [name for name in listed if name not in wanted and not probe.get("others")]
    expect(not lacking, f"GET {probe['path']} does not list {', '.join(lacking)}")
    expect(not foreign, f"GET {probe['path']} lists {', '.join(foreign)}, which the plan does not name")


def check_context(layout: Layout, probe: Probe, address: Address) -> None:
    """llama-server cuts a context that is longer than the one of its model, and reports it only in its log."""
    status, text = request(layout, probe, address)
    expect(status == 200, f"GET {probe['path']} answered {status}: {shorten(text)}")
    has, wanted = json.loads(text)["default_generation_settings"]["n_ctx"], int(probe["tokens"])
    expect(has >= wanted, f"a request has {has} tokens of context, and the registry states {wanted}")


def question() -> str:
    """What nobody asked before: a cached answer proves nothing."""
    return f"probe {os.getpid()}-{time.monotonic_ns()}"


def post(layout: Layout, probe: Probe, connection: http.client.HTTPConnection, body: dict[str, Any]) -> str:
    """The text of one answer with status 200."""
    status, text = exchange(layout, probe, connection, body)
    expect(status == 200, f"model {body['model']} answered {status}: {shorten(text)}")
    return text


def ask(layout: Layout, probe: Probe, connection: http.client.HTTPConnection, model: str, stream: bool = False) -> str:
    """The text of one chat."""
    messages = [{"role": "user", "content": question()}]
    return post(layout, probe, connection, {"model": model, "messages": messages, "max_tokens": 4, "stream": stream})


def embedding(layout: Layout, probe: Probe, connection: http.client.HTTPConnection, model: str) -> None:
    found = json.loads(post(layout, probe, connection, {"model": model, "input": question()}))
    expect(found["data"][0]["embedding"], f"model {model} answered without an embedding")


def rerank(layout: Layout, probe: Probe, connection: http.client.HTTPConnection, model: str) -> None:
    body = {"model": model, "query": "probe", "documents": [question(), "another"]}
    found = json.loads(post(layout, probe, connection, body))
    expect(len(found["results"]) == 2, f"model {model} did not rank two documents")


def answer(layout: Layout, probe: Probe, connection: http.client.HTTPConnection, model: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(layout, probe, connection, model))
    expect(found.get("choices"), f"model {model} answered without a choice")
    return found


def chat(layout: Layout, probe: Probe, connection: http.client.HTTPConnection, model: str) -> None:
    name = answer(layout, probe, connection, model).get("model", "")
    expect(name == model, f"asked for model {model}, {name or 'nobody'} answered")


def stream(layout: Layout, probe: Probe, connection: http.client.HTTPConnection, model: str) -> None:
    text = ask(layout, probe, connection, model, stream=True)
    expect(text.rstrip().endswith("data: [DONE]"), f"the stream of model {model} did not end with [DONE]")


def check_each(one: Question) -> Check:
    """The check that asks each model on a connection of its own."""

    def check(layout: Layout, probe: Probe, address: Address) -> None:
        for model in probe["models"] * probe.get("times", 1):
            with connect(address, probe.get("timeout", 120)) as connection:
                one(layout, probe, connection, model)

    return check


def check_upstream(layout: Layout, probe: Probe, _address: Address) -> None:
    found = Engine(layout, probe["upstream"], timeout=10).look()
    wrong = [finding["message"] for finding in found if finding["severity"] == "critical"]
    expect(not wrong, "; ".join(wrong))


def who_took(layout: Layout, address: Address, connection: http.client.HTTPConnection) -> int:
    """The process that accepted this connection; 0 where it can't be seen, for example because it is closed."""
    if connection.sock is None:
        return 0
    if isinstance(address, str):
        return unix_peer(layout, connection.sock)
    return peer(layout, address, connection.sock.getsockname()[1])


def check_workers(layout: Layout, probe: Probe, address: Address) -> None:
    """Every worker process has answered: the first requests of each take seconds, and no client should meet them."""
    met = set()
    for model in probe["models"] * CONNECTIONS * probe["workers"]:
        with connect(address, probe.get("timeout", 120)) as connection:
            connection.connect()
            for _time in range(probe.get("times", 1)):
                chat(layout, probe, connection, model)
            # After an answer on it, because then it was accepted, and before a stream ends it.
            met.add(who_took(layout, address, connection))
            stream(layout, probe, connection, model)
        if len(met) == probe["workers"]:
            return
    expect(not probe["models"], f"only {len(met)} of {probe['workers']} worker processes answer")


def redis_connection(probe: Probe, address: Address) -> socket.socket:
    if isinstance(address, int):
        return socket.create_connection((probe.get("address", "127.0.0.1"), address), timeout=5)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(5)
    connection.connect(address)
    return connection


def check_redis(layout: Layout, probe: Probe, address: Address) -> None:
    password = secret(layout, probe["key"])
    where = f"redis on port {address}" if isinstance(address, int) else f"redis at {address}"
    try:
        with contextlib.closing(redis_connection(probe, address)) as connection:
            words = ["AUTH", *filter(None, [probe.get("user")]), password]
            parts = [f"*{len(words)}\r\n"] + [f"${len(word.encode('utf-8'))}\r\n{word}\r\n" for word in words]
            connection.sendall("".join(parts).encode("utf-8") + b"PING\r\n")
            answer = b""
            while answer.count(b"\r\n") < 2:
                part = connection.recv(4096)
                if not part:
                    break
                answer += part
    except OSError as error:
        raise ProbeError(f"{where}: {error}") from error
    expect(answer, f"{where} ends the connection without an answer")
    expect(answer.startswith(b"+OK"), f"{where} refuses the password")
    expect(
        b"+PONG" in answer,
        f"{where} answered PING with {shorten(answer.decode('utf-8', 'replace'))}",
    )


def check_haproxy(_layout: Layout, probe: Probe, _address: Address) -> None:
    try:
        answer = AdminSocket(probe["socket"]).ask("show env AI_BACKEND_CONFIG")
    except AdminError as error:
        raise ProbeError(f"haproxy's admin socket {error}") from error
    runs = answer.partition("=")[2]
    expect(runs == probe["release"], f"haproxy runs configuration {runs or 'unknown'}, not {probe['release']}")


CHECKS: dict[str, Check] = {
    "http": check_http,
    "models": check_models,
    "context": check_context,
    "chat": check_each(chat),
    "answer": check_each(answer),
    "embedding": check_each(embedding),
    "rerank": check_each(rerank),
    "upstream": check_upstream,
    "stream": check_each(stream),
    "workers": check_workers,
    "account": check_account,
    "redis": check_redis,
    "haproxy": check_haproxy,
}


def run_once(layout: Layout, probe: Probe, address: Address) -> None:
    """One attempt. Raises ProbeError with what is wrong, never with a secret."""
    try:
        CHECKS[probe["kind"]](layout, probe, address)
    except SecretError as error:
        raise ProbeError(str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProbeError(
            f"{probe['kind']} {probe.get('path', '')}: unreadable answer ({type(error).__name__})"
        ) from error
