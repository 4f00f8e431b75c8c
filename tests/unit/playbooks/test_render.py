# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway's config as a deploy would make it, to look at: no host is contacted for it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Nobody is behind this ssh.
HOSTS = {
    "all": {
        "vars": {"ansible_ssh_executable": "/bin/false"},
        "children": {
            "ai_backend_gateway": {"hosts": {"one": {"ansible_host": "192.0.2.1"}}},
            "ai_backend_redis": {"hosts": {"one": {}}},
        },
    }
}
REGISTRY = {
    "ai_backend_providers": {
        "native": {
            "type": "llama_cpp",
            "base_url": "http://127.0.0.1:8080",
            "models": [{"name": "lab-tiny", "source": "tiny"}],
        }
    }
}


@pytest.mark.parametrize("folder", [True, False], ids=["written", "shown"])
def test_it_is_rendered_without_a_host(tmp_path: pathlib.Path, folder: bool) -> None:
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(HOSTS))
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(yaml.safe_dump(REGISTRY))
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml"]
    collections = str(ROOT / ".cache" / "collections")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": collections, "ANSIBLE_FORCE_COLOR": "0"}
    environment.pop("ANSIBLE_CONFIG", None)
    words = ["-e", f"render_to={tmp_path}"] if folder else []
    done = subprocess.run(
        [*command, "lab.ai_backend.render", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if folder:
        config = yaml.safe_load((tmp_path / "one.yaml").read_text())
        assert [row["model_name"] for row in config["model_list"]] == ["lab-tiny"]
    else:
        assert "model_name: lab-tiny" in done.stdout
