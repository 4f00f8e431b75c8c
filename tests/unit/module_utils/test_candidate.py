"""A candidate boots beside the slot that serves only where memory holds both, and last in line for the processor."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Any

import pytest
from host_stand_in import NOBODY, FakeSystemctl, made, manifest
from proc_stand_in import Proc

from ansible_collections.lab.ai_backend.plugins.module_utils.host import processes
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, unit_of, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import candidate, slot_switch
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import Switched

SLOTS = ["blue", "green"]
MEGABYTE = 1_000_000

pytestmark = pytest.mark.usefixtures("environments")


@dataclass(frozen=True)
class Serving(Host):
    """A host whose blue slot serves with one process and a worker below it."""

    root: pathlib.Path
    proc: Proc
    release: str
    pid: int

    def process(self, pid: int, parent: int, megabytes: int) -> None:
        """A process that holds memory."""
        if not (self.root / "proc" / str(pid)).exists():
            self.proc.process(pid, "python", parent=parent)
        (self.root / "proc" / str(pid) / "smaps_rollup").write_text(
            f"00-ff ---p 0 00:00 0 [rollup]\nRss:  9 kB\nPss:  {megabytes * 1000} kB\n"
        )
        (self.root / "proc" / str(pid) / "status").write_text(f"Name:\tx\nPPid:\t{parent}\n")
        for thread in (pid, pid + 50):
            (self.root / "proc" / str(pid) / "task" / str(thread)).mkdir(parents=True, exist_ok=True)

    def free(self, megabytes: int) -> None:
        """What /proc/meminfo says is available."""
        (self.root / "proc" / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable: {megabytes * 1000} kB\n")

    def may_raise(self, able: bool) -> None:
        """Whether our own process holds CAP_SYS_NICE."""
        (self.root / "proc" / "self").mkdir(exist_ok=True)
        (self.root / "proc" / "self" / "status").write_text(f"CapEff:\t{1 << 23 if able else 0:016x}\n")

    def change(self, **manner: Any) -> Switched:
        """Boot another release."""
        release = made(self.layout, slotted("two"))
        made_anew: Switched = slot_switch.switch_slot(
            self, "litellm", SLOTS, release, manner=slot_switch.Manner(**manner)
        )
        return made_anew


def slotted(name: str) -> dict[str, object]:
    return manifest("litellm", dropin=f"ExecStart=/bin/{name}\n", slotted=True, enable=["ai-backend-litellm.service"])


@pytest.fixture
def host(layout: Layout, systemd: Systemd, tmp_path: pathlib.Path) -> Serving:
    proc, release = Proc(tmp_path), made(layout, slotted("one"))
    slot_switch.switch_slot(Host(layout, systemd, NOBODY), "litellm", SLOTS, release)
    write_atomic(layout.active_slot("litellm"), "active blue\n")
    serving = Serving(layout, systemd, NOBODY, tmp_path, proc, release, systemd.unit(unit_of("litellm@blue")).pid)
    serving.process(serving.pid, 1, 100)
    serving.process(900, serving.pid, 300)
    serving.may_raise(True)
    return serving


def test_the_memory_of_a_slot_is_that_of_its_process_and_of_all_below_it(host: Serving) -> None:
    host.process(901, 900, 5)
    assert processes.memory_of(host.layout, host.pid) == 405 * 1000 * 1024
    assert processes.memory_of(host.layout, 0) == 0


def test_a_second_slot_that_does_not_fit_is_refused_with_the_numbers_and_nothing_is_touched(
    host: Serving, systemctl: FakeSystemctl
) -> None:
    host.free(450)
    systemctl.calls.clear()
    with pytest.raises(switching.SwitchError) as refusal:
        host.change(reserve=100 * MEGABYTE)
    assert str(refusal.value) == (
        "a second slot needs about 410 MB in addition to the one that serves, and 100 MB must stay free, "
        "but only 461 MB are available: free some, or change by a restart, for which clients wait "
        "(-e ai_backend_reload_strategy=restart)"
    )
    assert systemctl.calls == []


@pytest.mark.parametrize(("free", "reserve"), [(450, 0), (600, 100 * MEGABYTE)])
def test_one_that_fits_boots(host: Serving, free: int, reserve: int) -> None:
    host.free(free)
    assert host.change(reserve=reserve)["slot"] == "green"


def test_where_nothing_serves_there_is_nothing_to_spare(host: Serving, systemctl: FakeSystemctl) -> None:
    host.free(1)
    systemctl.active.clear()
    assert host.change(reserve=MEGABYTE)["slot"] == "green"
    assert not pathlib.Path(candidate.conf_of(host.layout, "litellm@green")).exists()


def test_force_boots_where_memory_looks_too_small_and_says_so(host: Serving) -> None:
    host.free(1)
    reasons = host.change(force=True)["reasons"]
    assert any("only 1 MB are available" in reason for reason in reasons)


def test_force_boots_a_slot_anew_where_nothing_changed(host: Serving) -> None:
    made_anew = slot_switch.switch_slot(host, "litellm", SLOTS, host.release, manner=slot_switch.Manner(force=True))
    assert (made_anew["candidate"], made_anew["slot"], made_anew["reasons"]) == (True, "green", ["asked for by force"])


def test_a_restart_needs_no_room_and_stops_the_slot_that_serves_first(host: Serving, systemctl: FakeSystemctl) -> None:
    host.free(1)
    result = host.change(strategy="restart")
    assert (result["slot"], list(systemctl.active)) == ("green", ["ai-backend-litellm@green.service"])


def test_a_candidate_refused_after_a_restart_leaves_the_slot_before_running(
    host: Serving, systemctl: FakeSystemctl
) -> None:
    host.change(strategy="restart")
    slot_switch.withdraw_candidate(host, "litellm@green")
    assert list(systemctl.active) == ["ai-backend-litellm@blue.service"]


@pytest.mark.parametrize("able", [True, False])
def test_a_candidate_is_nice_only_where_that_can_be_taken_back(host: Serving, able: bool) -> None:
    host.may_raise(able)
    host.change()
    text = pathlib.Path(candidate.conf_of(host.layout, "litellm@green")).read_text()
    assert ("CPUWeight=20" in text, "Nice=10" in text) == (True, able)


def test_its_promotion_gives_every_thread_and_the_next_start_the_ordinary_priority(
    host: Serving, systemctl: FakeSystemctl
) -> None:
    host.change()
    pid = host.systemd.unit(unit_of("litellm@green")).pid
    host.process(pid, 1, 1)
    host.process(950, pid, 1)
    asked: set[tuple[int, int]] = set()
    candidate.promote(host, "litellm@green", renice=lambda _kind, thread, value: asked.add((thread, value)))
    assert asked == {(pid, 0), (pid + 50, 0), (950, 0), (1000, 0)}
    assert not pathlib.Path(candidate.conf_of(host.layout, "litellm@green")).parent.exists()
    assert systemctl.calls[-1] == "daemon-reload"


def test_a_slot_without_a_low_priority_is_left_alone(host: Serving, systemctl: FakeSystemctl) -> None:
    systemctl.calls.clear()
    candidate.promote(host, "litellm@blue", renice=pytest.fail)
    assert systemctl.calls == []


def test_a_refused_candidate_leaves_no_priority_behind(host: Serving) -> None:
    host.change()
    slot_switch.withdraw_candidate(host, "litellm@green")
    assert not pathlib.Path(candidate.conf_of(host.layout, "litellm@green")).exists()
