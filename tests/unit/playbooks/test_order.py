# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In which order plays that change hosts take them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
CARDS = [f"gpu{number}" for number in range(30, 0, -1)]
INVENTORY = f"""
all:
  vars: {{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}
  hosts: {{{", ".join(f"{name}: {{ai_backend_address: 10.0.0.{name[3:]}}}" for name in CARDS)}}}
  children:
    gateway: {{hosts: {{gpu30: }}}}
    redis: {{hosts: {{gpu30: }}}}
    llama_cpp: {{hosts: {{{", ".join(f"{name}: " for name in CARDS)}}}}}
"""
REGISTRY = """\
ai_backend_providers:
  native:
    type: llama_cpp
    hosts: llama_cpp
    models: [{name: lab-tiny, source: tiny}]
ai_backend_ports: {services: {native: 8080}}
"""
PLAY = """\
- hosts: all
  gather_facts: false
  roles: [lab.ai_backend.plan]
- hosts: ai_backend_members
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        dest: "{{ playbook_dir }}/order"
        content: "{{ ansible_play_hosts | join(' ') }}"
        mode: "0644"
      run_once: true
"""


def test_hosts_are_taken_in_the_order_of_the_inventory_however_fast_each_answers(tmp_path: pathlib.Path) -> None:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(REGISTRY)
    (tmp_path / "play.yml").write_text(PLAY)
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections")}
    environment.pop("ANSIBLE_CONFIG", None)
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "-f", "30"]
    done = subprocess.run(
        [*command, "play.yml"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "order").read_text().split() == CARDS
