"""What the gateway has taken out of rotation, as the host's files tell it."""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection import cooldowns as inspected
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection.cooldowns import (
    Cooldown,
    cooldown_findings,
    cooldowns,
)

RELEASE = "3f2a"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    found = tmp_path / "var/lib/ai-backend/litellm/cooldowns"
    found.mkdir(parents=True)
    return found


def record(**more: Any) -> str:
    found = {
        "deployment": "a%2Fb#1|local@gpu1/a%2Fb",
        "release": RELEASE,
        "until": time.time() + 60.5,
        "status": 500,
        "why": "out of memory",
    }
    return json.dumps(found | more)


def found(tmp_path: pathlib.Path) -> list[Cooldown]:
    return list(cooldowns(Layout(str(tmp_path)), "litellm", RELEASE))


def test_a_deployment_that_is_out_has_its_cause_and_the_time_that_is_left(
    tmp_path: pathlib.Path, folder: pathlib.Path
) -> None:
    (folder / "one.json").write_text(record())
    assert found(tmp_path) == [Cooldown("a/b", "local", "gpu1", 60, "500 out of memory")]


@pytest.mark.parametrize(
    "more", [{"until": time.time() - 1}, {"release": "older"}, {"until": "soon"}, {"deployment": "odd"}]
)
def test_what_is_over_or_of_another_release_or_odd_is_left_out(
    tmp_path: pathlib.Path, folder: pathlib.Path, more: dict[str, Any]
) -> None:
    (folder / "one.json").write_text(record(**more))
    (folder / "two.json").write_text("{")
    (folder / "three.json").write_text("[]")
    (folder / "a draft").write_text(record())
    assert found(tmp_path) == []


def test_a_gateway_that_never_took_anything_out_has_none(tmp_path: pathlib.Path) -> None:
    assert found(tmp_path) == []


def test_a_live_check_finds_those_of_the_slot_that_serves(tmp_path: pathlib.Path, folder: pathlib.Path) -> None:
    (folder / "one.json").write_text(record())
    layout = Layout(str(tmp_path))
    instances = tmp_path / "opt/ai-backend/instances"
    instances.mkdir(parents=True)
    for slot, release in (("blue", RELEASE), ("green", "older")):
        (instances / f"litellm@{slot}").symlink_to(layout.release("litellm", release))
    (tmp_path / "etc/ai-backend/litellm").mkdir(parents=True)
    (tmp_path / "etc/ai-backend/litellm/active-slot").write_text("active blue\n")
    (finding,) = cooldown_findings(layout)
    assert finding["message"] == "the gateway doesn't ask 'a/b' of local on gpu1 for 60 s more"
    assert finding["path"] == "ai_backend_providers.local"
    assert "out of memory" not in str(finding)
    (tmp_path / "etc/ai-backend/litellm/active-slot").write_text("active green\n")
    assert cooldown_findings(layout) == []


def test_a_record_that_may_not_be_read_is_left_out(
    tmp_path: pathlib.Path, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of an older release was for its user alone, and the whole status page failed on it."""
    (folder / "other.json").write_text(record())

    def refused(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(inspected, "read_json", refused)
    assert found(tmp_path) == []
