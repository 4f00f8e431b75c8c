"""Fixtures: a host made of a folder."""

from __future__ import annotations

import pathlib

import pytest
from host_stand_in import NOBODY, FakeSystemctl

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, linked_release
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import differences


@pytest.fixture
def layout(tmp_path: pathlib.Path) -> Layout:
    """The paths of a host below a temporary folder, without processes."""
    (tmp_path / "proc").mkdir()
    return Layout(str(tmp_path))


@pytest.fixture
def systemctl() -> FakeSystemctl:
    """What stands in for systemctl."""
    return FakeSystemctl()


@pytest.fixture
def systemd(systemctl: FakeSystemctl) -> Systemd:
    """Systemd over the stand-in."""
    return Systemd(run=systemctl)


@pytest.fixture
def host(layout: Layout, systemd: Systemd) -> Host:
    """Both together, without an edge."""
    return Host(layout, systemd, NOBODY)


@pytest.fixture
def environments(monkeypatch: pytest.MonkeyPatch, layout: Layout, systemctl: FakeSystemctl) -> dict[int, str]:
    """What each process was started on: the drop-in that stood there when its unit was started."""
    started: dict[int, str] = {}
    original = systemctl.__call__

    def note(argv: list[str], timeout: int = 0) -> tuple[int, str]:
        done = original(argv)
        unit = argv[-1]
        if argv[1] in ("start", "restart") and unit in systemctl.active:
            instance = unit.removeprefix("ai-backend-").removesuffix(".service")
            started[systemctl.active[unit]] = linked_release(layout, instance)
        return done

    monkeypatch.setattr(FakeSystemctl, "__call__", lambda self, argv, timeout=0: note(argv))
    monkeypatch.setattr(
        differences, "environment", lambda layout, pid: {"AI_BACKEND_RELEASE": started.get(pid, "nobody's")}
    )
    # The stand-in's clock is monotonic since boot; processes started "now".
    systemctl.clock = 10**15
    return started
