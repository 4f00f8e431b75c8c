"""Fixtures: a host made of a folder."""

from __future__ import annotations

import pathlib

import pytest
from host_stand_in import FakeSystemctl

from ansible_collections.lab.ai_backend.plugins.module_utils.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.systemd import Systemd


@pytest.fixture
def layout(tmp_path: pathlib.Path) -> Layout:
    """The paths of a host below a temporary folder."""
    return Layout(str(tmp_path))


@pytest.fixture
def systemctl() -> FakeSystemctl:
    """What stands in for systemctl."""
    return FakeSystemctl()


@pytest.fixture
def systemd(systemctl: FakeSystemctl, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """Systemd over the stand-in; a process's environment is that of the release its unit was started on."""
    return Systemd(run=systemctl)
