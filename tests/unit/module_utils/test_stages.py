"""A way back goes stage by stage, as manifests say: the edge, what a gateway asks through it, the gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from host_stand_in import made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import linked_release
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change, Note, record
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.releases import manifest_of
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback import restore as restoring
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback.restore import Aim, Restore, Terms
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import slots
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.slot_switch import switch_slot
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import switch

pytestmark = pytest.mark.usefixtures("environments")
SLOTS = ["blue", "green"]
ENGINE = "llama-cpp@fast"
FAST = {"name": "fast", "addresses": ["127.0.0.2"], "port": 8001}
SLOW = {"name": "slow", "addresses": ["127.0.0.2", "10.0.0.7"], "port": 8002}
LATER_KEYS = ("stage", "slots", "listener")


@pytest.fixture(autouse=True)
def _all_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "prove", lambda *_arguments: 0.0)


def deploy(host: Host, number: int, sections: list[dict[str, Any]] | None, without: tuple[str, ...] = ()) -> None:
    """A generation with an edge that offers these sections, an engine and a gateway; manifests lack some keys."""
    change, word = Change(number, "hash"), f"ExecStart=/bin/{number}\n"
    files = {} if sections is None else {"published.json": json.dumps(sections)}
    ports = {f"litellm@{slot}": port for port, slot in enumerate(SLOTS, start=4001)}

    def release(service: str, **more: Any) -> str:
        content = manifest(service, word, slotted=service != "edge", **more)
        return made(host.layout, {key: value for key, value in content.items() if key not in without})

    haproxy = {"kind": "haproxy", "socket": "/nowhere", "release": "@RELEASE@"}
    switch(host, "edge", release("edge", files=files, ports={}, probes=[haproxy]), change)
    switch(host, ENGINE, release("llama-cpp", ports={ENGINE: 8001}, enable=[]), change)
    booted = switch_slot(host, "litellm", SLOTS, release("litellm", ports=ports, enable=[]), change)
    slots.promote(host, "litellm", SLOTS, booted["slot"], change)
    record(host, change, Note(complete=True))


def steps(host: Host, stage: str = "all") -> list[str]:
    """What a way back to the first generation brings back, in its order."""
    said: list[str] = []
    Restore(host, Terms(), report=said.append).run(Aim(1, stage=stage))
    return [line.partition(":")[0] for line in said]


def test_the_edge_comes_first_then_engines_then_the_gateway(host: Host) -> None:
    deploy(host, 1, [FAST, SLOW])
    deploy(host, 2, [FAST])
    assert steps(host) == ["edge", ENGINE, "litellm"]


@pytest.mark.parametrize(("stage", "expected"), [("edge", ["edge"]), ("backend", [ENGINE]), ("gateway", ["litellm"])])
def test_a_call_for_one_stage_brings_back_that_stage(host: Host, stage: str, expected: list[str]) -> None:
    deploy(host, 1, [FAST])
    deploy(host, 2, [SLOW])
    assert steps(host, stage) == expected


def test_an_edge_that_only_takes_away_waits_until_no_gateway_asks(host: Host) -> None:
    deploy(host, 1, [FAST])
    deploy(host, 2, [FAST, SLOW])
    assert steps(host, "edge") == []
    assert steps(host) == [ENGINE, "litellm", "edge"]


def test_one_that_offers_less_at_another_address_or_does_not_say_does_not_wait(host: Host) -> None:
    deploy(host, 1, [{**SLOW, "addresses": ["10.0.0.7"], "port": 9000}])
    deploy(host, 2, [FAST, SLOW])
    assert steps(host) == ["edge", ENGINE, "litellm"]
    deploy(host, 4, None)
    assert steps(host)[0] == "edge"


def test_a_generation_of_before_manifests_named_their_stage_comes_back_alike(host: Host) -> None:
    deploy(host, 1, [FAST], without=LATER_KEYS)
    before = {name: linked_release(host.layout, name) for name in ("edge", ENGINE)}
    for name, expected in (
        ("edge", ("edge", [], "")),
        (ENGINE, ("backend", [], "fast")),
        ("litellm@blue", ("gateway", SLOTS, "")),
    ):
        found = manifest_of(host.layout, name)
        assert found
        assert (found["stage"], found["slots"], found["listener"]) == expected
    deploy(host, 2, [FAST, SLOW])
    assert steps(host) == [ENGINE, "litellm", "edge"]
    assert {name: linked_release(host.layout, name) for name in before} == before
