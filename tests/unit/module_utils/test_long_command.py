# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command of minutes: how far it is, how it ended, and what it gets of the environment."""

from __future__ import annotations

import json
import pathlib
import sys

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching import command
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.state import state_of
from toolcache import ROOT

PIP = [
    "Collecting a==1 (from -r lock)",
    "  Downloading a.whl",
    "Processing /mnt/wheels/b-2-py3-none-any.whl (from -r lock)",
    "Installing collected packages: a, b",
]
# As the role writes it.
PACKAGES = yaml.safe_load((ROOT / "roles/service/vars/main.yml").read_text())["__service_venv_command"]["pattern"]
NINJA = ["-- Configuring done", "[1/873] Building CXX object a.o", "warning: x", "[2/873] Linking"]


@pytest.mark.parametrize(
    ("lines", "pattern", "steps", "words"),
    [
        (NINJA, r"^\[\d+/\d+\]", False, ["[1/873]", "[2/873]"]),
        (PIP, PACKAGES, True, ["1: a==1", "2: b-2-py3-none-any.whl", "3: Installing"]),
    ],
    ids=["a build", "packages"],
)
def test_it_shows_how_far_it_is(lines: list[str], pattern: str, steps: bool, words: list[str]) -> None:
    assert list(command.progress(lines, pattern, steps)) == words


def ended(folder: pathlib.Path, *argv: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    """The state of a command after its end."""
    request = {"argv": list(argv), "environment": environment or {}, "pattern": "^step", "steps": False}
    (folder / "request.json").write_text(json.dumps(request))
    command.main(str(folder))
    return state_of(str(folder))


def test_one_that_ends_well_is_done(tmp_path: pathlib.Path) -> None:
    assert ended(tmp_path, sys.executable, "-c", "print('step 1')") == {"state": "done", "text": "done"}


def test_one_that_fails_is_told_with_its_last_lines(tmp_path: pathlib.Path) -> None:
    script = "import sys; print(*range(30), sep='\\n'); print('no space left', file=sys.stderr); sys.exit(3)"
    found = ended(tmp_path, sys.executable, "-uc", script)
    assert found["state"] == "failed"
    assert found["text"].startswith(f"{sys.executable} ended with 3:\n16\n")
    assert found["text"].endswith("no space left")


def test_one_that_is_not_there_is_told(tmp_path: pathlib.Path) -> None:
    assert ended(tmp_path, "/nowhere/cmake") == {
        "state": "failed",
        "text": "/nowhere/cmake can't be started: No such file or directory",
    }


def test_it_gets_the_environment_of_the_task_and_nothing_of_the_run(tmp_path: pathlib.Path) -> None:
    given = {"PIP_INDEX_URL": "https://a", "https_proxy": "http://b", "ANSIBLE_X": "1", "NOTIFY_SOCKET": "/run/s"}
    assert command.may_have(given) == {"PIP_INDEX_URL": "https://a", "https_proxy": "http://b"}
    script = "import os, sys; sys.exit(os.environ['PIP_INDEX_URL'] != 'https://a')"
    assert ended(tmp_path, sys.executable, "-c", script, environment=given)["state"] == "done"


def test_what_may_be_secret_of_a_request_is_on_no_disk_after_its_beginning(tmp_path: pathlib.Path) -> None:
    ended(tmp_path, sys.executable, "-c", "", environment={"PIP_INDEX_URL": "https://a"})
    kept = tmp_path / "request.json"
    assert json.loads(kept.read_text()).keys() == {"argv", "pattern", "steps"}
    assert kept.stat().st_mode & 0o777 == 0o600
