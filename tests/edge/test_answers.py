"""What leaves: errors in one shape, nothing that describes the inside, no key in the log, CORS as the registry says."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.haproxy import AdminSocket
from stand_in import CHAT, KEY, Edge, Slot

Start = Callable[..., Edge]
PAGE = "https://chat.example.com"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
}
LITELLM = {
    "Server": "uvicorn",
    "llm_provider-server": "llama.cpp",
    "x-litellm-call-id": "one",
    "x-litellm-cache-key": "litellm:two",
    "x-litellm-model-group": "lab-tiny",
    "x-litellm-attempted-fallbacks": "0",
    "x-litellm-model-api-base": "http://127.0.0.2:8080/v1",
    "x-litellm-model-id": "three",
    "x-litellm-model-name": "openai/four",
    "x-litellm-version": "1.106.2",
}
ANYBODY = {"access-control-allow-origin": "*", "access-control-allow-credentials": "true", "Vary": "Accept"}


def test_no_header_describes_the_inside(edge: Start, slot: Slot) -> None:
    slot.headers = LITELLM
    kept = {"x-litellm-call-id", "x-litellm-cache-key", "x-litellm-model-group", "x-litellm-attempted-fallbacks"}
    assert edge().ask(CHAT, "POST").names & {name.lower() for name in LITELLM} == kept


def test_who_wants_to_see_the_deployment_sees_it(edge: Start, slot: Slot) -> None:
    slot.headers = LITELLM
    names = edge(expose_deployment=True).ask(CHAT, "POST").names
    assert names & {name.lower() for name in LITELLM} == {name.lower() for name in LITELLM} - {"server"}


def test_without_a_slot_the_answer_is_503(edge: Start, slot: Slot) -> None:
    gateway = edge()
    slot.shutdown()
    slot.server_close()
    answer = gateway.ask(CHAT, "POST", body=b"{}")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    answer.problem()


def test_before_the_first_release_it_is_503_too(edge: Start, slot: Slot) -> None:
    gateway = edge()
    AdminSocket(str(gateway.folder / "admin.sock")).order(f"del map {gateway.folder}/active-slot active")
    answer = gateway.ask(CHAT, "POST", body=b"{}")
    assert answer.status == 503
    answer.problem()


def test_a_slot_that_answers_nonsense_is_502(edge: Start, slot: Slot) -> None:
    slot.nonsense = True
    answer = edge().ask(CHAT, "POST", body=b"{}")
    assert answer.status == 502
    answer.problem()


def test_a_slot_that_does_not_answer_is_504(edge: Start, slot: Slot) -> None:
    slot.wait = 3
    gateway = edge(stream_timeout_seconds=1, timeouts={"request_seconds": 1, "stream_gap_seconds": 1})
    answer = gateway.ask(CHAT, "POST", body=b"{}")
    assert answer.status == 504
    answer.problem()


def test_every_status_that_the_edge_can_give_has_its_json(edge: Start) -> None:
    text = (edge().folder / "haproxy.cfg").read_text()
    for status in (400, 401, 403, 404, 405, 408, 413, 429, 500, 502, 503, 504):
        assert f"    http-error status {status} content-type application/json" in text


def test_no_rule_needs_a_regular_expression(edge: Start) -> None:
    """HAProxy would not start on a host, and on an older kernel this module would not notice."""
    text = (edge(cors_origins=[PAGE], trusted_proxies=["10.0.0.1"], paths=["/x/"]).folder / "haproxy.cfg").read_text()
    assert not [word for word in ("-m reg", "_reg ", "regsub", "replace-", "~ ") if word in text]


def test_what_is_no_http_tells_nothing(edge: Start, slot: Slot) -> None:
    """HAProxy answers it before any configuration counts: with a page of its own, always the same."""
    answer = edge().raw(b"nonsense\r\n\r\n")
    assert answer.status == 400
    assert b"Your browser sent an invalid request." in answer.body
    assert not {"server", "via"} & answer.names


@pytest.mark.parametrize("path", ["/v1/models?key=sk-secret", "/nowhere?key=sk-secret", "/v1/models/?key=sk-secret"])
def test_the_log_has_the_path_alone(edge: Start, path: str) -> None:
    gateway = edge()
    gateway.ask(path)
    (line,) = gateway.logged(r'"GET ')
    # At its end is the id that the gateway gave the request, if it got there.
    assert line.endswith(f'"GET {path.partition("?")[0]} HTTP/1.1" -')
    assert "sk-secret" not in gateway.log.read_text()


def test_the_log_has_the_gateways_id_of_a_request(edge: Start, slot: Slot) -> None:
    slot.headers = {"x-request-id": "ci-7"}
    gateway = edge()
    answer = gateway.ask("/v1/models")
    (line,) = gateway.logged(r'"GET ')
    assert line.endswith('"GET /v1/models HTTP/1.1" ci-7')
    assert "x-request-id" in answer.names
    slot.headers = {"x-request-id": "x" * 300}
    # Another path, so that the line of the first request is not taken for it.
    gateway.ask("/v1/models/long")
    (line,) = gateway.logged(r'"GET /v1/models/long ')
    assert line.endswith(" " + "x" * 128)


def test_pages_of_others_get_no_permission(edge: Start, slot: Slot) -> None:
    slot.headers = ANYBODY
    gateway = edge()
    assert not [name for name in gateway.ask(CHAT, "POST", headers=KEY | {"Origin": PAGE}).names if "access" in name]
    answer = gateway.ask(CHAT, "OPTIONS", headers=PREFLIGHT)
    assert answer.status == 403
    assert not [name for name in answer.names if "access" in name]
    answer.problem()
    assert len(slot.seen) == 1


def test_a_page_that_is_listed_gets_it(edge: Start, slot: Slot) -> None:
    slot.headers = ANYBODY
    gateway = edge(cors_origins=[PAGE, "http://localhost:3000"])
    answer = gateway.ask(CHAT, "OPTIONS", headers=PREFLIGHT)
    assert (answer.status, answer.body, slot.seen) == (204, b"", [])
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-headers"] == PREFLIGHT["Access-Control-Request-Headers"]
    assert "POST" in answer.headers["access-control-allow-methods"]
    for headers in (KEY, {}):
        answer = gateway.ask(CHAT, "POST", headers=headers | {"Origin": PAGE})
        assert answer.status == (200 if headers else 401)
        assert answer.headers.get_all("access-control-allow-origin") == [PAGE]
        assert "Origin" in ", ".join(answer.headers.get_all("vary") or [])
        assert "access-control-allow-credentials" not in answer.names


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{PAGE}.evil.example", "http://chat.example.com"])
def test_a_page_that_is_not_listed_does_not(edge: Start, slot: Slot, origin: str) -> None:
    slot.headers = ANYBODY
    gateway = edge(cors_origins=[PAGE])
    assert gateway.ask(CHAT, "OPTIONS", headers=PREFLIGHT | {"Origin": origin}).status == 403
    answer = gateway.ask(CHAT, "POST", headers=KEY | {"Origin": origin})
    assert not [name for name in answer.names if "access" in name]
    assert "Origin" in ", ".join(answer.headers.get_all("vary") or [])


CBC = "ECDHE-RSA-AES128-SHA256:AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256"


# Python warns of what a client should not offer; here it has to.
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize(
    ("version", "ciphers", "taken"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", False),
        (ssl.TLSVersion.TLSv1_2, CBC, False),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-CHACHA20-POLY1305", True),
        (ssl.TLSVersion.TLSv1_3, "ALL", True),
    ],
)
def test_tls_has_forward_secrecy_and_authenticated_encryption(
    edge: Start, certificate: str, version: ssl.TLSVersion, ciphers: str, taken: bool
) -> None:
    gateway = edge(tls_certificate=certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    try:
        with gateway.connect(tls=context):
            assert taken
    except OSError:
        assert not taken
