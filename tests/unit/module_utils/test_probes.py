"""Probes against a server that misbehaves in every way an engine was seen to."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from host_stand_in import NOBODY, FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, unit_of, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.host.secret_files import SecretError, secret
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection.status import health
from ansible_collections.lab.ai_backend.plugins.module_utils.probes import checks
from ansible_collections.lab.ai_backend.plugins.module_utils.probes import prove as proving
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import point

KEY = {"file": "engine.env", "name": "ENGINE_KEY"}
SECRET = "the-key-of-the-engine"  # pragma: allowlist secret


class Engine(http.server.BaseHTTPRequestHandler):
    """An engine whose answers a test sets: {path: (status, body)}."""

    answers: dict[str, tuple[int, str]] = {}
    asked: list[tuple[str, str, dict[str, Any]]] = []

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Engine.asked.append((self.path, self.headers.get("Authorization", ""), json.loads(body) if body else {}))
        status, text = Engine.answers.get(self.path, (404, "no such path"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class KeepsAlive(Engine):
    """Ends an answer and not the connection, as a real one does."""

    protocol_version = "HTTP/1.1"

    def end_headers(self) -> None:
        _status, text = Engine.answers.get(self.path, (404, "no such path"))
        self.send_header("Content-Length", str(len(text.encode())))
        super().end_headers()


class AtSocket(socketserver.ThreadingUnixStreamServer):
    """The engine at a Unix socket; its base class has no address of the client."""

    def get_request(self) -> tuple[Any, Any]:
        return super().get_request()[0], ("", 0)


@pytest.fixture
def socket_path(layout: Layout, tmp_path: pathlib.Path) -> Iterator[str]:
    """The path at which the engine listens."""
    Engine.answers, Engine.asked = {}, []
    write_atomic(os.path.join(layout.secrets, "engine.env"), f'ENGINE_KEY="{SECRET}"\n', 0o600)
    path = str(tmp_path / "http.sock")
    server = AtSocket(path, KeepsAlive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield path
    server.shutdown()
    server.server_close()


@pytest.fixture
def port(layout: Layout) -> Iterator[int]:
    Engine.answers, Engine.asked = {}, []
    write_atomic(os.path.join(layout.secrets, "engine.env"), f'ENGINE_KEY="{SECRET}"\n', 0o600)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def models(*names: str) -> tuple[int, str]:
    return 200, json.dumps({"data": [{"id": name} for name in names]})


def chat(model: str) -> tuple[int, str]:
    return 200, json.dumps({"model": model, "choices": [{"message": {"content": "x"}}]})


LIST = {"kind": "models", "path": "/v1/models", "models": ["a", "b"], "key": KEY}
CHAT = {"kind": "chat", "path": "/v1/chat/completions", "models": ["a"], "times": 2, "key": KEY}


def test_an_answer_counts_whoever_gives_it(layout: Layout, port: int) -> None:
    route = {"kind": "answer", "path": "/v1/chat/completions", "models": ["a"], "key": KEY}
    Engine.answers["/v1/chat/completions"] = chat("its-fallback")
    checks.run_once(layout, route, port)
    Engine.answers["/v1/chat/completions"] = (503, "nobody is there")
    with pytest.raises(checks.ProbeError, match="model a answered 503: nobody is there"):
        checks.run_once(layout, route, port)


def test_a_provider_that_is_paid_for_is_looked_at_and_not_asked(layout: Layout, port: int) -> None:
    write_atomic(os.path.join(layout.secrets, "litellm.env"), f'CLOUD_KEY="{SECRET}"\n', 0o600)
    point(layout, "litellm@blue", made(layout, manifest("litellm", slotted=True, secrets=["litellm.env"])))
    url = f"http://127.0.0.1:{port}/v1/models"
    cloud: dict[str, Any] = {"provider": "cloud", "host": "x", "key": "CLOUD_KEY", "health": url, "models_url": url}
    cloud |= {"models": [{"name": "gpt", "path": "p"}], "headers": {"Authorization": "Bearer {key}"}, "unit": ""}
    cloud |= {"spelling": {"tag": "", "endings": []}, "aliases": False, "any_name": False, "hint": "write its name"}
    Engine.answers["/v1/models"] = models("gpt")
    checks.run_once(layout, {"kind": "upstream", "upstream": cloud}, 0)
    assert {path for path, _key, _body in Engine.asked} == {"/v1/models"}
    Engine.answers["/v1/models"] = (401, "no")
    with pytest.raises(checks.ProbeError, match="refuses the key CLOUD_KEY"):
        checks.run_once(layout, {"kind": "upstream", "upstream": cloud}, 0)


def test_an_engine_must_have_the_context_that_the_registry_states(layout: Layout, port: int) -> None:
    """llama-server cuts a context that is longer than the one its model was trained with."""
    probe = {"kind": "context", "path": "/props", "tokens": 8192, "key": KEY}
    Engine.answers["/props"] = (200, json.dumps({"default_generation_settings": {"n_ctx": 8192}}))
    checks.run_once(layout, probe, port)
    Engine.answers["/props"] = (200, json.dumps({"default_generation_settings": {"n_ctx": 4096}}))
    with pytest.raises(checks.ProbeError, match="has 4096 tokens of context, and the registry states 8192"):
        checks.run_once(layout, probe, port)


def test_a_list_of_exactly_the_planned_models_passes_with_the_key(layout: Layout, port: int) -> None:
    Engine.answers["/v1/models"] = models("b", "a")
    checks.run_once(layout, LIST, port)
    assert Engine.asked[0][1] == f"Bearer {SECRET}"


def test_an_engine_has_to_take_every_key_that_counts(layout: Layout, port: int) -> None:
    """While the engines' key is rotated gateways still ask with the one before."""
    Engine.answers["/v1/models"] = models("a", "b")
    both = 'LLAMA_API_KEY="new,old"\n'  # pragma: allowlist secret
    before = 'LLAMA_API_KEY_BEFORE="old"\nLLAMA_API_KEY_BEFORE_UNTIL="9999999999"\n'  # pragma: allowlist secret
    write_atomic(os.path.join(layout.secrets, "llama-cpp.env"), both, 0o600)
    write_atomic(os.path.join(layout.secrets, "llama-cpp-before.env"), before, 0o600)
    probe = {**LIST, "key": {"file": "llama-cpp.env", "name": "LLAMA_API_KEY"}}
    checks.run_once(layout, probe, port)
    assert [key for _path, key, _body in Engine.asked] == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (models("a"), "does not list b"),
        (models("a", "b", "c"), "lists c, which the plan does not name"),
        ((401, "no"), "answered 401"),
        ((200, "<html>"), "unreadable answer"),
        ((200, '{"data": 7}'), "unreadable answer"),
    ],
)
def test_any_other_list_is_refused_with_the_reason(
    layout: Layout, port: int, listed: tuple[int, str], words: str
) -> None:
    Engine.answers["/v1/models"] = listed
    with pytest.raises(checks.ProbeError, match=words) as refused:
        checks.run_once(layout, LIST, port)
    assert SECRET not in str(refused.value)


def test_an_answer_of_the_wrong_model_is_no_answer(layout: Layout, port: int) -> None:
    Engine.answers["/v1/chat/completions"] = chat("z")
    with pytest.raises(checks.ProbeError, match="asked for model a, z answered"):
        checks.run_once(layout, CHAT, port)


def test_every_question_is_new_so_that_no_cache_can_answer(layout: Layout, port: int) -> None:
    Engine.answers["/v1/chat/completions"] = chat("a")
    checks.run_once(layout, CHAT, port)
    questions = [body["messages"][0]["content"] for _path, _key, body in Engine.asked]
    assert len(set(questions)) == len(questions) == 2


def test_a_stream_must_end_well(layout: Layout, port: int) -> None:
    stream = {**CHAT, "kind": "stream"}
    Engine.answers["/v1/chat/completions"] = (200, "data: {}\n\ndata: [DONE]\n\n")
    checks.run_once(layout, stream, port)
    Engine.answers["/v1/chat/completions"] = (200, "data: {}\n\n")
    with pytest.raises(checks.ProbeError, match="did not end"):
        checks.run_once(layout, stream, port)


def test_every_worker_must_have_answered(layout: Layout, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine.answers["/v1/chat/completions"] = (200, "data: {}\n\ndata: [DONE]\n\n")
    workers = {**CHAT, "kind": "workers", "workers": 2, "times": 0}
    seen = iter([7, 7, 7, 8])
    monkeypatch.setattr(checks, "peer", lambda layout, port, own: next(seen))
    checks.run_once(layout, workers, port)
    assert len(Engine.asked) == 4
    monkeypatch.setattr(checks, "peer", lambda layout, port, own: 7)
    with pytest.raises(checks.ProbeError, match="only 1 of 2 worker processes answer"):
        checks.run_once(layout, workers, port)


def test_a_worker_answers_chats_and_a_stream(layout: Layout, port: int) -> None:
    Engine.answers["/v1/chat/completions"] = chat("a")
    with pytest.raises(checks.ProbeError, match="did not end"):
        checks.run_once(layout, {**CHAT, "kind": "workers", "workers": 1, "times": 3}, port)
    assert [body["stream"] for _path, _key, body in Engine.asked] == [False, False, False, True]


def test_a_service_is_asked_at_its_socket_with_the_key(layout: Layout, socket_path: str) -> None:
    Engine.answers["/v1/models"] = models("b", "a")
    checks.run_once(layout, LIST, socket_path)
    assert Engine.asked[0][1] == f"Bearer {SECRET}"
    os.unlink(socket_path)
    with pytest.raises(checks.ProbeError, match=f"{socket_path}/v1/models: .*No such file"):
        checks.run_once(layout, LIST, socket_path)


def test_a_worker_at_a_socket_is_found_while_its_connection_is_open(layout: Layout, socket_path: str) -> None:
    Engine.answers["/v1/chat/completions"] = chat("a")
    with checks.connect(socket_path) as connection:
        checks.exchange(layout, CHAT, connection, {"model": "a"})
        assert checks.who_took(Layout(), socket_path, connection) == os.getpid()


def test_where_no_model_may_be_asked_no_worker_is(layout: Layout, port: int) -> None:
    checks.run_once(layout, {**CHAT, "kind": "workers", "workers": 2, "models": []}, port)
    assert Engine.asked == []


def test_a_status_other_than_the_expected_one_is_told(layout: Layout, port: int) -> None:
    Engine.answers["/health"] = (503, '{"error": "Loading   model"}')
    with pytest.raises(checks.ProbeError, match=r'GET /health answered 503, not 200: \{"error": "Loading model"\}'):
        checks.run_once(layout, {"kind": "http", "path": "/health", "status": 200}, port)


def test_nobody_listening_is_told(layout: Layout) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    with pytest.raises(checks.ProbeError, match="refused"):
        checks.run_once(layout, {"kind": "http", "path": "/", "status": 200}, closed)


def test_a_secret_that_is_not_there_is_named(layout: Layout) -> None:
    with pytest.raises(SecretError, match=r"engine\.env isn't there"):
        secret(layout, KEY)
    write_atomic(os.path.join(layout.secrets, "engine.env"), 'OTHER="x"\n', 0o600)
    with pytest.raises(SecretError, match="has no ENGINE_KEY"):
        secret(layout, KEY)
    write_atomic(os.path.join(layout.secrets, "redis.conf"), 'requirepass "a=b"\n', 0o600)
    assert secret(layout, {"file": "redis.conf", "name": "requirepass"}) == "a=b"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"+OK\r\n+PONG\r\n", ""),
        (b"-WRONGPASS x\r\n-NOAUTH\r\n", "refuses the password"),
        (b"", "without an answer"),
        (b"+OK\r\n-LOADING\r\n", "LOADING"),
    ],
)
@pytest.mark.parametrize("at_socket", [False, True], ids=["port", "socket"])
def test_redis_must_take_the_password_and_answer_ping(
    layout: Layout, tmp_path: pathlib.Path, at_socket: bool, answer: bytes, words: str
) -> None:
    write_atomic(os.path.join(layout.secrets, "redis.conf"), f'requirepass "{SECRET}"\n', 0o600)
    where = str(tmp_path / "redis.sock") if at_socket else ("127.0.0.1", 0)
    server = socket.create_server(where, family=socket.AF_UNIX if at_socket else socket.AF_INET)
    address = where if at_socket else server.getsockname()[1]

    def serve() -> None:
        connection, _address = server.accept()
        with connection:
            asked = connection.recv(4096)
            assert b"*3\r\n$4\r\nAUTH\r\n$7\r\ngateway\r\n" in asked
            assert SECRET.encode() in asked
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    probe = {"kind": "redis", "user": "gateway", "key": {"file": "redis.conf", "name": "requirepass"}}
    try:
        if words:
            with pytest.raises(checks.ProbeError, match=words) as refused:
                checks.run_once(layout, probe, address)
            assert SECRET not in str(refused.value)
        else:
            checks.run_once(layout, probe, address)
    finally:
        thread.join(5)
        server.close()


def test_a_unit_that_keeps_dying_ends_the_wait_at_once(layout: Layout, port: int) -> None:
    def dying(argv: list[str], timeout: int = 0) -> tuple[int, str]:
        dying.restarts += 1  # type: ignore[attr-defined]
        return 0, f"ActiveState=activating\nSubState=auto-restart\nNRestarts={dying.restarts}\n"  # type: ignore[attr-defined]

    dying.restarts = 0  # type: ignore[attr-defined]
    manifest = {"ports": {"a": port}, "probes": [LIST]}
    with pytest.raises(checks.ProbeError, match="does not stay up"):
        proving.prove(Host(layout, Systemd(run=dying), NOBODY), "a", manifest, timeout=60, sleep=lambda seconds: None)


def process(layout: Layout, pid: int, state: str, *children: int) -> None:
    """A process as /proc shows it."""
    write_atomic(layout.path(f"proc/{pid}/task/{pid}/children"), " ".join(map(str, children)))
    write_atomic(layout.path(f"proc/{pid}/stat"), f"{pid} (python (x) 3) {state} 1 2 3")


@pytest.mark.parametrize(
    ("workers", "states", "refusal"),
    [
        (2, "ZS", "no good answer within"),
        (2, "ZZ", "does not stay up: 2 of its worker processes ended"),
        (2, "Z ", "does not stay up: 2 of its worker processes ended"),
        # One worker has no parent that outlives it; what its children are is its own affair.
        (1, "ZZ", "no good answer within"),
    ],
)
def test_workers_that_die_below_a_parent_that_lives_end_the_wait(
    host: Host, layout: Layout, systemctl: FakeSystemctl, port: int, workers: int, states: str, refusal: str
) -> None:
    systemctl.active[unit_of("a")] = 7
    process(layout, 7, "S", 8, 9)
    process(layout, 8, "S")
    process(layout, 9, "S")

    def time_goes_by(_seconds: float) -> None:
        process(layout, 7, "S", *[pid for pid, state in zip((8, 9), states, strict=True) if state != " "])
        for pid, state in zip((8, 9), states, strict=True):
            process(layout, pid, state)

    asked = {"kind": "workers", "path": "/v1/chat/completions", "models": ["a"], "workers": workers}
    Engine.answers["/v1/models"] = (503, "")
    manifest = {"ports": {"a": port}, "probes": [LIST, asked]}
    with pytest.raises(checks.ProbeError, match=refusal):
        proving.prove(host, "a", manifest, timeout=0.2, sleep=time_goes_by)


def test_the_deadline_ends_the_wait_with_the_last_reason(host: Host, port: int, systemctl: FakeSystemctl) -> None:
    systemctl.active[unit_of("a")] = 1
    Engine.answers["/v1/models"] = models("a")
    manifest = {"ports": {"a": port}, "probes": [LIST]}
    with pytest.raises(checks.ProbeError, match=r"within 0 s: .* does not list b"):
        proving.prove(host, "a", manifest, timeout=0, sleep=lambda seconds: None)
    Engine.answers["/v1/models"] = models("a", "b")
    assert proving.prove(host, "a", manifest, timeout=5) < 5


def test_the_reason_is_the_fault_and_not_the_breaker_it_opens(host: Host, systemctl: FakeSystemctl, port: int) -> None:
    systemctl.active[unit_of("litellm@blue")] = 1
    Engine.answers["/v1/chat/completions"] = (500, "the engine is on fire")

    def then_the_breaker_opens(_seconds: float) -> None:
        Engine.answers["/v1/chat/completions"] = (429, "No deployments available for selected model")

    release = {"ports": {"litellm@blue": port}, "probes": [{**CHAT, "times": 1}]}
    with pytest.raises(checks.ProbeError, match="answered 500: the engine is on fire"):
        proving.prove(host, "litellm@blue", release, timeout=0.2, sleep=then_the_breaker_opens)


def test_an_attempt_that_hangs_does_not_outlast_the_deadline(
    host: Host, systemctl: FakeSystemctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal took 3:45 where it says 60 s, on a host that could not resolve names."""
    never = threading.Event()
    monkeypatch.setitem(checks.CHECKS, "http", lambda *_arguments: never.wait(20))
    monkeypatch.setattr(proving, "LEAST_SECONDS", 0.2)
    systemctl.active["ai-backend-a.service"] = 5
    release = {"ports": {"a": 1}, "probes": [{"kind": "http", "path": "/", "status": 200}]}
    begin = time.monotonic()
    with pytest.raises(checks.ProbeError, match=r"no good answer within 0 s: http /: no answer in 0 s"):
        proving.prove(host, "a", release, timeout=0.1)
    assert time.monotonic() - begin < 5
    never.set()


def test_an_embedding_is_proven_by_a_vector(layout: Layout, port: int) -> None:
    probe = {"kind": "embedding", "path": "/v1/embeddings", "models": ["a"], "key": KEY}
    Engine.answers["/v1/embeddings"] = (200, json.dumps({"data": [{"embedding": [0.5]}]}))
    checks.run_once(layout, probe, port)
    Engine.answers["/v1/embeddings"] = (200, json.dumps({"data": [{"embedding": []}]}))
    with pytest.raises(checks.ProbeError, match="model a answered without an embedding"):
        checks.run_once(layout, probe, port)
    Engine.answers["/v1/embeddings"] = (501, "no embeddings here")
    with pytest.raises(checks.ProbeError, match="model a answered 501: no embeddings here"):
        checks.run_once(layout, probe, port)


def test_a_ranking_is_proven_by_two_ranked_documents(layout: Layout, port: int) -> None:
    probe = {"kind": "rerank", "path": "/v1/rerank", "models": ["a"], "key": KEY}
    Engine.answers["/v1/rerank"] = (200, json.dumps({"results": [{"index": 1}, {"index": 0}]}))
    checks.run_once(layout, probe, port)
    Engine.answers["/v1/rerank"] = (200, json.dumps({"results": []}))
    with pytest.raises(checks.ProbeError, match="model a did not rank two documents"):
        checks.run_once(layout, probe, port)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, '{"is_sleeping": true}'), "asleep"),
        ((200, '{"is_sleeping": false}'), "ok"),
        ((200, '{"build": "of a server that knows no sleep"}'), "ok"),
        ((200, "<html>"), "GET /props gave an unreadable answer"),
    ],
)
def test_the_status_tells_whether_an_engine_sleeps_and_asks_it_nothing_else(
    layout: Layout, port: int, answer: tuple[int, str], words: str
) -> None:
    Engine.answers = {"/health": (200, "ok"), "/props": answer}
    probes = [
        {"kind": "http", "path": "/health", "status": 200},
        {"kind": "context", "path": "/props", "tokens": 512, "key": KEY},
        CHAT,
    ]
    assert health(layout, {"probes": probes, "ports": {"engine": port}, "sockets": {}}, "engine") == words
    assert [path for path, _key, _body in Engine.asked] == ["/health", "/props"]
