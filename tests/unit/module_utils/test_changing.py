"""One change of a host at a time; what a dead run left behind stops nobody who can know it."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest
from proc_stand_in import Proc

from ansible_collections.lab.ai_backend.plugins.module_utils.host import run_lock as changing
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout

Run = dict[str, Any]


@pytest.fixture
def proc(layout: Layout, tmp_path: pathlib.Path) -> Proc:
    """A machine with two runs on it, processes 70 and 80."""
    found = Proc(tmp_path)
    found.process(70, "ansible-playbook")
    found.process(80, "ansible-playbook")
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("this-boot\n")
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to("pid:[1]")
    return found


@pytest.fixture
def first(layout: Layout, proc: Proc) -> Run:
    """A run that has the host."""
    run: Run = changing.this_run(70, layout)
    assert changing.take(layout, run) is None
    return run


@pytest.fixture
def second(layout: Layout, proc: Proc) -> Run:
    """Another run."""
    run: Run = changing.this_run(80, layout)
    return run


def test_a_second_run_is_told_who_has_the_host_and_changes_nothing(layout: Layout, first: Run, second: Run) -> None:
    holder = changing.take(layout, second)
    assert holder == first
    assert changing.holder_of(layout) == first
    assert changing.refusal("gpu1", holder) == (
        f"gpu1 is being changed by {first['who']} (process 70): wait for that run to end"
    )


def test_a_run_may_take_again_what_it_has(layout: Layout, first: Run) -> None:
    assert changing.take(layout, first) is None


def test_what_is_given_back_is_free(layout: Layout, first: Run, second: Run) -> None:
    changing.give_back(layout, second)
    assert changing.holder_of(layout) == first
    changing.give_back(layout, first)
    assert changing.take(layout, second) is None


def test_a_dead_run_of_this_machine_gives_way(layout: Layout, proc: Proc, first: Run, second: Run) -> None:
    proc.end(70)
    assert changing.is_over(first, layout)
    assert changing.take(layout, second) is None


def test_a_process_of_the_same_number_is_not_the_same_run(layout: Layout, proc: Proc, first: Run, second: Run) -> None:
    proc.end(70)
    proc.process(70, "vim", started=4711)
    assert changing.take(layout, second) is None


def test_a_run_from_before_this_machines_last_boot_is_over(layout: Layout, tmp_path: pathlib.Path, first: Run) -> None:
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("next-boot\n")
    assert changing.is_over(first, layout)


@pytest.mark.parametrize("elsewhere", [{"machine": "controller2"}, {"space": "pid:[2]"}])
def test_of_a_run_elsewhere_nobody_here_knows_whether_it_is_over(
    layout: Layout, proc: Proc, first: Run, second: Run, elsewhere: Run
) -> None:
    stranger = {**first, **elsewhere, "id": "stranger"}
    changing.give_back(layout, first)
    changing.take(layout, stranger)
    proc.end(70)
    assert not changing.is_over(stranger, layout)
    assert changing.take(layout, second) == stranger
    assert changing.take(layout, second, instead_of="somebody else") == stranger
    assert changing.take(layout, second, instead_of="stranger") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "x"}'])
def test_a_damaged_note_holds_nobody_up(layout: Layout, second: Run, text: str) -> None:
    path = pathlib.Path(changing.note_of(layout))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert changing.take(layout, second) is None


def test_this_process_is_known_and_runs(layout: Layout) -> None:
    run = changing.this_run(os.getpid())
    assert not changing.is_over(run)
    assert changing.is_over({**run, "started": run["started"] + 1})


def test_two_changes_of_a_host_are_never_at_work_at_once(layout: Layout) -> None:
    busy = rf"process {os.getpid()} \(.+\) of an earlier run still works"
    with changing.at_work(layout), pytest.raises(changing.BusyError, match=busy):
        changing.at_work(layout, patience=0).__enter__()
    with changing.at_work(layout, patience=0):
        pass


def test_nobody_but_its_owner_can_open_a_lock(layout: Layout, first: Run) -> None:
    """A local user who opens it could keep it, and with it every deploy and rollback."""
    folder = pathlib.Path(changing.note_of(layout)).parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json.lock").touch()
    folder.chmod(0o777)
    (folder / "run.json.lock").chmod(0o666)
    changing.take(layout, first)
    with changing.at_work(layout):
        modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    assert modes.pop(folder.name) == 0o700
    assert set(modes.values()) == {0o600}


def test_a_lock_that_another_process_keeps_is_not_waited_for_without_end(
    layout: Layout, first: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "PATIENCE", 0)
    with changing.opened(changing.note_of(layout) + ".lock") as other:
        assert changing.locked(other)
        with pytest.raises(changing.BusyError, match=r"another process holds .*run.json.lock .* Nothing was changed"):
            changing.take(layout, first)
    assert changing.take(layout, first) is None


def test_who_takes_over_from_a_dead_run_waits_for_what_outlived_it(
    layout: Layout, proc: Proc, first: Run, second: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc.end(70)
    outlived = changing.at_work(layout)
    outlived.__enter__()
    waits: list[float] = []

    def it_ends(seconds: float) -> None:
        waits.append(seconds)
        outlived.__exit__(None, None, None)

    monkeypatch.setattr("time.sleep", it_ends)
    assert changing.take(layout, second) is None
    assert len(waits) == 1
    assert changing.holder_of(layout) == second
