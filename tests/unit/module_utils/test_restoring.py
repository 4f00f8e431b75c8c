"""The way back: a generation's releases, proven and committed like a deploy's, from what the host keeps."""

from __future__ import annotations

import json
import os
import pathlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from host_stand_in import NOBODY, FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host import run_lock as changing
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, linked_release, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.host.run_lock import RunNote
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.asking import ProbeError
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import (
    Change,
    Note,
    active_slot,
    path_of,
    read,
    record,
)
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback import choice
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback import restore as restoring
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback.choice import RestoreError, Row, previous_of
from ansible_collections.lab.ai_backend.plugins.module_utils.rollback.restore import Aim, Restore, Restored, Terms
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import slots
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.slot_switch import Manner, switch_slot
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import switch

pytestmark = pytest.mark.usefixtures("environments")
SLOTS = ["blue", "green"]
PORTS = {"litellm@blue": 1, "litellm@green": 2}


@dataclass(frozen=True)
class Deployed(Host):
    """A host with Redis and a gateway of two slots, and a few generations."""

    said: list[str] = field(default_factory=list)

    def deploy(self, number: int, redis: str, litellm: str, complete: bool = True) -> tuple[str, str]:
        """What a deploy does: switch, commit, close the generation."""
        one = made(self.layout, manifest("redis", f"ExecStart={redis}\n", files={"redis.conf": f"{redis}\n"}))
        two = made(self.layout, manifest("litellm", f"ExecStart={litellm}\n", ports=PORTS, slotted=True))
        change = Change(number, f"hash{number}")
        switch(self, "redis", one, change)
        booted = switch_slot(self, "litellm", SLOTS, two, change)
        if booted["candidate"]:
            slots.promote(self, "litellm", SLOTS, booted["slot"])
        record(self, change, Note(complete=complete))
        return one, two

    def restore(
        self, number: int, run: RunNote | None = None, instead_of: str = "", check: bool = False, **more: Any
    ) -> Restored:
        terms = Terms(run=run, instead_of=instead_of)
        done: Restored = Restore(self, terms, report=self.said.append).run(Aim(number, **more), check)
        return done

    def serving(self) -> tuple[str, str]:
        slot = active_slot(self.layout, "litellm")
        return linked_release(self.layout, "redis"), linked_release(self.layout, f"litellm@{slot}")


@pytest.fixture
def host(layout: Layout, systemd: Systemd) -> Deployed:
    return Deployed(layout, systemd, NOBODY)


def rows(host: Deployed) -> list[Row]:
    found: list[Row] = choice.list_generations(host.layout)
    return found


def test_configuration_and_gateway_come_back_together(host: Deployed) -> None:
    first = host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "d")
    assert host.serving() == second
    result = host.restore(1)
    assert result["changed"]
    assert host.serving() == first
    assert (result["restored"], result["generation"], result["registry"]) == (1, 3, "hash1")


def test_the_slot_that_is_left_is_stopped_and_the_other_serves(host: Deployed, systemctl: FakeSystemctl) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "a", "d")
    before = active_slot(host.layout, "litellm")
    host.restore(1)
    now = active_slot(host.layout, "litellm")
    assert now != before
    assert [unit for unit in systemctl.active if "litellm@" in unit] == [f"ai-backend-litellm@{now}.service"]


def test_what_did_not_change_is_not_touched(host: Deployed, systemctl: FakeSystemctl) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "a", "d")
    pid = systemctl.active["ai-backend-redis.service"]
    host.restore(1)
    assert systemctl.active["ai-backend-redis.service"] == pid


def test_it_is_a_generation_of_its_own_that_says_what_it_restored(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "c", "d")
    host.restore(1)
    content = read(host.layout, 3)
    assert (content["complete"], content["restores"], content["registry"]) == (True, 1, "hash1")
    assert content["summary"] == ["restored generation 1"]
    assert content["instances"]["redis"]["release"] == read(host.layout, 1)["instances"]["redis"]["release"]


def test_a_second_time_nothing_changes(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "c", "d")
    host.restore(1)
    again = host.restore(1)
    assert (again["changed"], again["reasons"], again["generation"]) == (False, [], 0)
    assert rows(host)[0]["number"] == 3


def test_the_generation_before_is_further_back_after_each_way_back(host: Deployed) -> None:
    for number, word in enumerate("abc", start=1):
        host.deploy(number, word, word)
    assert previous_of(rows(host)) == 2
    host.restore(2)
    assert previous_of(rows(host)) == 1
    host.restore(1)
    assert previous_of(rows(host)) == 0


def test_an_incomplete_generation_is_nothing_to_go_back_to(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "c", "d", complete=False)
    host.deploy(3, "e", "f", complete=False)
    assert previous_of(rows(host)) == 1


def test_a_number_is_complete_when_it_is_on_every_host() -> None:
    one = [{"number": 3, "complete": True}, {"number": 2, "complete": True}, {"number": 1, "complete": True}]
    other = [{"number": 3, "complete": True}, {"number": 2, "complete": False}]
    assert previous_of([*one, *other]) == 1
    assert previous_of([]) == 0


def test_a_host_without_the_number_goes_to_its_newest_before_it(host: Deployed) -> None:
    first = host.deploy(2, "a", "b")
    host.deploy(7, "c", "d")
    assert host.restore(5)["restored"] == 2
    assert host.serving() == first


def test_a_host_that_came_later_is_left_alone(host: Deployed) -> None:
    stands = host.deploy(7, "c", "d")
    with pytest.raises(RestoreError, match=r"no generation 5 or older \(it has: 7\)"):
        host.restore(5)
    assert host.serving() == stands


def test_an_instance_that_was_retired_since_comes_back_and_a_new_one_goes(host: Deployed) -> None:
    first = host.deploy(1, "a", "b")
    extra = made(host.layout, manifest("llama-cpp", "ExecStart=x\n", slotted=True))
    switch(host, "llama-cpp@new", extra, Change(2))
    record(host, Change(2, "hash2"), Note(complete=True))
    result = host.restore(1)
    assert "llama-cpp@new goes" in result["reasons"]
    assert linked_release(host.layout, "llama-cpp@new") == ""
    assert host.serving() == first
    back = host.restore(2)
    assert linked_release(host.layout, "llama-cpp@new") == extra
    assert back["reasons"][0].startswith("llama-cpp@new: release none -> ")


def test_only_the_named_services_go_back(host: Deployed) -> None:
    first = host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "d")
    host.restore(1, services=["litellm"])
    assert host.serving() == (second[0], first[1])
    assert read(host.layout, 3)["summary"] == ["restored litellm of generation 1"]
    assert previous_of(rows(host)) == 2, "it stands where no generation stood"


def test_a_host_without_the_named_service_stays_as_it_is(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "d")
    assert not host.restore(1, services=["llama-cpp"])["changed"]
    assert host.serving() == second
    assert choice.unknown_services(rows(host), ["llama-cpp", "redis", "litellm"]) == ["llama-cpp"]


def test_the_calls_of_one_way_back_make_one_generation_with_the_number_of_the_fleet(host: Deployed) -> None:
    first = host.deploy(1, "a", "b")
    host.deploy(2, "c", "b")
    began = host.restore(1, generation=9, stage="backend")
    assert (began["changed"], read(host.layout, 9)["complete"]) == (True, False)
    assert not host.restore(1, generation=9, stage="gateway")["changed"]
    ended = host.restore(1, generation=9)
    assert (ended["changed"], ended["reasons"], read(host.layout, 9)["complete"]) == (True, [], True)
    assert host.serving() == first
    assert read(host.layout, 9)["restores"] == 1
    assert not host.restore(1, generation=10)["changed"]


@pytest.mark.parametrize("services", [[], ["redis"]])
def test_a_way_back_that_was_cut_off_is_tried_again(host: Deployed, services: list[str]) -> None:
    for number, word in enumerate("abc", start=1):
        host.deploy(number, word, word)
    host.restore(1, services=services, generation=4, stage="backend")
    assert previous_of(rows(host)) == 1
    host.restore(1, services=services, generation=5)
    # With a service alone it is no generation that stood: before it was the third.
    assert previous_of(rows(host)) == (3 if services else 0)


def test_a_way_back_that_was_cut_off_before_its_very_end_is_closed_by_the_next(host: Deployed) -> None:
    for number, word in enumerate("abc", start=1):
        host.deploy(number, word, word)
    host.restore(2, generation=4)
    record(host, Change(4))
    assert previous_of(rows(host)) == 2
    host.restore(2, generation=5)
    assert previous_of(rows(host)) == 1


def run_of(name: str) -> RunNote:
    """A run on some other machine, of which nobody here knows whether it still goes on."""
    return {"id": name, "who": name, "machine": "elsewhere", "boot": "b", "space": "s", "pid": 7, "started": 1}


def test_a_second_way_back_at_the_same_time_is_refused(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "d")
    assert changing.take(host.layout, run_of("ada")) is None
    with pytest.raises(
        RestoreError, match=r"this host is being changed by ada \(process 7\): wait for that run to end"
    ):
        host.restore(1, run=run_of("ben"))
    assert host.serving() == second
    assert host.restore(1, run=run_of("ben"), instead_of="ada")["changed"]
    assert changing.holder_of(host.layout) is None


def test_a_way_back_in_two_calls_keeps_the_host_between_them(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "c", "d")
    host.restore(1, run=run_of("ada"), stage="backend")
    assert changing.holder_of(host.layout)["who"] == "ada"
    host.restore(1, run=run_of("ada"))
    assert changing.holder_of(host.layout) is None


def test_the_slot_that_did_not_serve_is_no_part_of_a_way_back(host: Deployed) -> None:
    first = host.deploy(1, "a", "b")
    host.deploy(2, "a", "d")
    folder = pathlib.Path(host.layout.release("litellm", first[1]))
    folder.rename(folder.with_name("elsewhere"))
    assert [row["restorable"][:3] for row in rows(host)] == ["yes", "rel"]


def test_check_mode_says_it_all_and_changes_nothing(host: Deployed, systemctl: FakeSystemctl) -> None:
    host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "d")
    calls = list(systemctl.calls)
    result = host.restore(1, check=True)
    assert result["changed"]
    assert [reason.split(":")[0] for reason in result["reasons"]] == ["litellm", "redis"]
    assert "-c\n+a\n" in result["diff_text"]
    assert "--- redis/redis.conf (now)" in result["diff_text"]
    assert (host.serving(), systemctl.calls, rows(host)[0]["number"]) == (second, calls, 2)


@pytest.mark.parametrize("what", ["gone", "changed"])
def test_a_release_that_is_gone_or_changed_is_refused_before_anything_happens(
    host: Deployed, systemctl: FakeSystemctl, what: str
) -> None:
    first = host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "d")
    folder = pathlib.Path(host.layout.release("litellm", first[1]))
    if what == "gone":
        folder.rename(folder.with_name("elsewhere"))
    else:
        (folder / "release.conf").write_text("ExecStart=/bin/evil\n")
    calls = list(systemctl.calls)
    with pytest.raises(RestoreError, match=f"release {first[1]} of litellm .* A deploy of the registry it came from"):
        host.restore(1)
    assert (host.serving(), systemctl.calls) == (second, calls)
    assert rows(host)[-1]["restorable"] != "yes"


def test_a_candidate_that_does_not_prove_itself_never_serves(
    host: Deployed, systemctl: FakeSystemctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.deploy(1, "a", "b")
    second = host.deploy(2, "a", "d")

    def refuse(_host: object, instance: str, *_more: object) -> float:
        raise ProbeError(f"{instance} says no")

    monkeypatch.setattr(restoring, "prove", refuse)
    with pytest.raises(RestoreError, match="litellm was not restored: litellm@blue says no") as caught:
        host.restore(1)
    assert caught.value.instance == "litellm@blue"
    assert host.serving() == second
    assert [unit for unit in systemctl.active if "litellm@" in unit] == ["ai-backend-litellm@green.service"]
    assert not read(host.layout, 3)["complete"]


def test_an_instance_that_does_not_prove_itself_gets_its_release_back(
    host: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "b")
    monkeypatch.setattr(restoring, "prove", lambda *_arguments: (_ for _ in ()).throw(ProbeError("no")))
    with pytest.raises(
        RestoreError, match=r"redis was not restored: no\. The previous release serves on this host, nothing else was"
    ):
        host.restore(1)
    assert host.serving() == second


def test_an_unreadable_generation_is_said_and_the_others_stay(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "c", "d")
    host.deploy(3, "e", "f")
    write_atomic(path_of(host.layout, 2), "{")
    assert [row["restorable"] for row in rows(host)] == ["yes", "its file is damaged", "yes"]
    with pytest.raises(RestoreError, match="generation 2 can't be read"):
        host.restore(2)
    assert host.restore(1)["restored"] == 1


def test_the_list_says_when_what_changed_and_whether_there_is_a_way_back(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "a", "d")
    newest, oldest = rows(host)
    assert (newest["number"], newest["changed"], newest["complete"]) == (2, ["litellm"], True)
    assert oldest["changed"] == ["litellm", "redis"]
    assert newest["created"].endswith("Z")
    assert json.dumps(rows(host))


def test_progress_is_said_in_the_order_of_a_deploy(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "c", "d")
    host.restore(1)
    assert [line.split(":")[0] for line in host.said] == ["redis", "litellm"]


def test_files_of_users_are_not_touched(host: Deployed) -> None:
    host.deploy(1, "a", "b")
    host.deploy(2, "c", "d")
    kept = [os.path.join(host.layout.models, "m.gguf"), os.path.join(host.layout.secrets, "litellm.env")]
    for path in kept:
        write_atomic(path, "mine")
    host.restore(1)
    assert [pathlib.Path(path).read_text() for path in kept] == ["mine", "mine"]


def refusing(monkeypatch: pytest.MonkeyPatch, layout: Layout, *releases: str) -> None:
    """Let the proof of an instance fail while it is on one of these releases."""

    def prove(_host: object, instance: str, *_more: object) -> float:
        if linked_release(layout, instance) in releases:
            raise ProbeError(f"{instance} says no")
        return 0.0

    monkeypatch.setattr(restoring, "prove", prove)


@pytest.mark.parametrize("stages", [["all"], ["edge", "backend", "gateway", "all"]])
def test_a_way_back_that_fails_ends_on_what_served_before_it(
    host: Deployed, monkeypatch: pytest.MonkeyPatch, stages: list[str]
) -> None:
    """It left the host mixed: the cache of one generation, the gateway of another."""
    first = host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "d")
    refusing(monkeypatch, host.layout, first[1])
    with pytest.raises(
        RestoreError, match=r"litellm was not restored: .* The previous release serves on this host, redis"
    ):
        for stage in stages:
            host.restore(1, stage=stage, generation=3)
    assert host.serving() == second
    content = read(host.layout, 3)
    assert (content["complete"], content["refused"]) == (False, {"litellm@blue": first[1]})
    assert content["instances"]["redis"]["release"] == second[0]


def test_what_served_before_does_not_come_up_either(host: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    first = host.deploy(1, "a", "b")
    second = host.deploy(2, "c", "d")
    refusing(monkeypatch, host.layout, first[1], second[0])
    with pytest.raises(RestoreError, match=r"What served before it does not come up either: redis \(redis says no\)"):
        host.restore(1)


def test_what_was_refused_is_no_part_of_a_way_back(host: Deployed) -> None:
    """A release that its gate refused was recorded as what ran, and a way back to it was allowed."""
    first = host.deploy(1, "a", "b")
    bad = made(host.layout, manifest("redis", "ExecStart=bad\n"))
    switch(host, "redis", bad, Change(2))
    assert "never proved that it answers" in rows(host)[0]["restorable"]
    with pytest.raises(RestoreError, match=f"release {bad} of redis never proved that it answers: the run was cut off"):
        host.restore(2)
    switch(host, "redis", first[0], Change(2))
    record(host, Change(2), Note(refused={"redis": bad}))
    assert rows(host)[0]["restorable"] == f"yes, without redis {bad} (refused)"
    assert not host.restore(2, check=True)["reasons"]


def test_a_service_that_got_a_new_secret_counts_as_changed(host: Deployed, systemctl: FakeSystemctl) -> None:
    """Its release is the same, so the list had nothing to name."""
    host.deploy(1, "a", "b")
    release = linked_release(host.layout, "redis")
    systemctl.active.pop("ai-backend-redis.service")
    switch(host, "redis", release, Change(2))
    record(host, Change(2), Note(complete=True))
    assert rows(host)[0]["changed"] == ["redis"]


def test_a_gateway_that_got_a_new_secret_counts_as_changed(host: Deployed) -> None:
    _redis, release = host.deploy(1, "a", "b")
    booted = switch_slot(host, "litellm", SLOTS, release, Change(2), manner=Manner("beside", 0, force=True))
    slots.promote(host, "litellm", SLOTS, booted["slot"], Change(2))
    record(host, Change(2), Note(complete=True))
    assert rows(host)[0]["changed"] == ["litellm"]
