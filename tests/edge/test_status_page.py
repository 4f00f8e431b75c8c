"""The way to the operator's page, with the exporter's own answers behind it: who gets it, and what others learn."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.operator_key import OperatorKey
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.served import Status, handler
from stand_in import KEY, Edge, Slot

Start = Callable[..., Edge]
OPERATOR = "sk-operator"


def basic(key: str, user: str = "anybody") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{key}'.encode()).decode()}"}


@pytest.fixture
def page() -> Iterator[str]:
    """Where the exporter listens."""
    made = handler(lambda: "measurements", Status(OperatorKey(OPERATOR), lambda: "<h1>the page</h1>"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {OPERATOR}"}, basic(OPERATOR), basic(OPERATOR, "")])
def test_the_operator_gets_the_page(edge: Start, slot: Slot, page: str, headers: dict[str, str]) -> None:
    answer = edge(status_page=page).ask("/status", headers=headers)
    assert (answer.status, answer.body) == (200, b"<h1>the page</h1>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.names
    assert slot.seen == [], "LiteLLM knows nothing of the page"


def test_head_gets_no_body(edge: Start, page: str) -> None:
    answer = edge(status_page=page).ask("/status", "HEAD", headers=basic(OPERATOR))
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "17", b"")


@pytest.mark.parametrize("operator", [False, True])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"x-api-key": OPERATOR}, KEY, basic("sk-test"), basic("")]
)
def test_others_are_asked_for_the_key_and_learn_nothing(
    edge: Start, slot: Slot, page: str, headers: dict[str, str], operator: bool
) -> None:
    answer = edge(status_page=page).ask("/status", headers=headers, operator=operator)
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["www-authenticate"].startswith('Basic realm="')
    assert slot.seen == []


def test_with_and_without_a_key_the_edge_asks_alike(edge: Start, page: str) -> None:
    gateway = edge(status_page=page)
    asked = {gateway.ask("/status", headers=headers).headers["www-authenticate"] for headers in ({}, KEY)}
    assert len(asked) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_is_only_read(edge: Start, page: str, method: str) -> None:
    answer = edge(status_page=page, cors_origins=["https://a.example"]).ask(
        "/status", method, headers={**basic(OPERATOR), "Origin": "https://a.example"}
    )
    assert (answer.status, answer.headers["allow"], answer.body) == (405, "GET, HEAD", b"")


@pytest.mark.parametrize(
    "path", ["/status/", "/status/x", "/v1/status", "/statusx", "//status", "/x/../status", "/STATUS"]
)
def test_it_has_one_path(edge: Start, slot: Slot, page: str, path: str) -> None:
    assert edge(status_page=page).ask(path, headers=basic(OPERATOR)).status == 404
    assert slot.seen == []


def test_the_measurements_are_behind_no_path_of_the_endpoint(edge: Start, page: str) -> None:
    assert edge(status_page=page).ask("/metrics", headers=basic(OPERATOR)).status == 404


def test_guesses_are_limited_like_all_requests_of_an_address(edge: Start, page: str) -> None:
    gateway = edge(status_page=page, requests_per_minute=20)
    statuses = [gateway.ask("/status", headers=basic(f"guess-{number}")).status for number in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    assert gateway.ask("/status", headers=basic(OPERATOR)).status == 429


def test_the_key_is_in_no_log(edge: Start, page: str) -> None:
    gateway = edge(status_page=page)
    gateway.ask("/status", headers=basic(OPERATOR))
    gateway.logged(r"GET /status")
    assert OPERATOR not in gateway.log.read_text()
    assert basic(OPERATOR)["Authorization"].split()[1] not in gateway.log.read_text()


def test_without_its_process_it_is_not_up_and_the_gateway_goes_on(edge: Start) -> None:
    gateway = edge(status_page="127.0.0.1:9")
    answer = gateway.ask("/status", headers=basic(OPERATOR))
    assert (answer.status, answer.problem()["message"]) == (503, "the status page is not up")
    assert gateway.ask("/v1/models").status == 200


def test_without_monitoring_there_is_none(edge: Start, slot: Slot) -> None:
    assert edge().ask("/status", headers=basic(OPERATOR)).status == 404
    assert slot.seen == []
