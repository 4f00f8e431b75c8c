"""What a change is at work on is noted from its restart to its proof, and never for long."""

from __future__ import annotations

import pathlib
import time

import pytest
from host_stand_in import FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host import held_alerts
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, unit_of
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.asking import ProbeError
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.prove import prove
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import switch, withdraw

pytestmark = pytest.mark.usefixtures("environments")


@pytest.fixture
def switched(host: Host, layout: Layout) -> str:
    """An instance that was put on its first release."""
    switch(host, "redis", made(layout, manifest()))
    return "redis"


def test_a_restart_is_noted_until_it_is_proven(host: Host, layout: Layout, switched: str) -> None:
    assert held_alerts.is_changed(layout, switched)
    prove(host, switched, {"ports": {}, "probes": []}, timeout=1)
    assert not held_alerts.is_changed(layout, switched)


def test_or_until_the_proof_fails(host: Host, layout: Layout, systemctl: FakeSystemctl, switched: str) -> None:
    systemctl.active.pop(unit_of(switched))
    with pytest.raises(ProbeError):
        prove(host, switched, {"ports": {switched: 1}, "probes": [{"kind": "http", "path": "/"}]}, timeout=0)
    assert not held_alerts.is_changed(layout, switched)


def test_a_long_proof_is_noted_for_as_long(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    held_alerts.begin(layout, "a")
    with held_alerts.proving(layout, "a", 3600):
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 3600)
        assert held_alerts.is_changed(layout, "a")


def test_a_proof_without_a_change_is_no_change(layout: Layout) -> None:
    with held_alerts.proving(layout, "a", 60):
        assert not held_alerts.is_changed(layout, "a")


def test_a_run_that_was_ended_in_the_middle_is_forgotten(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    held_alerts.begin(layout, "a")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + held_alerts.UNTIL_PROOF_SECONDS + 1)
    assert not held_alerts.is_changed(layout, "a")


def test_what_runs_as_it_should_is_not_noted(host: Host, layout: Layout, switched: str) -> None:
    held_alerts.end(layout, switched)
    switch(host, switched, made(layout, manifest()))
    assert not held_alerts.is_changed(layout, switched)


def test_no_room_for_the_note_ends_no_change(host: Host, layout: Layout, tmp_path: pathlib.Path) -> None:
    """A file where the folder should be: what can't be noted is changed all the same."""
    release_id = made(layout, manifest())
    pathlib.Path(layout.changing).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(layout.changing).write_text("")
    assert switch(host, "redis", release_id)["action"] == "start"


def test_what_is_withdrawn_is_forgotten(host: Host, layout: Layout, switched: str) -> None:
    withdraw(host, switched)
    assert not held_alerts.is_changed(layout, switched)
