# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""init.yml: a directory of one's own that works, with the schema where its files look for it."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]


def play(folder: pathlib.Path, *arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), *arguments]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"), "PWD": str(folder)}
    environment.pop("ANSIBLE_CONFIG", None)
    environment = {name: value for name, value in {**environment, **changes}.items() if value is not None}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_what_is_copied_is_valid_and_finds_its_schema(tmp_path: pathlib.Path) -> None:
    assert play(tmp_path, "lab.ai_backend.init").returncode == 0
    files = sorted((tmp_path / "inventory" / "group_vars" / "all").glob("*.yml"))
    assert len(files) == 10
    for file in files:
        first = file.read_text().splitlines()[0]
        assert (file.parent / first.partition("$schema=")[2]).resolve().name == "registry.schema.json"
        assert (file.parent / first.partition("$schema=")[2]).exists()
    # The folder as an inventory: nothing in it may be taken for one by mistake.
    done = play(tmp_path, "-i", "inventory", "lab.ai_backend.validate")
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stderr.replace("[WARNING]: Collection", "")


def test_the_folder_is_a_project_that_works_as_typed(tmp_path: pathlib.Path) -> None:
    assert play(tmp_path, "lab.ai_backend.init").returncode == 0
    # Without the path that tests give: its own ansible.cfg knows where the collection is.
    done = play(tmp_path, "lab.ai_backend.validate", ANSIBLE_COLLECTIONS_PATH=None)
    assert done.returncode == 0, done.stdout + done.stderr
    hook = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"][0]
    assert hook["entry"] == "ansible-playbook lab.ai_backend.validate"
    assert re.match(hook["files"], "inventory/group_vars/all/providers.yml")
    assert (tmp_path / ".gitignore").exists()


def test_the_cluster_has_the_same_registry_and_no_way_back_to_the_shipped_one(tmp_path: pathlib.Path) -> None:
    assert play(tmp_path, "lab.ai_backend.init").returncode == 0
    done = play(tmp_path, "-i", "cluster", "lab.ai_backend.explain", "-e", "model=smollm2:135m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on gpu1 at http://127." in done.stdout
    links = [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert [link.resolve() for link in links] == [(tmp_path / "inventory" / "group_vars").resolve()]


def test_a_preview_makes_nothing(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, "--check", "lab.ai_backend.init")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_second_time_nothing_is_overwritten(tmp_path: pathlib.Path) -> None:
    play(tmp_path, "lab.ai_backend.init")
    mine = tmp_path / "inventory" / "group_vars" / "all" / "cache.yml"
    mine.write_text("# mine\n")
    assert play(tmp_path, "lab.ai_backend.init").returncode == 0
    assert mine.read_text() == "# mine\n"
