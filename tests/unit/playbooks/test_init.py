# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""init.yml: a directory of one's own that works, with the schema where its files look for it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]


def play(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), *arguments]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"), "PWD": str(folder)}
    environment.pop("ANSIBLE_CONFIG", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_what_is_copied_is_valid_and_finds_its_schema(tmp_path: pathlib.Path) -> None:
    assert play(tmp_path, "lab.ai_backend.init").returncode == 0
    files = sorted((tmp_path / "inventory" / "group_vars" / "all").glob("*.yml"))
    assert len(files) == 7
    for file in files:
        first = file.read_text().splitlines()[0]
        assert (file.parent / first.partition("$schema=")[2]).resolve().name == "registry.schema.json"
        assert (file.parent / first.partition("$schema=")[2]).exists()
    # The folder as an inventory: nothing in it may be taken for one by mistake.
    done = play(tmp_path, "-i", "inventory", "lab.ai_backend.validate")
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stderr.replace("[WARNING]: Collection", "")


def test_a_second_time_nothing_is_overwritten(tmp_path: pathlib.Path) -> None:
    play(tmp_path, "lab.ai_backend.init")
    mine = tmp_path / "inventory" / "group_vars" / "all" / "cache.yml"
    mine.write_text("mine")
    assert play(tmp_path, "lab.ai_backend.init").returncode == 0
    assert mine.read_text() == "mine"
