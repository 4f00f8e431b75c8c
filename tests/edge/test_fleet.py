"""Two hosts: the edge of a gateway asks the edge of an engine's host, which believes nobody else."""

from __future__ import annotations

import base64
import contextlib
import http.client
import pathlib
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet_identity import create, server_name
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan
from stand_in import Answer, Slot, free_port, listens, own_address, rendered, started, until

REGISTRY = {
    "providers": {"fast": {"type": "llama_cpp", "hosts": "llama_cpp", "models": [{"name": "m", "source": "tiny"}]}},
    "routing": {"exact_matches": {"n": {"provider": "fast", "backend_model": "m", "fallback": "other"}}},
}
OTHER = {"type": "openai_compatible", "base_url": "http://10.9.9.9:1", "models": ["o"]}
GROUPS = {"gateway": ["here"], "redis": ["here"], "llama_cpp": ["there"]}


class Fleet:
    """Both edges, as two HAProxy processes of this machine. Both have the same address, so ports differ."""

    def __init__(self, folder: pathlib.Path, engine: Slot) -> None:
        self.folder, self.engine, self.address, self.door = folder, engine, own_address(), free_port()
        providers = {**REGISTRY["providers"], "other": OTHER}
        ports = {"services": {"fast": engine.server_port, "redis": free_port(), "fleet": self.door}}
        addresses = {"here": self.address, "there": self.address}
        registry = load({**REGISTRY, "providers": providers, "ports": ports})
        self.plan = make_plan(registry, GROUPS, addresses)
        self.identity = create()
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, host: str, identity: str | None = None) -> pathlib.Path:
        """The edge of a host; returns its folder."""
        folder = self.folder / host
        folder.mkdir()
        (folder / "fleet.pem").write_bytes(base64.b64decode(identity or self.identity))
        row = {"config": {**config_of(self.plan, host, "edge"), "gateway": None}}
        for section in row["config"]["published"]:
            if section["kind"] == "service":
                section["to"] = self.engine.where
        self.running.append(started(folder, rendered(folder, row)))
        (port,) = [(row["addresses"][0], row["port"]) for row in row["config"]["published"] if row["kind"] != "service"]
        until(lambda: listens(port), folder / "log", self.running[-1])
        return folder

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
            process.wait()

    def ask(self) -> Answer:
        """What LiteLLM on the gateway's host gets of the engine."""
        published = config_of(self.plan, "here", "edge")["published"]
        (relay,) = [section for section in published if section["kind"] == "relay"]
        with contextlib.closing(http.client.HTTPConnection(relay["addresses"][0], relay["port"], timeout=10)) as asked:
            asked.request("GET", "/health")
            return Answer(asked.getresponse())

    def stranger(
        self, identity: str | None, name: str = "fast", newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    ) -> bytes:
        """What one gets who knows the port of the engine's host and has a certificate, or none."""
        context = ssl.create_default_context()
        context.maximum_version = newest
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if identity:
            pem = self.folder / "stranger.pem"
            pem.write_bytes(base64.b64decode(identity))
            context.load_cert_chain(pem)
        with (
            socket.create_connection((self.address, self.door), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=server_name(name)) as connection,
        ):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.fixture
def fleet(tmp_path: pathlib.Path, slot: Slot) -> Iterator[Fleet]:
    """Both edges, not started; an engine's stand-in behind the one there."""
    found = Fleet(tmp_path, slot)
    yield found
    found.stop()


@pytest.fixture
def both(fleet: Fleet) -> Fleet:
    """Both edges run."""
    fleet.start("there")
    fleet.start("here")
    return fleet


def test_a_gateway_reaches_the_engine_of_another_host(both: Fleet, slot: Slot) -> None:
    assert both.ask().status == 200
    assert [seen["path"] for seen in slot.seen if seen["method"] == "GET"] == ["/health"]


def test_who_reads_the_network_reads_no_request(both: Fleet) -> None:
    """Plain HTTP to the port between hosts gets nothing: there is only TLS."""
    with socket.create_connection((both.address, both.door), timeout=10) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in connection.recv(4096)


@pytest.mark.parametrize("identity", [None, create], ids=["no certificate", "another fleet's"])
def test_who_is_no_member_is_answered_nothing(both: Fleet, slot: Slot, identity: Callable[[], str] | None) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        both.stranger(identity and identity())
    assert slot.seen == []


def test_a_member_gets_only_what_the_host_offers(both: Fleet, slot: Slot) -> None:
    assert b"200 OK" in both.stranger(both.identity)
    seen = len(slot.seen)
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        assert both.stranger(both.identity, name="redis") == b""
    assert len(slot.seen) == seen


def test_a_member_gets_nothing_that_others_use(fleet: Fleet, slot: Slot) -> None:
    """As an engine's host may bring its lines to a gateway, and not ask the engine there."""
    for section in config_of(fleet.plan, "there", "edge")["published"]:
        for service in section.get("services", ()):
            service["allow"] = ["192.0.2.7"]
    fleet.start("there")
    fleet.start("here")
    assert fleet.ask().status in (502, 503)
    assert slot.seen == []


def lines(folder: pathlib.Path) -> list[str]:
    """Of requests and connections, in the log of an edge."""
    return [line for line in (folder / "log").read_text().splitlines() if "GET /health" in line or " fleet" in line]


@pytest.mark.parametrize("quiet", [False, True])
def test_what_is_asked_all_the_time_is_logged_only_if_it_fails(fleet: Fleet, slot: Slot, quiet: bool) -> None:
    """Each line of a log is shipped: one about each shipment would never end."""
    for host in ("here", "there"):
        for section in config_of(fleet.plan, host, "edge")["published"]:
            for one in (section, *section.get("services", ())):
                one["quiet"] = quiet
    folders = [fleet.start("there"), fleet.start("here")]
    assert [fleet.ask().status for _ in range(3)] == [200] * 3
    fleet.running[0].terminate()
    fleet.running[0].wait()
    assert fleet.ask().status == 503
    until(lambda: any(" 503 " in line for line in lines(folders[1])), folders[1] / "log")
    there, here = (lines(folder) for folder in folders)
    assert bool(there) is not quiet
    assert [" 503 " in line for line in here] == ([True] if quiet else [False, False, False, True])


def test_an_engine_is_asked_only_at_a_host_with_the_identity(fleet: Fleet, slot: Slot) -> None:
    """One that took the address of a member gets neither the key nor a prompt."""
    fleet.start("there", identity=create())
    fleet.start("here")
    answer = fleet.ask()
    assert answer.status == 503
    assert slot.seen == []


def test_a_host_that_is_gone_is_named(fleet: Fleet) -> None:
    fleet.start("here")
    answer = fleet.ask()
    assert (answer.status, answer.problem()["message"]) == (503, "there can not be reached")


def test_a_member_too_speaks_only_the_newest_tls(both: Fleet) -> None:
    assert b"200 OK" in both.stranger(both.identity, newest=ssl.TLSVersion.TLSv1_3)
    with pytest.raises(ssl.SSLError, match="protocol version"):
        both.stranger(both.identity, newest=ssl.TLSVersion.TLSv1_2)
