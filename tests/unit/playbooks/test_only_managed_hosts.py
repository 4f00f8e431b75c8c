# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In a company's inventory: other hosts are not changed, and a managed one that is gone stops nothing and is named."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
# `away` and `stranger` are behind an ssh that reaches nobody; the company's own group redis is on the stranger.
INVENTORY = """
all:
  vars: {{ansible_become: false}}
  hosts:
    stranger: {{ansible_ssh_executable: {folder}/ssh}}
    away: {{ansible_ssh_executable: {folder}/ssh, ai_backend_address: 10.0.0.2}}
    here: {{ansible_connection: local, ansible_python_interpreter: {python}, ai_backend_address: 10.0.0.1}}
  children:
    redis: {{hosts: {{stranger: }}}}
    ai_backend_gateway: {{hosts: {{here: }}}}
    ai_backend_redis: {{hosts: {{here: }}}}
    cards: {{hosts: {{away: , here: }}}}
"""
BROKEN = '  broken: "{{ nobody_defines_this }}"\n'
REGISTRY = """\
ai_backend_ports: {services: {native: 8080}}
ai_backend_providers:
  native: {type: llama_cpp, hosts: cards, models: [{name: lab-tiny, source: tiny}]}
"""


def play(folder: pathlib.Path, playbook: str, *arguments: str, registry: str = REGISTRY + BROKEN) -> tuple[int, str]:
    """The exit code of a playbook, and all it said in one line."""
    (folder / "ssh").write_text("#!/bin/sh\nexit 255\n")
    (folder / "ssh").chmod(0o755)
    (folder / "hosts.yml").write_text(INVENTORY.format(folder=folder, python=sys.executable))
    (folder / "group_vars").mkdir(exist_ok=True)
    for group in ("ai_backend_gateway", "cards"):
        (folder / "group_vars" / f"{group}.yml").write_text(registry)
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", *arguments]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }
    environment.pop("ANSIBLE_CONFIG", None)
    done = subprocess.run(
        [*command, f"lab.ai_backend.{playbook}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_status_shows_a_host_that_is_gone_and_its_exit_code_says_so(tmp_path: pathlib.Path) -> None:
    code, said = play(tmp_path, "status")
    assert code == 2
    assert "here (nothing managed)" in said
    assert "away unreachable" in said
    assert "away can't be reached: what runs there is not known" in said
    assert "fatal: [stranger]" not in said


def test_status_of_hosts_that_all_answer_ends_well(tmp_path: pathlib.Path) -> None:
    code, said = play(tmp_path, "status", "--limit", "here,stranger")
    assert (code, 'unreachable"' in said) == (0, False), said


def test_a_way_back_goes_on_without_a_host_that_is_gone_and_says_how_it_comes_along(tmp_path: pathlib.Path) -> None:
    code, said = play(tmp_path, "rollback", "-e", "ai_backend_list=true")
    assert code == 2
    assert "away can't be reached" in said
    assert "fatal: [stranger]" not in said
    # Nothing was ever deployed here, so there is nothing to go back to: that is what stops it, not the other host.
    code, said = play(tmp_path, "rollback")
    assert code == 2
    assert "No host has a complete generation" in said


def test_a_removal_asks_nobody_else(tmp_path: pathlib.Path) -> None:
    code, said = play(tmp_path, "remove", "--check")
    assert code == 4, "Ansible's own code for a host that can't be reached"
    assert "fatal: [away]: UNREACHABLE" in said
    assert "fatal: [stranger]" not in said


@pytest.mark.parametrize("playbook", ["validate", "explain", "status", "rollback", "remove"])
def test_a_limit_that_leaves_no_managed_host_is_told_not_passed_over(tmp_path: pathlib.Path, playbook: str) -> None:
    code, said = play(tmp_path, playbook, "--limit", "stranger")
    assert code == 2
    assert "None of the remaining hosts is managed by lab.ai_backend: the managed hosts are" in said


def test_the_registry_may_be_in_the_variables_of_managed_groups(tmp_path: pathlib.Path) -> None:
    code, said = play(tmp_path, "validate", registry=REGISTRY)
    assert code == 0, said
    assert "WARNING" not in said
    # Hosts are shown as they end.
    shown = said.partition("Give each host its slice] ")[2].lstrip("* ")
    assert shown.startswith(("ok: [away] ok: [here]", "ok: [here] ok: [away]"))
