"""Freeing a port: the one process that was shown, gently, and never what is ours or carries others."""

from __future__ import annotations

import os
import pathlib
import signal
from typing import Any

import pytest
from host_stand_in import FakeSystemctl
from proc_stand_in import Proc

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection import port_holders as stopping
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection import port_table

PORT = 8001
PLAN: dict[str, Any] = {
    "port_rows": [
        {"port": PORT, "name": "vllm", "reserved": False},
        {"port": 9080, "name": "promtail", "reserved": True},
    ],
    "instances": {},
    "sockets": {},
    "published": [],
    "upstreams": [],
}


@pytest.fixture
def proc(tmp_path: pathlib.Path) -> Proc:
    return Proc(tmp_path)


def conflicts(layout: Layout, systemd: Systemd, named: bool = False) -> list[dict[str, Any]]:
    return stopping.conflicts(layout, systemd, port_table.compare(layout, systemd, PLAN), named)


class Killer:
    """What stands in for kill(2): remembers, and ends those that listen to it."""

    def __init__(self, proc: Proc, deaf: tuple[int, ...] = (), heir: int = 0) -> None:
        self.proc, self.deaf, self.heir = proc, deaf, heir
        self.sent: list[tuple[int, int]] = []

    def __call__(self, pid: int, number: int) -> None:
        self.sent.append((pid, number))
        if pid not in self.deaf:
            self.proc.end(pid)
            self.proc.close(PORT)
            if self.heir:
                self.proc.process(self.heir, "python3")
                self.proc.listen(PORT, self.heir)


def test_a_process_is_ended_by_sigterm_and_its_port_is_free(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "python3")
    proc.listen(PORT, 7)
    (row,) = conflicts(layout, systemd)
    assert (row["action"], row["refusal"]) == ("end python3 (pid 7)", "")
    kill = Killer(proc)
    assert stopping.stop(layout, systemd, row, 0, kill) == ("port 8001 is free: python3 (pid 7) was ended", "")
    assert kill.sent == [(7, signal.SIGTERM)]


def test_all_processes_that_share_the_socket_are_ended(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "gunicorn")
    proc.process(8, "gunicorn", parent=7)
    proc.listen(PORT, 7, 8)
    (row,) = conflicts(layout, systemd)
    kill = Killer(proc)
    stopping.stop(layout, systemd, row, 0, kill)
    assert kill.sent == [(7, signal.SIGTERM), (8, signal.SIGTERM)]


def test_one_that_does_not_end_is_left_alive_and_said(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "python3")
    proc.listen(PORT, 7)
    (row,) = conflicts(layout, systemd)
    kill = Killer(proc, deaf=(7,))
    done, wrong = stopping.stop(layout, systemd, row, 0, kill)
    assert done == ""
    assert wrong.startswith("port 8001: python3 (pid 7) still listens after 0 s: `kill -KILL 7`")
    assert kill.sent == [(7, signal.SIGTERM)]


def test_one_that_something_starts_again_is_said(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "python3")
    proc.listen(PORT, 7)
    (row,) = conflicts(layout, systemd)
    done, wrong = stopping.stop(layout, systemd, row, 0, Killer(proc, heir=70))
    assert (done, wrong) == (
        "",
        "port 8001: python3 was stopped, and python3 (pid 70) listens there now: something starts it again",
    )


def test_another_process_of_the_same_number_is_left_alone(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "python3", started=100)
    proc.listen(PORT, 7)
    (row,) = conflicts(layout, systemd)
    proc.end(7)
    proc.close(PORT)
    proc.process(7, "postgres", started=900)
    proc.listen(PORT, 7)
    kill = Killer(proc)
    assert stopping.stop(layout, systemd, row, 0, kill) == ("port 8001: python3 ended in this time", "")
    assert kill.sent == []


class Stopper:
    """systemctl whose `stop` ends the processes of the unit."""

    def __init__(self, systemctl: FakeSystemctl, proc: Proc) -> None:
        self.systemctl, self.proc = systemctl, proc

    def __call__(self, argv: list[str], timeout: int = 0) -> tuple[int, str]:
        if argv[1] == "stop":
            self.proc.end(7)
            self.proc.close(PORT)
        return self.systemctl(argv)


def test_a_unit_is_stopped_as_a_unit_and_said_to_come_back_at_boot(
    layout: Layout, systemctl: FakeSystemctl, proc: Proc
) -> None:
    systemd = Systemd(run=Stopper(systemctl, proc))
    proc.process(7, "python3", "/system.slice/somebody.service")
    proc.listen(PORT, 7)
    systemctl.enabled.add("somebody.service")
    (row,) = conflicts(layout, systemd)
    assert row["action"] == "stop unit somebody.service (python3, pid 7)"
    kill = Killer(proc)
    done, wrong = stopping.stop(layout, systemd, row, 0, kill)
    assert (wrong, kill.sent, systemctl.calls) == ("", [], ["stop somebody.service"])
    assert "unit somebody.service was stopped" in done
    assert "`systemctl disable somebody.service`" in done


def test_a_unit_that_is_not_enabled_needs_no_such_word(layout: Layout, systemctl: FakeSystemctl, proc: Proc) -> None:
    systemd = Systemd(run=Stopper(systemctl, proc))
    proc.process(7, "python3", "/run/somebody.service")
    proc.listen(PORT, 7)
    (row,) = conflicts(layout, systemd)
    assert "disable" not in stopping.stop(layout, systemd, row, 0)[0]


@pytest.mark.parametrize(
    ("pid", "command", "group", "words"),
    [
        (1, "", "", "systemd itself listens for cockpit.socket: `systemctl disable --now cockpit.socket`"),
        (7, "docker-proxy", "/system.slice/docker.service", "`docker ps --filter publish=8001`"),
        (7, "conmon", "/machine.slice/libpod-conmon-0123456789abcdef.scope", "listens for a container"),
        (7, "uvicorn", "/system.slice/docker-0123456789abcdef.scope", "`docker stop 0123456789ab`"),
        (
            7,
            "jupyter",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/jupyter.service",
            "`systemctl --user --machine=1000@ stop jupyter.service`",
        ),
    ],
)
def test_what_others_depend_on_is_named_and_never_stopped(
    layout: Layout, systemctl: FakeSystemctl, proc: Proc, pid: int, command: str, group: str, words: str
) -> None:
    def run(argv: list[str], timeout: int = 0) -> tuple[int, str]:
        if "list-sockets" in argv:
            return 0, "/run/x.sock x.socket x.service\n[::]:8001 cockpit.socket cockpit.service\n"
        return systemctl(argv)

    systemd = Systemd(run=run)
    if pid != 1:
        proc.process(pid, command, group)
    proc.listen(PORT, pid)
    (row,) = conflicts(layout, systemd)
    assert words in row["refusal"]
    kill = Killer(proc)
    done, wrong = stopping.stop(layout, systemd, row, 0, kill)
    assert (done, wrong) == ("", f"port 8001: not stopped: {row['refusal']}")
    assert (kill.sent, systemctl.calls) == ([], [])


def test_a_process_that_cannot_be_seen_is_not_guessed(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.listen(PORT)
    (row,) = conflicts(layout, systemd)
    assert "can't be seen" in row["refusal"]


def test_one_of_ours_is_no_conflict_and_refused_even_when_asked_for(
    layout: Layout, systemd: Systemd, systemctl: FakeSystemctl, proc: Proc
) -> None:
    proc.process(7, "redis-server", "/system.slice/ai-backend-redis.service")
    proc.listen(PORT, 7)
    assert conflicts(layout, systemd, named=True) == []
    (row,) = [row for row in port_table.compare(layout, systemd, PLAN) if row["port"] == PORT]
    kill = Killer(proc)
    done, wrong = stopping.stop(layout, systemd, row, 0, kill)
    assert (done, kill.sent, systemctl.calls) == ("", [], [])
    assert "is managed" in wrong


def test_one_that_became_ours_since_it_was_shown_is_not_stopped(
    layout: Layout, systemd: Systemd, proc: Proc, tmp_path: pathlib.Path
) -> None:
    proc.process(7, "redis-server", "/system.slice/redis-server.service")
    proc.listen(PORT, 7)
    (row,) = conflicts(layout, systemd)
    (tmp_path / "proc/7/cgroup").write_text("0::/system.slice/ai-backend-redis.service\n")
    kill = Killer(proc)
    assert "is managed" in stopping.stop(layout, systemd, row, 0, kill)[1]
    assert kill.sent == []


@pytest.mark.parametrize("group", ["", "/system.slice/ssh.service"])
def test_what_carries_this_connection_is_not_stopped(layout: Layout, systemd: Systemd, proc: Proc, group: str) -> None:
    """A process above this one, or one of its unit: the session's own sshd, say."""
    proc.process(os.getpid(), "python3", group, parent=7)
    proc.process(7, "sshd", group)
    proc.listen(PORT, 7)
    (row,) = conflicts(layout, systemd)
    assert row["refusal"] == "this very connection hangs on it"


def test_the_unit_that_carries_this_connection_is_not_stopped_for_another_of_its_processes(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    proc.process(os.getpid(), "python3", "/system.slice/agent.service")
    proc.process(7, "agent-web", "/system.slice/agent.service")
    proc.listen(PORT, 7)
    (row,) = conflicts(layout, systemd)
    assert row["refusal"] == "this very connection hangs on it"


def test_a_number_that_another_process_took_is_not_signalled(layout: Layout, proc: Proc) -> None:
    proc.process(7, "python3", started=100)
    proc.process(8, "postgres", started=900)
    kill = Killer(proc)
    stopping.terminate(layout, {"processes": [[7, 100], [8, 200], [9, 300]]}, kill)
    assert kill.sent == [(7, signal.SIGTERM)]


def test_a_reserved_port_is_freed_only_when_it_was_named(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "python3")
    proc.listen(9080, 7)
    assert conflicts(layout, systemd) == []
    assert [row["port"] for row in conflicts(layout, systemd, named=True)] == [9080]
