"""Who asks: how many connections an address may have, and which address a request is taken to come from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from stand_in import CHAT, KEY, Edge, Slot, answer_on, own_address

Start = Callable[..., Edge]
ASK = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n\r\n"
FORWARDED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": "203.0.113.7",
    "Forwarded": "for=203.0.113.7",
}


def statuses(gateway: Edge, count: int, operator: bool = False) -> list[int]:
    """What the first request on each of so many connections at once is answered; 0 for a connection that is cut."""
    found = []
    with contextlib.ExitStack() as stack:
        for _number in range(count):
            try:
                connection = stack.enter_context(gateway.connect(operator))
                connection.sendall(ASK)
                answer = answer_on(connection)
                found.append(answer.status)
                if answer.status == 429:
                    assert answer.headers["retry-after"].isdecimal()
                    assert "connections" in answer.problem()["message"]
            except OSError:
                found.append(0)
    return found


def test_an_address_has_so_many_connections(edge: Start) -> None:
    gateway = edge(connections_per_address=5)
    assert statuses(gateway, 8) == [200] * 5 + [429] * 3


def test_far_more_than_that_are_cut(edge: Start) -> None:
    gateway = edge(connections_per_address=5)
    assert statuses(gateway, 13) == [200] * 5 + [429] * 5 + [0] * 3
    assert statuses(gateway, 2, operator=True) == [200] * 2, "another address"


def test_a_connection_that_ends_counts_no_longer(edge: Start) -> None:
    gateway = edge(connections_per_address=5)
    for _number in range(3):
        assert statuses(gateway, 5) == [200] * 5


@pytest.mark.parametrize("length", [8, 32])
def test_a_trusted_network_has_as_many_as_it_likes(edge: Start, length: int) -> None:
    gateway = edge(connections_per_address=2, trusted_networks=[f"{own_address()}/{length}"])
    assert statuses(gateway, 12) == [200] * 12


def test_clients_cannot_take_all_connections(edge: Start) -> None:
    """What the gateway may not have is for the way to the engines."""
    text = (edge().folder / "haproxy.cfg").read_text()
    everything, clients = [int(line.split()[1]) for line in text.splitlines() if line.split()[:1] == ["maxconn"]]
    assert clients <= 0.75 * everything


def test_what_a_stranger_says_of_others_is_dropped(edge: Start, slot: Slot) -> None:
    gateway = edge()
    gateway.ask(CHAT, "POST", headers=KEY | FORWARDED)
    headers = {name.lower(): value for name, value in slot.seen[0]["headers"].items()}
    assert headers["x-forwarded-for"] == gateway.address
    assert not {"x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded"} & set(headers)


def test_whom_a_proxy_of_the_host_speaks_for_is_not_the_operator(edge: Start, slot: Slot) -> None:
    """LiteLLM takes an address of loopback for the operator, so it must not see one."""
    gateway = edge()
    gateway.ask(CHAT, "POST", headers=KEY | FORWARDED, operator=True)
    gateway.ask(CHAT, "POST", headers=KEY, operator=True)
    seen = [{name.lower(): value for name, value in one["headers"].items()}["x-forwarded-for"] for one in slot.seen]
    assert seen == ["unknown", "127.0.0.1"]


def test_a_trusted_proxy_says_who_asks(edge: Start, slot: Slot) -> None:
    gateway = edge(trusted_proxies=[own_address()], requests_per_minute=3)
    chain = FORWARDED | {"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}
    assert [gateway.ask(CHAT, headers=KEY | chain).status for _number in range(5)] == [200] * 3 + [429] * 2
    headers = {name.lower(): value for name, value in slot.seen[0]["headers"].items()}
    assert headers["x-forwarded-for"] == "203.0.113.7"
    assert headers["x-real-ip"] == "203.0.113.7"
    assert gateway.ask(CHAT, headers=KEY | {"X-Forwarded-For": "203.0.113.8"}).status == 200, "another client"
    assert gateway.logged(r"^203\.0\.113\.7:")


def test_nobody_becomes_the_operator_by_a_header(edge: Start) -> None:
    gateway = edge(trusted_proxies=[own_address()])
    assert gateway.ask("/model/info", headers=KEY | {"X-Forwarded-For": "127.0.0.1"}).status == 404


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_who_comes_through_a_proxy_on_the_host_is_not_the_operator(edge: Start, name: str) -> None:
    gateway = edge()
    assert gateway.ask("/model/info", operator=True).status == 200
    assert gateway.ask("/model/info", operator=True, headers=KEY | {name: "203.0.113.7"}).status == 404


def test_one_address_is_told_when_it_asks_too_often(edge: Start) -> None:
    gateway = edge(requests_per_minute=2)
    answers = [gateway.ask("/v1/models") for _number in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "60"
    assert "requests a minute" in answers[2].problem()["message"]


def test_the_host_is_the_edges_own(edge: Start, slot: Slot) -> None:
    edge().ask("/v1/models", headers=KEY | {"Host": "evil.example"})
    assert slot.seen[0]["headers"]["host"] == "127.0.0.1"
