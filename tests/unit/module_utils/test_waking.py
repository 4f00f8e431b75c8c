"""Engines that are not always in memory: what the switch does about one that sleeps, or is not the one of its group."""

from __future__ import annotations

import pathlib

import pytest
from host_stand_in import FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, linked_release, wake_units
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection.port_table import absence
from ansible_collections.lab.ai_backend.plugins.module_utils.probes import prove as proving
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.asking import ProbeError
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.releases import at_edge
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import loading
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.loaded import choices, choose, loaded
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.settled import settled

pytestmark = pytest.mark.usefixtures("environments")

FAST, LARGE = "llama-cpp@fast", "llama-cpp@large"
UNIT = f"ai-backend-{FAST}.service"
SOCKET, PROXY = wake_units(FAST)


def waking(on_request: bool = True, instance: str = FAST, **changes: object) -> dict[str, object]:
    """A release of an engine that a request wakes, or a playbook loads."""
    wake = {
        "on_request": on_request,
        "socket": f"/run/ai-backend-wake/{instance}.sock" if on_request else "",
        "edge": "127.0.0.2:8091",
        "group": "gpu0",
        "models": ["tiny"],
        "members": [FAST, LARGE],
        "health": "/health",
    }
    units = {name.replace("fast", ""): "[Service]\n" for name in wake_units(FAST)} if on_request else {}
    return manifest(
        "llama-cpp",
        slotted=True,
        wake=wake,
        units={"ai-backend-llama-cpp@.service": "[Service]\n", **units},
        enable=[wake_units(instance)[0] if on_request else f"ai-backend-{instance}.service"],
        **changes,
    )


def always() -> dict[str, object]:
    return manifest("llama-cpp", slotted=True, enable=[UNIT])


def test_one_that_a_request_wakes_is_not_started_but_its_socket_is(
    host: Host, layout: Layout, systemctl: FakeSystemctl
) -> None:
    release_id = made(layout, waking())
    result = switching.switch(host, FAST, release_id)
    assert (result["action"], set(systemctl.active), systemctl.enabled) == ("wake", {SOCKET}, {SOCKET})
    assert settled(host, FAST, release_id)
    assert not switching.switch(host, FAST, release_id)["changed"]


def test_one_that_is_awake_restarts_onto_its_new_release(host: Host, layout: Layout, systemctl: FakeSystemctl) -> None:
    switching.switch(host, FAST, made(layout, waking()))
    systemctl(["systemctl", "start", UNIT])
    result = switching.switch(host, FAST, made(layout, waking(files={"a.conf": "other\n"})))
    assert (result["action"], UNIT in systemctl.active) == ("restart", True)


@pytest.mark.parametrize("damage", ["stopped", "disabled"])
def test_a_socket_that_does_not_listen_is_put_right(
    host: Host, layout: Layout, systemctl: FakeSystemctl, damage: str
) -> None:
    release_id = made(layout, waking())
    switching.switch(host, FAST, release_id)
    (systemctl.active if damage == "stopped" else systemctl.enabled).clear()
    assert switching.switch(host, FAST, release_id)["changed"]
    assert (SOCKET in systemctl.active, SOCKET in systemctl.enabled) == (True, True)


def test_between_always_and_on_request_only_one_of_both_starts_at_boot(
    host: Host, layout: Layout, systemctl: FakeSystemctl
) -> None:
    before, after = made(layout, always()), made(layout, waking())
    for release_id, enabled in ((before, {UNIT}), (after, {SOCKET}), (before, {UNIT})):
        switching.switch(host, FAST, release_id)
        assert systemctl.enabled == enabled
    assert SOCKET not in systemctl.active


def test_what_is_withdrawn_takes_its_socket_along(host: Host, layout: Layout, systemctl: FakeSystemctl) -> None:
    switching.switch(host, FAST, made(layout, waking()))
    switching.withdraw(host, FAST)
    assert (systemctl.active, systemctl.enabled, linked_release(layout, FAST)) == ({}, set(), "")
    assert not list(pathlib.Path(layout.units).glob("*wake*"))


def test_the_edge_asks_it_where_systemd_listens() -> None:
    assert at_edge(waking(), FAST) == f"unix@/run/ai-backend-wake/{FAST}.sock"


def test_it_is_proven_through_the_edge_that_knows_whose_turn_it_is(
    host: Host, layout: Layout, systemctl: FakeSystemctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = waking(probes=[{"kind": "http", "path": "/health", "status": 200}])
    switching.switch(host, FAST, made(layout, content))
    asked = []

    def knocked(found: dict[str, object], seconds: float) -> None:
        asked.append(found["wake"])
        systemctl(["systemctl", "start", UNIT])

    monkeypatch.setattr(proving, "wake", knocked)
    monkeypatch.setattr(proving, "run_once", lambda *_: None)
    proving.prove(host, FAST, content, 5)
    assert asked == [content["wake"]]


def test_without_an_edge_it_does_not_wake(host: Host) -> None:
    with pytest.raises(ProbeError, match=r"the edge at 127\.0\.0\.2:1, which wakes it"):
        proving.wake({"wake": {"edge": "127.0.0.2:1", "health": "/health"}}, 1)


def test_one_that_sleeps_is_no_engine_that_is_down(host: Host, layout: Layout, systemctl: FakeSystemctl) -> None:
    switching.switch(host, FAST, made(layout, waking(sockets={FAST: "/run/x/http.sock"})))
    assert absence(layout, host.systemd, FAST) == "idle"
    systemctl.active.clear()
    assert absence(layout, host.systemd, FAST) == "down"


# -- by hand ------------------------------------------------------------------------------------------------------


@pytest.fixture
def both(host: Host, layout: Layout) -> Host:
    """Two engines of a group, of which the first is loaded."""
    for name in (FAST, LARGE):
        switching.switch(host, name, made(layout, waking(on_request=False, instance=name)))
    return host


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The engines that prove themselves."""
    good = {FAST, LARGE}

    def prove(host: Host, instance: str, *_: object) -> float:
        if instance not in good:
            raise ProbeError("no good answer")
        return 0.1

    monkeypatch.setattr(loading, "prove", prove)
    return good


def running(systemctl: FakeSystemctl) -> set[str]:
    return {unit.removeprefix("ai-backend-").removesuffix(".service") for unit in systemctl.active}


def test_without_a_choice_the_first_is_loaded_and_the_others_rest(both: Host, systemctl: FakeSystemctl) -> None:
    assert (running(systemctl), systemctl.enabled) == ({FAST}, {UNIT})
    assert settled(both, LARGE, linked_release(both.layout, LARGE))


def test_one_that_is_not_loaded_is_no_engine_that_is_down(both: Host, systemctl: FakeSystemctl) -> None:
    systemctl.active.clear()
    assert [absence(both.layout, both.systemd, name) for name in (FAST, LARGE)] == ["down", "idle"]


def test_a_choice_that_is_gone_is_none(layout: Layout) -> None:
    choose(layout, "gpu0", "llama-cpp@gone")
    choose(layout, "gpu1", LARGE)
    assert loaded(layout, {"group": "gpu0", "members": [FAST]}) == FAST
    assert choices(layout) == {"gpu0": "llama-cpp@gone", "gpu1": LARGE}


@pytest.mark.usefixtures("answers")
def test_the_choice_of_one_that_goes_goes_with_it(both: Host) -> None:
    """The edge still asked for the one that was gone, and refused all others of its group."""
    loading.load(both, LARGE, 5, 5)
    switching.withdraw(both, LARGE)
    assert choices(both.layout) == {}


@pytest.mark.usefixtures("answers")
def test_another_is_loaded_in_its_place(both: Host, systemctl: FakeSystemctl) -> None:
    result = loading.load(both, LARGE, 5, 5)
    assert (result["changed"], result["previous"], running(systemctl)) == (True, FAST, {LARGE})
    assert systemctl.enabled == {f"ai-backend-{LARGE}.service"}
    assert not loading.load(both, LARGE, 5, 5)["changed"]
    for name in (FAST, LARGE):
        assert settled(both, name, linked_release(both.layout, name))


@pytest.mark.usefixtures("answers")
def test_a_check_tells_it_and_changes_nothing(both: Host, systemctl: FakeSystemctl) -> None:
    assert loading.load(both, LARGE, 5, 5, check=True)["reasons"] == [f"{FAST} is loaded"]
    assert (running(systemctl), choices(both.layout)) == ({FAST}, {})


def test_one_that_does_not_answer_is_not_loaded(both: Host, systemctl: FakeSystemctl, answers: set[str]) -> None:
    answers.remove(LARGE)
    with pytest.raises(loading.LoadError, match=f"no good answer. {FAST} is loaded again and answers"):
        loading.load(both, LARGE, 5, 5)
    assert (running(systemctl), loaded(both.layout, {"group": "gpu0", "members": [FAST, LARGE]})) == ({FAST}, FAST)
    answers.clear()
    with pytest.raises(loading.LoadError, match=r"does not answer either \(no good answer\): look at journalctl"):
        loading.load(both, LARGE, 5, 5)


@pytest.mark.usefixtures("answers")
def test_one_whose_model_is_gone_is_refused_before_anything_stops(
    host: Host, layout: Layout, systemctl: FakeSystemctl, tmp_path: pathlib.Path
) -> None:
    model = tmp_path / "model.gguf"
    model.touch()
    for name in (FAST, LARGE):
        release_id = made(layout, waking(on_request=False, instance=name, requires=[str(model)]))
        switching.switch(host, name, release_id)
    model.unlink()
    systemctl.calls.clear()
    with pytest.raises(loading.LoadError, match=r"model\.gguf, which isn't there: deploy again. Nothing was changed"):
        loading.load(host, LARGE, 5, 5)
    assert systemctl.calls == []


def test_whatever_goes_wrong_the_edge_asks_the_one_before_again(
    both: Host, answers: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that could not be written left the whole group refused."""
    routed: list[str] = []
    monkeypatch.setattr(loading, "route", lambda host, group, instance: routed.append(instance))

    def full(host: Host, instance: str, *_: object) -> float:
        if instance == LARGE:
            raise OSError(28, "No space left on device")
        return 0.1

    monkeypatch.setattr(loading, "prove", full)
    with pytest.raises(loading.LoadError, match=f"No space left on device. {FAST} is loaded again and answers"):
        loading.load(both, LARGE, 5, 5)
    assert routed == [loading.NOBODY, FAST]


def test_a_load_that_is_ended_in_the_middle_leaves_the_choice_of_before(
    both: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "prove", ended)
    with pytest.raises(KeyboardInterrupt):
        loading.load(both, LARGE, 5, 5)
    assert loaded(both.layout, {"group": "gpu0", "members": [FAST, LARGE]}) == FAST


@pytest.mark.parametrize(("content", "words"), [(None, "deploy first"), (waking(), "is not loaded by hand")])
def test_only_one_of_a_group_that_is_on_the_host_can_be_loaded(
    host: Host, layout: Layout, content: dict[str, object] | None, words: str
) -> None:
    if content:
        switching.switch(host, FAST, made(layout, content))
    with pytest.raises(loading.LoadError, match=words):
        loading.load(host, FAST, 5, 5)
