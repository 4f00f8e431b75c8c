# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filters inside Ansible: lazy containers in, plain data out, one kind of error."""

from __future__ import annotations

import builtins
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.lab.ai_backend.plugins.filter import filters
from plans import config_of

Raw = dict[str, Any]
FOLDER = Path(filters.__file__).parent
FILTERS = filters.FilterModule().filters()
COLLECTIONS = FOLDER.parents[4]
SHIPPED = FOLDER.resolve().parents[1] / "group_vars" / "all"

# Everything below is asked of one run: a start of Ansible costs more than all of it.
PLAYBOOK = """
- hosts: all
  gather_facts: false
  vars:
    registry:
      providers: "{{ ai_backend_providers }}"
      routing: "{{ ai_backend_routing }}"
      ports: "{{ ai_backend_ports }}"
      gateway: "{{ ai_backend_gateway }}"
      cache: "{{ ai_backend_cache }}"
      monitoring: "{{ ai_backend_monitoring }}"
      clients: "{{ ai_backend_clients }}"
      secrets: "{{ ai_backend_secrets }}"
    opened: {openai: {type: openai, models: ["{{ wanted }}"]}}
    wanted: gpt-4o
  tasks:
    - ansible.builtin.set_fact:
        plan: "{{ registry | lab.ai_backend.plan(groups=groups) }}"
    - ansible.builtin.set_fact:
        wrong: "{{ registry | combine({'providers': opened}) | lab.ai_backend.plan(groups) }}"
      register: failed
      ignore_errors: true
    - ansible.builtin.copy:
        dest: "{{ playbook_dir }}/result.json"
        mode: "0600"
        content: "{{ result | to_json }}"
      vars:
        result:
          plan: "{{ plan }}"
          failed: "{{ failed.msg }}"
          rendered: "{{ {'providers': opened, 'secrets': {'OPENAI_API_KEY': vaulted}} | lab.ai_backend.registry }}"
          config: "{{ registry | lab.ai_backend.litellm_config(groups, 'one') }}"
          table: "{{ plan.providers | lab.ai_backend.status_table(['name', 'status']) }}"
        vaulted: "{{ 'given-' ~ 'openai' }}"
"""
INVENTORY = """
all:
  hosts: {one: {ansible_connection: local, ansible_python_interpreter: '{{ ansible_playbook_python }}'}}
  children: {gateway: {hosts: {one: }}, redis: {hosts: {one: }}, llama_cpp: {hosts: {one: }}}
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Raw:
    folder = tmp_path_factory.mktemp("play")
    (folder / "play.yml").write_text(PLAYBOOK)
    (folder / "hosts.yml").write_text(INVENTORY)
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all").symlink_to(SHIPPED)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_HOME": str(folder / "home"),
        "OPENAI_API_KEY": "",
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "play.yml"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    loaded: Raw = json.loads((folder / "result.json").read_text())
    return loaded


def test_the_shipped_registry_is_planned_through_lazy_containers(result: Raw) -> None:
    assert config_of(result["plan"], "one", "litellm")["answers"] == ["smollm2:135m"]


def test_the_shipped_registry_routes_to_what_runs_alone(result: Raw) -> None:
    """Names of inactive providers were listed, and answered by the one engine there was."""
    assert result["plan"]["models"] == ["smollm2:135m"]
    assert result["plan"]["warnings"] == []


def test_templates_inside_the_registry_are_rendered(result: Raw) -> None:
    assert result["rendered"]["providers"]["openai"]["models"][0]["name"] == "gpt-4o"
    assert result["rendered"]["secrets"] == {"OPENAI_API_KEY": True}


def test_findings_are_the_error(result: Raw) -> None:
    assert "ai_backend_secrets.OPENAI_API_KEY: has no value, 'openai' needs it" in result["failed"]


def test_findings_say_file_and_line(result: Raw) -> None:
    line = next(i for i, text in enumerate((SHIPPED / "secrets.yml").read_text().splitlines(), 1) if "  OPENAI" in text)
    assert f"(group_vars/all/secrets.yml:{line})" in result["failed"]


def test_the_config_and_the_table_are_texts(result: Raw) -> None:
    assert result["config"] == config_of(result["plan"], "one", "litellm")["config"]
    assert yaml.safe_load(result["config"])["general_settings"]["master_key"] == "os.environ/LITELLM_MASTER_KEY"
    assert "llama_cpp_native  active" in result["table"]


def test_an_error_has_nothing_behind_it() -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        FILTERS["plan"]({}, {})
    assert "lab.ai_backend.init" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_each_filter_says_what_is_wrong() -> None:
    with pytest.raises(AnsibleFilterError, match="is not defined or empty"):
        FILTERS["litellm_config"](None, {}, "one")
    with pytest.raises(AnsibleFilterError, match="is not a list of mappings"):
        FILTERS["status_table"]("x")


def test_a_missing_library_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if not name and "entries" in (arguments[2] or ()):
            raise ImportError("No module named 'pydantic'", name="pydantic")
        return original(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(AnsibleFilterError, match="needs pydantic in the Python that runs Ansible: pip install"):
        FILTERS["registry"]({})


def test_each_filter_is_documented_in_a_file_of_its_name() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yml")) == sorted(FILTERS)
    for name in FILTERS:
        documents = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
        assert documents["DOCUMENTATION"]["name"] == name
        assert documents["EXAMPLES"]
        assert documents["RETURN"]


def test_filters_that_roles_ask_for_in_every_run_import_no_registry_types() -> None:
    """Each task is a process of its own, and the types take a third of a second to import."""
    package = "ansible_collections.lab.ai_backend.plugins.filter"
    script = f"import sys; from {package} import filters; print('pydantic' in sys.modules)"
    path = {"PYTHONPATH": str(COLLECTIONS)}
    done = subprocess.run([sys.executable, "-c", script], env=path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
