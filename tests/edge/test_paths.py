"""Which paths clients reach, and what a request needs before its body is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stand_in import CHAT, KEY, Edge, Slot, answer_on

Start = Callable[..., Edge]
OFFERED = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/models",
    "/models/lab-tiny",
    "/models/Qwen/Coder-AWQ",
    "/responses",
    "/responses/resp_1",
    "/audio/speech",
    "/audio/transcriptions",
    "/images/generations",
    "/moderations",
    "/rerank",
    "/messages",
    "/messages/count_tokens",
    "/mcp",
    "/health/liveliness",
    "/health/liveness",
    "/health/readiness",
]
HIDDEN = [
    "/",
    "/v1",
    "/health",
    "/v1/health",
    "/health/",
    "/health/services",
    "/health/readiness/details",
    "/model/info",
    "/v1/model/info",
    "/metrics",
    "/cache/ping",
    "/key/generate",
    "/ui",
    "/docs",
    "/openapi.json",
    "/v1/modelsx",
    "/v1/chat/completions/../../model/info",
    "/v1/models/../../model/info",
    "/v1/models/..%2f..%2fmodel/info",
    "/v1/models/%2e%2e/%2e%2e/model/info",
    "//v1/models",
    "/v1//models",
    "/v1/models//",
    "/V1/models",
    "/v1/%6dodels",
]
# What LiteLLM knows in one spelling only.
SPELLED = {"/messages": "/v1/messages", "/v1/mcp": "/mcp", "/v1/health/readiness": "/health/readiness"}


def test_what_is_offered_arrives_with_and_without_v1(edge: Start, slot: Slot) -> None:
    gateway = edge()
    for path in [*OFFERED, *(f"/v1{path}" for path in OFFERED)]:
        assert gateway.ask(f"{path}?a=b").status == 200, path
        assert gateway.ask(f"{path}/?a=b").status == 200, path
        first, second = slot.seen[-2:]
        assert first["path"] == second["path"], "one slash at the end is the same path"
        assert first["path"].removesuffix("?a=b").removeprefix("/v1") == path.removeprefix("/v1")


@pytest.mark.parametrize(("asked", "arrives"), SPELLED.items())
def test_a_path_arrives_as_litellm_spells_it(edge: Start, slot: Slot, asked: str, arrives: str) -> None:
    assert edge().ask(asked).status == 200
    assert slot.seen[0]["path"] == arrives


def test_everything_else_is_not_there_with_or_without_a_key(edge: Start, slot: Slot) -> None:
    gateway = edge()
    for path in HIDDEN:
        for headers in (KEY, {}):
            answer = gateway.ask(path, headers=headers)
            assert answer.status == 404, path
            assert answer.problem()["type"] == "not_found_error"
    assert slot.seen == []


def test_on_the_host_itself_every_path_is_there(edge: Start, slot: Slot) -> None:
    gateway = edge()
    for path in ("/health", "/model/info", "/metrics", "/ui/"):
        assert gateway.ask(path, operator=True, headers={}).status == 200
    assert [seen["path"] for seen in slot.seen] == ["/health", "/model/info", "/metrics", "/ui/"]


def test_more_paths_are_named_in_the_registry(edge: Start, slot: Slot) -> None:
    gateway = edge(paths=["/v1/files/", "/metrics"])
    assert [gateway.ask(path).status for path in ("/v1/files/", "/v1/files/f-1", "/metrics", "/metrics/")] == [200] * 4
    assert [seen["path"] for seen in slot.seen] == ["/v1/files/", "/v1/files/f-1", "/metrics", "/metrics"]
    assert [gateway.ask(path).status for path in ("/v1/files", "/metrics/x", "/v1/files/../x")] == [404] * 3
    assert gateway.ask("/metrics", headers={}).status == 401


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["http://127.0.0.1:4001/v1/models/", "/v1/models/"])
def test_no_redirect_leaves(edge: Start, slot: Slot, status: int, where: str) -> None:
    gateway = edge()
    slot.status, slot.headers = status, {"Location": where}
    answer = gateway.ask("/v1/models")
    assert (answer.status, "location" in answer.names) == (404, False)
    answer.problem()
    answer = gateway.ask("/ui", operator=True)
    assert (answer.status, answer.headers["location"]) == (status, "/v1/models/")


def test_an_inner_address_leaves_in_no_answer(edge: Start, slot: Slot) -> None:
    slot.status, slot.headers = 201, {"Location": "http://127.0.0.1:4001/v1/files/1"}
    assert edge().ask(CHAT, "POST").headers["location"] == "/v1/files/1"


@pytest.mark.parametrize("operator", [False, True])
def test_without_a_key_the_body_is_not_read(edge: Start, slot: Slot, operator: bool) -> None:
    with edge().connect(operator) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n")
        answer = answer_on(connection)
    assert answer.status == 401
    assert answer.problem()["type"] == "authentication_error"
    assert slot.seen == []


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"x-api-key": ""}, {"Cookie": "token=x"}])
def test_what_is_no_key_is_none(edge: Start, headers: dict[str, str]) -> None:
    assert edge().ask("/v1/models", headers=headers).status == 401


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "X-API-KEY", "api-key", "x-litellm-api-key"])
def test_a_key_is_left_to_litellm(edge: Start, slot: Slot, name: str) -> None:
    assert edge().ask("/v1/models", headers={name: "anything"}).status == 200


def test_health_needs_no_key(edge: Start) -> None:
    assert edge().ask("/health/readiness", headers={}).status == 200


@pytest.mark.parametrize("asks", [b"TRACE /v1/models", b"CONNECT x:443", b"PROPFIND /v1/models"])
def test_a_method_that_nobody_needs_is_refused(edge: Start, slot: Slot, asks: bytes) -> None:
    answer = edge().raw(asks + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status == 405
    answer.problem()
    assert slot.seen == []
