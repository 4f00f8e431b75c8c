"""Clients with IPv6: they are served like others, and each is told from the others."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from stand_in import CHAT, KEY, Edge, Slot, own_address

Start = Callable[..., Edge]


def own_ipv6() -> str:
    """An address of this machine with IPv6 that is not loopback."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.connect(("2001:db8::1", 9))
        return str(probe.getsockname()[0])


def source_of(slot: Slot) -> str:
    """The caller of the last request, as LiteLLM is told."""
    return str({name.lower(): value for name, value in slot.seen[-1]["headers"].items()}["x-forwarded-for"])


def test_all_addresses_are_those_of_both_families(edge: Start, slot: Slot) -> None:
    gateway = edge(bind="::")
    for there in (own_address(), own_ipv6()):
        assert gateway.ask(CHAT, "POST", to=there).status == 200
        assert source_of(slot) == there


def test_the_gateway_may_listen_on_one_ipv6_address(edge: Start, slot: Slot) -> None:
    gateway = edge(bind=own_ipv6())
    assert gateway.ask(CHAT, "POST", to=own_ipv6()).status == 200
    with pytest.raises(OSError):
        gateway.ask(CHAT, "POST", to=own_address())


def test_clients_with_ipv4_are_not_one_client_beside_ipv6(edge: Start) -> None:
    """An IPv4 address inside an IPv6 one has the same /64 as all others."""
    gateway = edge(bind="::", requests_per_minute=2)
    assert [gateway.ask("/v1/models", to=own_address()).status for _time in range(3)] == [200, 200, 429]
    assert gateway.ask("/v1/models", operator=True).status == 200
    assert [gateway.ask("/v1/models", to=own_ipv6()).status for _time in range(3)] == [200, 200, 429]


def test_the_host_itself_is_the_operator_with_ipv6_too(edge: Start, slot: Slot) -> None:
    gateway = edge(bind="::")
    assert gateway.ask("/model/info", to="::1").status == 200
    assert source_of(slot) == "::1"
    assert gateway.ask("/model/info", to=own_ipv6()).status == 404
    assert gateway.ask("/model/info", to="::1", headers=KEY | {"X-Forwarded-For": "2001:db8::7"}).status == 404


def test_networks_may_be_ipv6(edge: Start, slot: Slot) -> None:
    gateway = edge(bind="::", trusted_proxies=[f"{own_ipv6()}/64"], trusted_networks=["2001:db8::/32"])
    assert gateway.ask(CHAT, "POST", to=own_ipv6(), headers=KEY | {"X-Forwarded-For": "2001:db8::7"}).status == 200
    assert source_of(slot) == "2001:db8::7"


def test_a_service_is_published_at_an_ipv6_address(edge: Start) -> None:
    """The way to an engine of another host; the stand-in's engine does not run."""
    gateway = edge(bind="::", published_at=["::1"])
    lines = [line.strip() for line in (gateway.folder / "haproxy.cfg").read_text().splitlines()]
    assert any(line.startswith("bind [::1]:") for line in lines)
