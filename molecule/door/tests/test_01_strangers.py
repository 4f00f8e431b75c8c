"""Who has no key: nothing of a request is read, nothing is told, and clients notice nothing."""

import contextlib
import json
import socket
import time

import httpx
import pytest
from fleet import wait

CHAT = "/v1/chat/completions"
FORGED = {"Authorization": "Bearer sk-forged"}
# A key in a query string, which the log must not keep.
QUERY = "sk-in-a-query"  # pragma: allowlist secret


@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/v1/embeddings", "/v1/messages", "/v1/images/generations"])
def test_a_path_of_clients_needs_a_key(client, path):
    for headers in ({}, FORGED):
        method = "GET" if path.endswith("models") else "POST"
        answer = httpx.request(method, client.base + path, headers=headers, json={} if method == "POST" else None)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    ["/", "/redoc", "/openapi.json", "/ui/", "/sso/key/generate", "/fallback/login", "/public/model_hub", "/metrics"],
)
def test_other_paths_do_not_exist_with_or_without_a_key(client, path):
    for headers in ({}, FORGED, dict(client.http.headers)):
        answer = httpx.get(client.base + path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "404")


def test_the_master_key_is_no_administrator_from_another_host(client, gateway):
    for method, path in (
        ("POST", "/cache/flushall"),
        ("POST", "/guardrails/test_custom_code"),
        ("GET", "/config/yaml"),
    ):
        assert client.http.request(method, path).status_code == 404
    assert "lab-tiny" in gateway.fetch("http://127.0.0.1:4000/model/info", client.key).stdout


def test_a_key_in_a_query_string_is_in_no_log(client, gateway):
    path = "/v1/models/in-no-log"
    httpx.get(f"{client.base}{path}?key={QUERY}", headers=FORGED)
    logs = "journalctl --no-pager --output cat -u ai-backend-edge -u 'ai-backend-litellm@*'"
    wait(lambda: path in gateway.run(logs), 10)
    assert QUERY not in gateway.run(logs)


def test_bodies_that_do_not_end_take_no_place_from_clients(client, gateway):
    """As many connections as one address may have, each with a body that comes byte by byte."""
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-forged\r\nContent-Length: 9000\r\n\r\n{{"
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((gateway.address, 4000), 30)) for _number in range(40)]
        for connection in slow:
            connection.sendall(head.encode())
        with client.asking():
            end = time.monotonic() + 14
            while time.monotonic() < end:
                for connection in slow:
                    with contextlib.suppress(OSError):
                        connection.sendall(b" ")
                time.sleep(1)
        answers = {connection.recv(12)[9:12] for connection in slow}
    assert answers <= {b"408", b""}, answers
    assert b"408" in answers


def test_an_address_with_too_many_connections_gets_no_more(gateway):
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(socket.create_connection((gateway.address, 4000), 10)) for _number in range(120)]
        refused = 0
        for connection in many:
            with contextlib.suppress(OSError):
                connection.settimeout(5)
                connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
                refused += connection.recv(12)[9:12] in (b"429", b"")
        assert refused >= 20


def test_an_answer_names_no_engine_host_or_version(client):
    for answer in (client.ask(), client.ask(model="nowhere")):
        told = json.dumps(dict(answer.headers)).lower() + answer.text.lower()
        assert not [
            word for word in ("127.0.0", "litellm-version", "uvicorn", "haproxy", "1.106", "llamacpp") if word in told
        ]
