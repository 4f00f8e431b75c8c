"""Switching: what runs is compared with what should, and only the difference is mended."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from host_stand_in import FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import (
    Layout,
    linked_release,
    unit_of,
    write_atomic,
)
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import generations
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import differences, slot_switch
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching

SLOTS = ["blue", "green"]


pytestmark = pytest.mark.usefixtures("environments")


def test_a_new_instance_is_linked_installed_enabled_and_started(
    host: Host, layout: Layout, systemctl: FakeSystemctl
) -> None:
    release_id = made(layout, manifest())
    result = switching.switch(host, "redis", release_id, change=Change(3, "r"))
    assert (result["changed"], result["previous"], result["action"]) == (True, "", "start")
    assert linked_release(layout, "redis") == release_id
    assert pathlib.Path(layout.dropin("redis")).read_text().count("ExecStart=/bin/one") == 1
    assert unit_of("redis") in systemctl.enabled
    assert unit_of("redis") in systemctl.active
    opened = generations.read(layout, 3)
    assert (opened["complete"], opened["instances"]["redis"]["release"]) == (False, release_id)


def test_a_second_switch_finds_nothing_and_calls_nothing(host: Host, layout: Layout, systemctl: FakeSystemctl) -> None:
    release_id = made(layout, manifest())
    switching.switch(host, "redis", release_id)
    systemctl.calls.clear()
    result = switching.switch(host, "redis", release_id, change=Change(9))
    assert (result["changed"], systemctl.calls, generations.read(layout, 9)) == (False, [], None)


@pytest.mark.parametrize("damage", ["stopped", "disabled", "dropin", "unit file", "other process", "secret"])
def test_whatever_differs_is_mended(
    host: Host, layout: Layout, systemctl: FakeSystemctl, environments: dict[int, str], damage: str
) -> None:
    release_id = made(layout, manifest(secrets=["redis.conf"]))
    switching.switch(host, "redis", release_id)
    unit = unit_of("redis")
    if damage == "stopped":
        systemctl.active.clear()
    elif damage == "disabled":
        systemctl.enabled.clear()
    elif damage == "dropin":
        pathlib.Path(layout.dropin("redis")).write_text("edited")
    elif damage == "unit file":
        pathlib.Path(layout.unit(unit)).write_text("edited")
    elif damage == "other process":
        environments[systemctl.active[unit]] = "older"
    else:
        systemctl.clock = 0
        write_atomic(os.path.join(layout.secrets, "redis.conf"), "new", 0o600)
    result = switching.switch(host, "redis", release_id)
    assert result["changed"], result
    systemctl.clock = 10**15
    assert not switching.switch(host, "redis", release_id)["changed"]


@pytest.mark.parametrize(("given", "restarts"), [("right", False), ("older", True), (None, True)])
def test_a_key_written_again_restarts_nobody_who_has_it(
    host: Host,
    layout: Layout,
    systemctl: FakeSystemctl,
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    restarts: bool,
) -> None:
    """A wrong key, taken back before its engine saw it, may not cost the minutes of loading a model."""
    release_id = made(layout, manifest("llama-cpp", secrets=["llama-cpp.env"]))
    switching.switch(host, "llama-cpp", release_id)
    environment = {"AI_BACKEND_RELEASE": release_id, **({"LLAMA_API_KEY": given} if given else {})}
    monkeypatch.setattr(differences, "environment", lambda layout, pid: environment)
    systemctl.clock = 0
    # Only the secret file is younger than the process.
    os.utime(f"{layout.release('llama-cpp', release_id)}/manifest.json", (0, 0))
    text = 'LLAMA_API_KEY="right"\n'  # pragma: allowlist secret
    write_atomic(os.path.join(layout.secrets, "llama-cpp.env"), text, 0o600)
    result = switching.switch(host, "llama-cpp", release_id)
    assert (result["changed"], result["action"]) == (restarts, "restart" if restarts else "")


def test_check_mode_says_the_same_and_touches_nothing(host: Host, layout: Layout, systemctl: FakeSystemctl) -> None:
    release_id = made(layout, manifest())
    result = switching.switch(host, "redis", release_id, change=Change(1), check=True)
    assert result["changed"]
    assert (systemctl.calls, linked_release(layout, "redis"), generations.numbers(layout)) == ([], "", [])
    unknown = switching.switch(host, "redis", "not-made-yet", check=True)
    assert unknown["reasons"] == ["release not-made-yet is new"]


def test_a_release_that_lacks_something_is_not_switched_to(host: Host, layout: Layout) -> None:
    release_id = made(layout, manifest(requires=["/nowhere/model.gguf"]))
    with pytest.raises(switching.SwitchError, match=r"needs /nowhere/model\.gguf"):
        switching.switch(host, "redis", release_id)
    assert linked_release(layout, "redis") == ""


@pytest.mark.parametrize("first", [True, False], ids=["the first release", "another release"])
@pytest.mark.parametrize("which", ["check_room", "record"])
def test_what_cannot_be_recorded_is_not_switched(
    host: Host, layout: Layout, systemctl: FakeSystemctl, monkeypatch: pytest.MonkeyPatch, first: bool, which: str
) -> None:
    """The disk was full: the link named a release that no process ran and no generation knew."""
    before = "" if first else made(layout, manifest(files={"a.conf": "before\n"}))
    if before:
        switching.switch(host, "redis", before, change=Change(1))
        systemctl.calls.clear()

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(switching, which, full)
    with pytest.raises((switching.SwitchError, OSError), match="No space left on device"):
        switching.switch(host, "redis", made(layout, manifest()), change=Change(2))
    assert linked_release(layout, "redis") == before
    assert not [call for call in systemctl.calls if call[:1] in (["start"], ["restart"], ["reload"])]
    assert generations.numbers(layout) == ([] if first else [1])


def test_the_room_for_a_generation_is_there_before_a_change_begins(layout: Layout) -> None:
    generations.check_room(layout)
    assert os.listdir(layout.generations) == []


def test_a_disk_without_room_for_a_generation_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="make room there") as caught:
        generations.check_room(layout)
    assert str(caught.value).startswith(f"no generation can be recorded in {layout.generations}: [Errno 28] No space")
    assert os.listdir(layout.generations) == []


def test_a_service_that_reloads_is_reloaded(host: Host, layout: Layout, systemctl: FakeSystemctl) -> None:
    switching.switch(host, "edge", made(layout, manifest("edge", reload=True)))
    second = made(layout, manifest("edge", files={"a.conf": "changed\n"}, reload=True))
    assert switching.switch(host, "edge", second)["action"] == "reload"


def test_a_service_whose_unit_only_reloads_otherwise_is_reloaded(host: Host, layout: Layout) -> None:
    """An upgrade restarted the edge, and two requests were lost, because its unit checks a configuration otherwise."""
    name, start = "ai-backend-edge.service", "[Service]\nType=notify\n"
    for text, action in (
        (start, "start"),
        (f"{start}# why\nExecReload=/bin/check\nExecStartPre=/bin/prepare\n", "reload"),
        (f"{start}RestartSec=9\nTimeoutStopSec=9\nLimitCORE=0\nStartLimitIntervalSec=0\nMemoryMax=9%\n", "reload"),
        ("[Service]\n", "restart"),
    ):
        release = made(layout, manifest("edge", units={name: text}, reload=True))
        assert switching.switch(host, "edge", release)["action"] == action


@pytest.mark.parametrize(("name", "action"), [("edge.pem", "reload"), ("edge.env", "restart")])
def test_a_secret_that_a_reload_reads_needs_no_restart(
    host: Host, layout: Layout, systemctl: FakeSystemctl, name: str, action: str
) -> None:
    """A new certificate cut open answers, because the edge was restarted for it."""
    release = made(layout, manifest("edge", secrets=[name], reload=True))
    switching.switch(host, "edge", release)
    write_atomic(os.path.join(layout.secrets, name), 'NAME="new"\n', 0o600)
    os.utime(f"{layout.release('edge', release)}/manifest.json", (0, 0))
    systemctl.clock = 0
    assert switching.switch(host, "edge", release)["action"] == action


def test_a_service_that_reloads_is_restarted_where_its_process_must_change(host: Host, layout: Layout) -> None:
    switching.switch(host, "edge", made(layout, manifest("edge", reload=True)))
    second = made(layout, manifest("edge", dropin="Environment=AI_BACKEND_CERTIFICATE=/x.pem\n", reload=True))
    assert switching.switch(host, "edge", second)["action"] == "restart"


def slotted(dropin: str = "ExecStart=/bin/one\n") -> dict[str, object]:
    return manifest("litellm", dropin=dropin, slotted=True, enable=["ai-backend-litellm.service"])


def commit(layout: Layout, slot: str) -> None:
    write_atomic(layout.active_slot("litellm"), f"active {slot}\n")


def test_the_first_candidate_boots_in_a_slot_and_nothing_is_committed(
    host: Host, layout: Layout, systemctl: FakeSystemctl
) -> None:
    result = slot_switch.switch_slot(host, "litellm", SLOTS, made(layout, slotted()))
    assert (result["candidate"], result["slot"], result["active"]) == (True, "blue", "")
    assert generations.active_slot(layout, "litellm") == ""
    assert list(systemctl.active) == ["ai-backend-litellm@blue.service"]


def test_a_change_boots_the_idle_slot_and_leaves_the_active_one_alone(
    host: Host, layout: Layout, systemctl: FakeSystemctl
) -> None:
    first = made(layout, slotted())
    slot_switch.switch_slot(host, "litellm", SLOTS, first)
    commit(layout, "blue")
    pid = systemctl.active["ai-backend-litellm@blue.service"]
    second = made(layout, slotted("ExecStart=/bin/two\n"))
    result = slot_switch.switch_slot(host, "litellm", SLOTS, second)
    assert (result["slot"], result["previous"]) == ("green", first)
    assert systemctl.active["ai-backend-litellm@blue.service"] == pid
    assert linked_release(layout, "litellm@blue") == first


def test_an_active_slot_that_serves_the_release_is_left_alone_and_a_leftover_candidate_stopped(
    host: Host, layout: Layout, systemctl: FakeSystemctl
) -> None:
    release_id = made(layout, slotted())
    slot_switch.switch_slot(host, "litellm", SLOTS, release_id)
    commit(layout, "blue")
    assert not slot_switch.switch_slot(host, "litellm", SLOTS, release_id)["changed"]
    systemctl(["systemctl", "start", "ai-backend-litellm@green.service"])
    result = slot_switch.switch_slot(host, "litellm", SLOTS, release_id)
    assert (result["changed"], result["candidate"]) == (True, False)
    assert list(systemctl.active) == ["ai-backend-litellm@blue.service"]


def test_an_active_slot_that_died_is_started_where_it_is(host: Host, layout: Layout, systemctl: FakeSystemctl) -> None:
    release_id = made(layout, slotted())
    slot_switch.switch_slot(host, "litellm", SLOTS, release_id)
    commit(layout, "blue")
    systemctl.active.clear()
    result = slot_switch.switch_slot(host, "litellm", SLOTS, release_id)
    assert (result["candidate"], result["action"]) == (False, "start")
    assert list(systemctl.active) == ["ai-backend-litellm@blue.service"]


def test_what_is_not_expected_is_withdrawn_and_its_release_kept(
    host: Host, layout: Layout, systemctl: FakeSystemctl
) -> None:
    release_id = made(layout, manifest())
    switching.switch(host, "redis", release_id)
    assert switching.retire(host, ["redis"]) == []
    assert switching.retire(host, [], check=True) == ["redis"]
    assert unit_of("redis") in systemctl.active
    assert switching.retire(host, [], change=Change(5)) == ["redis"]
    assert (systemctl.active, systemctl.enabled) == ({}, set())
    assert not os.path.exists(layout.unit(unit_of("redis")))
    assert os.path.isdir(layout.release("redis", release_id))
    kept = json.loads(pathlib.Path(generations.path_of(layout, 5)).read_text())
    assert kept["summary"] == ["retired redis"]


def test_the_unit_file_of_a_template_goes_with_its_last_instance(host: Host, layout: Layout) -> None:
    release_id = made(layout, slotted())
    for slot in SLOTS:
        switching.install(host, f"litellm@{slot}", release_id)
    switching.withdraw(host, "litellm@blue")
    assert os.path.exists(layout.unit("ai-backend-litellm@.service"))
    switching.withdraw(host, "litellm@green")
    assert not os.path.exists(layout.unit("ai-backend-litellm@.service"))


def test_the_slot_that_serves_is_known_as_committed_and_no_other(layout: Layout) -> None:
    assert not slot_switch.committed(layout, "litellm@blue")
    commit(layout, "blue")
    assert slot_switch.committed(layout, "litellm@blue")
    assert not slot_switch.committed(layout, "litellm@green")
    assert not slot_switch.committed(layout, "redis")
