"""Bodies: how large, how slow, and in which form they may come."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from stand_in import CHAT, KEY, Edge, Slot, answer_on

Start = Callable[..., Edge]
LIMIT = 100_000
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(size: int) -> bytes:
    return b"%x\r\n%s\r\n" % (size, b"x" * size)


def curl(edge: Edge, size: int, *options: str) -> tuple[int, str]:
    """Status and protocol of a body of unknown length that comes through a pipe."""
    argv = ["curl", "-sS", "-k", "-T", "-", "-X", "POST", "-H", "Authorization: Bearer sk-test", "-o", "/dev/null"]
    scheme = "https" if "--http2" in options else "http"
    url = f"{scheme}://{edge.address}:{edge.port}{CHAT}"
    done = subprocess.run(
        [*argv, *options, "-w", "%{http_code} %{http_version}", url],
        input=b"x" * size,
        capture_output=True,
        check=False,
        timeout=30,
    )
    status, protocol = done.stdout.split()
    return int(status), protocol.decode()


def test_a_chunked_body_is_taken(edge: Start, slot: Slot) -> None:
    gateway = edge(max_body_bytes=LIMIT)
    assert gateway.raw(CHUNKED + chunk(10) + b"0\r\n\r\n").status == 200
    assert gateway.raw(CHUNKED + chunk(40_000) * 2 + b"0\r\n\r\n").status == 200
    assert [seen["body"] for seen in slot.seen] == [10, 80_000]


@pytest.mark.parametrize("limit", [2048, LIMIT])
def test_a_chunked_body_is_counted(edge: Start, slot: Slot, limit: int) -> None:
    gateway = edge(max_body_bytes=limit)
    answer = gateway.raw(CHUNKED + chunk(limit // 2) * 3 + b"0\r\n\r\n")
    assert answer.status == 413
    assert f"larger than {limit} bytes" in answer.problem()["message"]
    assert all(seen["body"] <= limit for seen in slot.seen)
    gateway.stop()
    assert gateway.process.returncode in (0, -15, 143)


def test_a_body_without_end_is_cut(edge: Start, slot: Slot) -> None:
    """HAProxy 2.6 closes the connection, 3.0 throws away what still comes."""
    gateway = edge(max_body_bytes=LIMIT)
    with gateway.connect() as connection, contextlib.suppress(OSError):
        connection.sendall(CHUNKED)
        for _number in range(1000):
            connection.sendall(chunk(10_000))
    assert gateway.logged(" 413 .*POST ")
    assert all(seen["body"] <= LIMIT for seen in slot.seen)


@pytest.mark.parametrize("options", [["--http1.1"], ["--http2-prior-knowledge"], ["--http2"]])
def test_a_length_that_is_not_told_is_counted_in_each_protocol(
    edge: Start, slot: Slot, certificate: str, options: list[str]
) -> None:
    gateway = edge(max_body_bytes=LIMIT, tls_certificate=certificate if "--http2" in options else "")
    protocol = "1.1" if options == ["--http1.1"] else "2"
    assert curl(gateway, 90_000, *options) == (200, protocol)
    assert slot.seen[0]["body"] == 90_000
    assert curl(gateway, 150_000, *options) == (413, protocol)
    assert all(seen["body"] <= LIMIT for seen in slot.seen)


@pytest.mark.parametrize("length", [LIMIT + 1, 2**31, 2**32 - 1, 2**32, 2**32 + 10, 2**63 - 1])
def test_a_length_above_the_limit_is_refused_without_a_byte(edge: Start, slot: Slot, length: int) -> None:
    answer = edge(max_body_bytes=LIMIT).raw(HEAD + b"Content-Length: %d\r\n\r\n" % length)
    assert answer.status == 413
    answer.problem()
    assert slot.seen == []


def test_a_client_that_sends_a_large_body_all_the_same_is_told_why(edge: Start, slot: Slot) -> None:
    gateway = edge()
    url = f"http://{gateway.address}:{gateway.port}{CHAT}"
    assert httpx.post(url, headers=KEY, content=b"x" * 10_500_000, trust_env=False).status_code == 413
    assert slot.seen == []


@pytest.mark.parametrize("length", [b"abc", b"-1", b"1, 2", b"9" * 30, b"1\r\nContent-Length: 2"])
def test_a_length_that_is_none_is_a_bad_request(edge: Start, slot: Slot, length: bytes) -> None:
    answer = edge().raw(HEAD + b"Content-Length: " + length + b"\r\n\r\nx")
    assert answer.status == 400
    assert slot.seen == []


def slowly(connection: socket.socket, pieces: Iterator[bytes], seconds: float) -> float:
    """Send until the edge has had enough. Returns after how long that was."""
    began = time.monotonic()
    connection.settimeout(0.2)
    for piece in pieces:
        connection.sendall(piece)
        try:
            if connection.recv(1, socket.MSG_PEEK) or True:
                break
        except TimeoutError:
            assert time.monotonic() - began < seconds
    connection.settimeout(10)
    return time.monotonic() - began


@pytest.mark.parametrize("begin", [0, 50_000], ids=["in the edge's buffer", "on its way to a slot"])
@pytest.mark.parametrize("piece", [b"", b"x"], ids=["silent", "a byte at a time"])
def test_a_slow_body_is_cut(edge: Start, slot: Slot, begin: int, piece: bytes) -> None:
    """The edge looks at a body on its way every five seconds."""
    with edge().connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 90000\r\n\r\n" + b"x" * begin)
        assert slowly(connection, itertools.repeat(piece), 9) > 0.8
        answer = answer_on(connection)
    assert answer.status == 408
    assert answer.problem()["type"] == "timeout_error"


def test_a_slot_that_lets_a_body_wait_is_not_the_clients_fault(edge: Start, slot: Slot) -> None:
    gateway = edge()
    slot.stall = 7.0
    with gateway.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 9000000\r\n\r\n" + b"x" * 9_000_000)
        assert answer_on(connection).status == 200


def test_a_long_wait_for_an_answer_and_a_slow_stream_are_not_cut(edge: Start, slot: Slot) -> None:
    """Longer than the edge's look at a body, and than what a body may take."""
    gateway = edge(timeouts={"request_seconds": 20, "stream_gap_seconds": 20}, stream_timeout_seconds=20)
    slot.wait, slot.gap = 6.5, 1.5
    body = b"x" * 50_000
    answer = gateway.ask(CHAT, "POST", body=body)
    assert (answer.status, answer.body) == (200, b"data: x\n\n" * 3)


def test_who_expects_to_be_told_to_go_on_is_told(edge: Start, slot: Slot) -> None:
    assert curl(edge(), 20, "--http1.1", "-H", "Expect: 100-continue") == (200, "1.1")
