"""A unit of others makes room for a managed one, and runs again as before once that has gone."""

from __future__ import annotations

import os
import pathlib

import pytest
from host_stand_in import FakeSystemctl, host_on, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import replaced
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import switch, withdraw

THEIRS = "theirs.service"


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    found = host_on(Layout(str(tmp_path)))
    systemctl(found).active[THEIRS] = 7
    systemctl(found).enabled.add(THEIRS)
    return found


def systemctl(host: Host) -> FakeSystemctl:
    assert isinstance(host.systemd.run, FakeSystemctl)
    return host.systemd.run


def release(host: Host, **changes: object) -> str:
    return made(host.layout, manifest("redis", replaces=[THEIRS], **changes))


def test_it_is_stopped_before_the_managed_one_starts(host: Host) -> None:
    switch(host, "redis", release(host))
    calls = systemctl(host).calls
    assert THEIRS not in systemctl(host).active
    assert calls.index(f"disable {THEIRS}") < calls.index("start ai-backend-redis.service")
    assert replaced.read_record(host.layout, THEIRS) == {"active": True, "enabled": True}


def test_it_runs_again_as_before_when_the_managed_one_goes(host: Host) -> None:
    switch(host, "redis", release(host))
    withdraw(host, "redis")
    assert THEIRS in systemctl(host).active
    assert THEIRS in systemctl(host).enabled
    assert replaced.read_record(host.layout, THEIRS) == {}


def test_one_that_was_not_started_at_boot_is_not_enabled(host: Host) -> None:
    systemctl(host).enabled.clear()
    switch(host, "redis", release(host))
    withdraw(host, "redis")
    assert (THEIRS in systemctl(host).active, THEIRS in systemctl(host).enabled) == (True, False)


def test_another_release_keeps_the_note_of_the_first(host: Host) -> None:
    switch(host, "redis", release(host))
    switch(host, "redis", release(host, dropin="ExecStart=/bin/two\n"))
    assert replaced.read_record(host.layout, THEIRS) == {"active": True, "enabled": True}


def test_a_release_that_replaces_nothing_stops_nothing(host: Host) -> None:
    switch(host, "redis", made(host.layout, manifest("redis")))
    assert THEIRS in systemctl(host).active


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_files_that_were_lent_get_their_owner_again_and_no_others_do(host: Host, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "blobs"
    folder.mkdir()
    os.chown(folder, 7, 8)
    replaced.lend(host.layout, THEIRS, str(folder), 99)
    for name, owner in (("lent", 99), ("other", 55)):
        (folder / name).write_text("x")
        os.chown(folder / name, owner, owner)
    replaced.return_files(host.layout, THEIRS)
    owners = {name: ((folder / name).stat().st_uid, (folder / name).stat().st_gid) for name in ("lent", "other")}
    assert owners == {"lent": (7, 8), "other": (55, 55)}
