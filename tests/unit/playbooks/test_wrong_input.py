"""Wrong input never reaches a host: everything wrong is said at once, each with its path and what to write."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
# An address of the documentation range behind a connection that cannot work: a run that tries to reach it fails loudly.
INVENTORY = """
all:
  vars: {ansible_connection: ssh, ansible_host: 192.0.2.1, ansible_ssh_executable: /nonexistent/ssh}
  hosts: {gpu1: }
  children: {gateway: {hosts: {gpu1: }}, redis: {hosts: {gpu1: }}, llama_cpp: {hosts: {gpu1: }}}
"""
LITERAL = "sk-live-0123456789abcdefghijklmnopqrstuvwx"  # pragma: allowlist secret


def play(folder: pathlib.Path, playbook: str, variables: dict[str, Any]) -> tuple[int, str, float]:
    """Exit code, output and seconds of a playbook on the host that nobody can reach."""
    (folder / "hosts.yml").write_text(INVENTORY)
    (folder / "group_vars").mkdir(exist_ok=True)
    (folder / "group_vars" / "all.yml").write_text(yaml.safe_dump(variables))
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml"]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_FORCE_COLOR": "0",
    }
    environment.pop("ANSIBLE_CONFIG", None)
    start = time.monotonic()
    done = subprocess.run(
        [*command, playbook], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - start


def shipped() -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for path in sorted((ROOT / "group_vars" / "all").glob("*.yml")):
        variables |= yaml.safe_load(path.read_text())
    return variables


def broken() -> dict[str, Any]:
    """The shipped registry with one mistake of each kind."""
    variables = shipped()
    providers = variables["ai_backend_providers"]
    providers["llama_cpp_native"]["modles"] = ["x"]
    providers["ollama"]["models"] = 7
    providers["openai"] |= {"status": "active", "notes": LITERAL}
    routing = variables["ai_backend_routing"]
    routing["exact_matches"]["lost"] = {"provider": "nobody"}
    routing["exact_matches"]["dead"] = {"provider": "vllm"}
    variables["ai_backend_ports"]["services"]["grafana"]["port"] = 3100
    return variables


EXPECTED = [
    ("ai_backend_providers.llama_cpp_native.modles", "did you mean 'models'"),
    ("ai_backend_providers.ollama.models", "list"),
    ("ai_backend_providers.openai.notes", "ai_backend_secrets"),
    ("ai_backend_routing.exact_matches.lost.provider", "nobody"),
    ("ai_backend_ports.services", "3100"),
]


@pytest.mark.parametrize("playbook", ["lab.ai_backend.validate", "lab.ai_backend.deploy"])
def test_every_mistake_is_said_at_once_and_no_host_is_contacted(tmp_path: pathlib.Path, playbook: str) -> None:
    code, output, seconds = play(tmp_path, playbook, broken())
    assert code != 0
    for path, words in EXPECTED:
        lines = [line for line in output.splitlines() if path in line]
        assert lines, f"nothing about {path} in:\n{output}"
        assert words in output[output.index(path) :], (path, words)
    assert "UNREACHABLE" not in output
    assert "Traceback" not in output
    assert "pydantic" not in output.lower()
    assert LITERAL not in output
    assert seconds < 30


def test_a_route_whose_every_target_is_off_is_an_error(tmp_path: pathlib.Path) -> None:
    variables = shipped()
    variables["ai_backend_routing"]["exact_matches"] = {"dead": {"provider": "vllm"}}
    code, output, _seconds = play(tmp_path, "lab.ai_backend.validate", variables)
    assert code != 0
    assert "ai_backend_routing.exact_matches.dead" in output


def test_an_active_provider_without_its_key_is_an_error_that_names_the_variable(tmp_path: pathlib.Path) -> None:
    variables = shipped()
    variables["ai_backend_providers"]["anthropic"]["status"] = "active"
    variables["ai_backend_secrets"] = {"ANTHROPIC_API_KEY": ""}
    code, output, _seconds = play(tmp_path, "lab.ai_backend.validate", variables)
    assert code != 0
    assert "ANTHROPIC_API_KEY" in output
    assert "ai_backend_secrets" in output


def test_without_a_registry_the_way_to_one_is_named(tmp_path: pathlib.Path) -> None:
    code, output, _seconds = play(tmp_path, "lab.ai_backend.validate", {})
    assert code != 0
    assert "lab.ai_backend.init" in output


def test_the_shipped_registry_is_valid(tmp_path: pathlib.Path) -> None:
    code, output, _seconds = play(tmp_path, "lab.ai_backend.validate", shipped())
    assert code == 0, output


def test_a_limit_does_not_skip_the_validation(tmp_path: pathlib.Path) -> None:
    variables = broken()
    (tmp_path / "group_vars").mkdir()
    code, output, _seconds = play(tmp_path, "lab.ai_backend.deploy", variables)
    assert code != 0
    assert "modles" in output
