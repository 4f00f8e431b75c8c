"""A way back over the change from ports to sockets: the edge and the gateway only fit each other."""

from __future__ import annotations

import os

import pytest
from host_stand_in import made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import linked_release, read_text
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.asking import ProbeError
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change, Note, read, record
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback import restore as restoring
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback import together
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback.choice import RestoreError
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback.restore import Aim, Restore, Terms
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import slots
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.slot_switch import switch_slot
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import (
    SwitchError,
    refuse_elsewhere,
    switch,
)

pytestmark = pytest.mark.usefixtures("environments")
SLOTS = ["blue", "green"]
PORTS = {"litellm@blue": 4001, "litellm@green": 4002}
SOCKETS = {f"litellm@{slot}": f"/run/{slot}.sock" for slot in SLOTS}
AT_PORTS = {slot: f"127.0.0.1:{PORTS[f'litellm@{slot}']}" for slot in SLOTS}
AT_SOCKETS = {slot: f"unix@/run/{slot}.sock" for slot in SLOTS}


@pytest.fixture(autouse=True)
def _all_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (restoring, together):
        monkeypatch.setattr(module, "prove", lambda *_arguments: 0.0)


ENGINE = "llama-cpp@fast"
ENGINE_SOCKET = "/run/fast.sock"
ENGINE_PORT, OTHER = "127.0.0.1:8080", "127.0.0.1:9999"


def haproxy(asks: dict[str, str], *engine: str) -> str:
    """The part of an edge's configuration that matters here, in the shape of the role's template."""
    backends = "".join(
        f"\nbackend litellm_{slot}\n    # Where body.lua ends a request.\n"
        f"    default-server check\n    server {slot} {where} max-reuse 20\n"
        for slot, where in asks.items()
    )
    servers = "".join(f"    server s{number} {place}\n" for number, place in enumerate(engine))
    listens = f"listen fast\n    bind 127.0.0.2:8080\n\n{servers}\nlisten other\n    server local {OTHER}\n"
    return f"global\n{backends}\n{listens}"


def deploy(host: Host, number: int, asks: dict[str, str], engine: str = "", **listens: dict[str, object]) -> None:
    """A generation with an edge that asks the slots there, and a gateway that listens so; with the engine's socket."""
    change, word = Change(number, "hash"), f"ExecStart=/bin/{number}\n"
    config = haproxy(asks, f"unix@{engine}" if engine else ENGINE_PORT)
    edge = manifest("edge", word, files={"haproxy.cfg": config}, ports={}, reload=True)
    gateway = manifest("litellm", word, slotted=True, enable=[], **listens)
    switch(host, "edge", made(host.layout, edge), change)
    place = {"sockets": {ENGINE: engine}} if engine else {}
    one = manifest("llama-cpp", word, slotted=True, enable=[], listener="fast", ports={ENGINE: 8080}, **place)
    switch(host, ENGINE, made(host.layout, {**one, "slots": []}), change)
    booted = switch_slot(host, "litellm", SLOTS, made(host.layout, gateway), change)
    slots.promote(host, "litellm", SLOTS, booted["slot"], change)
    record(host, change, Note(complete=True))


@pytest.fixture
def upgraded(host: Host) -> Host:
    """Generation 1 had the slots on ports, generation 2 has them on sockets and serves in green."""
    deploy(host, 1, AT_PORTS, ports=PORTS)
    deploy(host, 2, AT_SOCKETS, ports={}, sockets=SOCKETS)
    return host


def active(host: Host) -> str:
    return (read_text(host.layout.active_slot("litellm")) or "").strip()


def test_the_edge_waits_for_the_gateway_and_both_come_back(upgraded: Host) -> None:
    host, said = upgraded, []
    first = linked_release(host.layout, "edge")
    assert Restore(host, Terms(), report=said.append).run(Aim(1, generation=3, stage="edge"))["changed"] is False
    assert linked_release(host.layout, "edge") == first
    Restore(host, Terms(), report=said.append).run(Aim(1, generation=3))
    assert [line.partition(":")[0] for line in said] == [ENGINE, "litellm", "edge"]
    assert active(host) == "active blue"
    config = read_text(os.path.join(host.layout.instance("edge"), "files", "haproxy.cfg")) or ""
    assert "server blue 127.0.0.1:4001" in config


def test_and_forward_to_the_newer_generation_again(upgraded: Host) -> None:
    Restore(upgraded, Terms()).run(Aim(1))
    Restore(upgraded, Terms()).run(Aim(2))
    assert active(upgraded) == "active green"
    config = read_text(os.path.join(upgraded.layout.instance("edge"), "files", "haproxy.cfg")) or ""
    assert "server green unix@/run/green.sock" in config


def test_an_edge_that_does_not_come_up_leaves_everything_as_it_was(
    upgraded: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise ProbeError("the edge is down")

    before = linked_release(upgraded.layout, "edge"), linked_release(upgraded.layout, "litellm@green")
    monkeypatch.setattr(together, "prove", refuse)
    with pytest.raises(RestoreError, match="litellm was not restored: the edge is down"):
        Restore(upgraded, Terms()).run(Aim(1))
    assert (linked_release(upgraded.layout, "edge"), linked_release(upgraded.layout, "litellm@green")) == before
    assert active(upgraded) == "active green"


def test_an_engine_that_the_edge_would_not_find_waits_with_it(host: Host) -> None:
    """Generation 1 had all on ports, generation 2 all on sockets: the gateway is proven through the edge that runs."""
    said: list[str] = []
    deploy(host, 1, AT_PORTS, ports=PORTS)
    deploy(host, 2, AT_SOCKETS, ENGINE_SOCKET, ports={}, sockets=SOCKETS)
    for number in (1, 2):
        said.clear()
        Restore(host, Terms(), report=said.append).run(Aim(number))
        # Before the slot that leaves is drained: its requests wait for the engine too. Then nothing is left to do.
        assert [line.partition(":")[0] for line in said] == ["litellm", "edge", ENGINE]
        assert linked_release(host.layout, ENGINE) == read(host.layout, number)["instances"][ENGINE]["release"]


def test_an_engine_goes_after_an_edge_that_fits_the_gateway(host: Host) -> None:
    said: list[str] = []
    deploy(host, 1, AT_SOCKETS, ports={}, sockets=SOCKETS)
    deploy(host, 2, AT_SOCKETS, ENGINE_SOCKET, ports={}, sockets=SOCKETS)
    Restore(host, Terms(), report=said.append).run(Aim(1))
    assert [line.partition(":")[0] for line in said] == ["edge", ENGINE, "litellm"]


def test_nor_does_an_engine_alone_go_back_there(host: Host) -> None:
    deploy(host, 1, AT_SOCKETS, ports={}, sockets=SOCKETS)
    deploy(host, 2, AT_SOCKETS, ENGINE_SOCKET, ports={}, sockets=SOCKETS)
    before = linked_release(host.layout, ENGINE)
    with pytest.raises(RestoreError, match="of llama-cpp@fast listens where the edge would not ask it"):
        Restore(host, Terms()).run(Aim(1, services=["llama-cpp"]))
    assert linked_release(host.layout, ENGINE) == before


def test_nor_is_an_engine_switched_alone_to_where_the_edge_does_not_ask_it(host: Host) -> None:
    deploy(host, 1, AT_SOCKETS, ports={}, sockets=SOCKETS)
    at_port = linked_release(host.layout, ENGINE)
    refuse_elsewhere(host.layout, ENGINE, at_port, "fast")
    place = {"ports": {ENGINE: 8080}, "sockets": {ENGINE: ENGINE_SOCKET}}
    at_socket = made(host.layout, manifest("llama-cpp", "ExecStart=/bin/2\n", slotted=True, **place))
    with pytest.raises(
        SwitchError, match=r"asks llama-cpp@fast at 127\.0\.0\.1:8080, but its new release listens at unix"
    ):
        refuse_elsewhere(host.layout, ENGINE, at_socket, "fast")
    refuse_elsewhere(host.layout, ENGINE, at_socket, "a section that this edge does not have")
    # The edge of a deploy that moves it has both places.
    both = manifest("edge", files={"haproxy.cfg": haproxy(AT_SOCKETS, ENGINE_PORT, f"unix@{ENGINE_SOCKET}")}, ports={})
    switch(host, "edge", made(host.layout, {**both, "reload": True}))
    for release in (at_port, at_socket):
        refuse_elsewhere(host.layout, ENGINE, release, "fast")


def test_the_gateway_alone_can_not_go_back_to_where_the_edge_would_not_ask_it(upgraded: Host) -> None:
    with pytest.raises(RestoreError, match="of litellm listens where the edge would not ask it"):
        Restore(upgraded, Terms()).run(Aim(1, services=["litellm"]))
    assert active(upgraded) == "active green"
