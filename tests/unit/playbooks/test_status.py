"""Status when the registry on disk cannot even be parsed."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_status_needs_no_registry_that_can_be_parsed(tmp_path: pathlib.Path) -> None:
    host = f"{{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}"
    (tmp_path / "hosts.yml").write_text(f"all: {{hosts: {{localhost: {host}}}}}\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("ai_backend_providers: [\n")
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml"]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_VARS_ENABLED": "",
    }
    environment.pop("ANSIBLE_CONFIG", None)
    done = subprocess.run(
        [*command, "lab.ai_backend.status", "-e", "ansible_become=false"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "HOST" in done.stdout
    assert "localhost" in done.stdout
