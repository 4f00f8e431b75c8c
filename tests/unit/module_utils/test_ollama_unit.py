"""The unit that fetches models: begun once for a store, and never believed to run when it does not."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from host_stand_in import FakeSystemctl

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching import unit as fetching
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama import others, unit
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.server import OllamaError

NAME = "ollama@lab"
UNIT = "ai-backend-fetch-ollama-lab.service"
OFFERED = "LoadState=loaded\nUser=nobody\nEnvironment=OLLAMA_DEBUG=1 OLLAMA_MODELS={folder}\n"


@pytest.fixture
def folder(host: Host) -> pathlib.Path:
    """The folder of a fetch for the store /m/one."""
    path = pathlib.Path(fetching.folder_of(host.layout, NAME))
    path.mkdir(parents=True)
    (path / "request.json").write_text(json.dumps({"store": "/m/one"}))
    return path


def test_a_fetch_for_the_same_store_goes_on(host: Host, systemctl: FakeSystemctl, folder: pathlib.Path) -> None:
    systemctl.active[UNIT] = 7
    assert fetching.begun(host, NAME, {"store": "/m/one"})
    assert UNIT in systemctl.active


def test_one_for_another_store_is_stopped(host: Host, systemctl: FakeSystemctl, folder: pathlib.Path) -> None:
    systemctl.active[UNIT] = 7
    assert not fetching.begun(host, NAME, {"store": "/m/two"})
    assert UNIT not in systemctl.active


def test_nothing_was_begun_on_a_host_that_was_started_again(host: Host) -> None:
    assert not fetching.begun(host, NAME, {"store": "/m/one"})


def test_a_state_counts_as_long_as_its_unit_runs(host: Host, systemctl: FakeSystemctl, folder: pathlib.Path) -> None:
    (folder / "state.json").write_text('{"state": "running", "text": "12 %"}')
    systemctl.active[UNIT] = 7
    assert fetching.outcome(host, NAME) == {"state": "running", "text": "12 %"}
    systemctl.active.clear()
    found = fetching.outcome(host, NAME)
    assert (found["state"], found["text"].partition(":")[0]) == ("failed", f"{UNIT} ended before it was done")


def test_the_end_counts_when_its_unit_has_gone(host: Host, folder: pathlib.Path) -> None:
    (folder / "state.json").write_text('{"state": "done", "text": "3 models"}')
    assert fetching.outcome(host, NAME)["state"] == "done"


def test_the_models_of_another_unit_are_where_its_environment_names_them(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "theirs/manifests").mkdir(parents=True)
    text = OFFERED.format(folder=tmp_path / "theirs")
    monkeypatch.setattr(host.systemd, "run", lambda argv: (0, text))
    assert others.models_of(host, "ollama.service") == str(tmp_path / "theirs")
    monkeypatch.setattr(host.systemd, "run", lambda argv: (0, text.replace("loaded", "not-found")))
    assert others.models_of(host, "ollama.service") == ""


def test_without_it_they_are_in_the_home_of_its_user(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / ".ollama/models/manifests").mkdir(parents=True)
    monkeypatch.setattr(others.pwd, "getpwnam", lambda name: type("Entry", (), {"pw_dir": str(tmp_path)}))
    monkeypatch.setattr(host.systemd, "run", lambda argv: (0, "LoadState=loaded\nUser=ollama\nEnvironment=\n"))
    assert others.models_of(host, "ollama.service") == str(tmp_path / ".ollama/models")


def test_work_as_another_user_reports_its_error_and_leaves_root_as_it_is(tmp_path: pathlib.Path) -> None:
    me = (os.geteuid(), os.getegid())
    if me[0] != 0:
        pytest.skip("only root becomes another user")
    tmp_path.chmod(0o755)

    def work() -> None:
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (65534, 65534, [])
        (tmp_path / "x").write_text("not allowed")

    with pytest.raises(OllamaError, match="Permission denied"):
        unit.as_user((65534, 65534), work)
    assert (os.geteuid(), os.getegid()) == me
    unit.as_user((65534, 65534), lambda: None)
