# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What somebody else put into our folders is left alone, and breaks nothing."""

from __future__ import annotations

import os
import pathlib

import pytest
from host_stand_in import made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host import layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host import state as host_state
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd, SystemdError, run_command
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import generations, releases
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching


@pytest.fixture
def littered(host: Host, layout: Layout) -> Layout:
    """A host with one service, and a file, a folder and bytes where none of them belong."""
    host_state.make_folders(layout, host_state.missing_folders(layout))
    switching.switch(host, "redis", made(layout, manifest()), change=Change(1))
    for folder in (layout.instances, layout.releases, f"{layout.releases}/redis", layout.artifacts, layout.generations):
        pathlib.Path(folder, "notes.txt").write_bytes(b"caf\xe9")
    pathlib.Path(layout.instances, "a-folder").mkdir()
    pathlib.Path(layout.generations, "²2.json").write_text("{}")
    pathlib.Path(layout.generations, "7.json").mkdir()
    pathlib.Path(layout.generations, "8.json").write_bytes(b'{"schema": "\xe9"}')
    return layout


def test_instances_are_our_links_alone(littered: Layout) -> None:
    assert layout.list_instances(littered) == ["redis"]
    assert layout.linked_release(littered, "notes.txt") == ""


def test_a_generation_that_is_no_file_or_no_text_is_one_that_cannot_be_read(littered: Layout) -> None:
    good, bad = generations.read_all(littered)
    assert (list(good), bad) == ([1], [7, 8])


def test_tidying_leaves_them_there(littered: Layout) -> None:
    assert releases.prune(littered, "redis", 0, set()) == []
    assert releases.prune_artifacts(littered) == []
    assert os.path.exists(os.path.join(littered.artifacts, "notes.txt"))


def test_a_text_with_other_bytes_is_another_text(littered: Layout) -> None:
    assert layout.read_text(os.path.join(littered.artifacts, "notes.txt")) == "caf\N{REPLACEMENT CHARACTER}"
    assert layout.read_text(littered.artifacts) is None


def test_a_command_that_hangs_is_told_with_what_to_look_at() -> None:
    code, output = run_command(["sleep", "9"], timeout=0.2)
    assert (code, output.startswith("`sleep 9` did not end within 0.2 s and was stopped: ")) == (124, True)
    assert "journalctl" in output
    with pytest.raises(SystemdError, match=r"`sleep 9` did not end within"):
        Systemd(run=lambda argv: run_command(["sleep", "9"], timeout=0.2)).call("start", "x")
