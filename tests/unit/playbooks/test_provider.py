"""The verbs for one provider, as a user runs them: the file they edit, and what they refuse."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
HOSTS = """\
all:
  vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  children:
    ai_backend_gateway: {hosts: {one: }}
    ai_backend_redis: {hosts: {one: }}
"""
PROVIDERS = """\
# The lab's.
ai_backend_providers:
  native:   # always there
    type: llama_cpp
    base_url: http://127.0.0.1:8080
    models: [{name: lab-tiny, source: tiny}]
  far: {type: ollama, managed: false, base_url: "http://10.0.0.8:11434", models: [qwen]}
"""
ROUTING = "ai_backend_routing:\n  default_provider: native\n"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "hosts.yml").write_text(HOSTS)
    (tmp_path / "group_vars/all").mkdir(parents=True)
    (tmp_path / "group_vars/all/providers.yml").write_text(PROVIDERS)
    (tmp_path / "group_vars/all/providers.yml").chmod(0o640)
    (tmp_path / "group_vars/all/routing.yml").write_text(ROUTING)
    return tmp_path


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A vLLM, as far as its list of models tells."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/v1/models"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"data": [{"id": "big", "owned_by": "vllm"}]} if found else {}).encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def run(folder: pathlib.Path, *words: str) -> tuple[int, str]:
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml"]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"),
        "ANSIBLE_FORCE_COLOR": "0",
    }
    environment.pop("ANSIBLE_CONFIG", None)
    arguments = [each for word in words if word != "--check" for each in ("-e", word)]
    arguments += ["--check"] if "--check" in words else []
    done = subprocess.run(
        [*command, "lab.ai_backend.provider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def text_of(folder: pathlib.Path) -> str:
    return (folder / "group_vars/all/providers.yml").read_text()


def test_a_server_that_runs_is_recognised_added_disabled_and_removed(folder: pathlib.Path, server: str) -> None:
    code, said = run(folder, "verb=add", "provider=big", f"url={server}/v1", "--check")
    assert (code, text_of(folder)) == (0, PROVIDERS), said
    assert "Nothing was written, only checked." in said
    code, said = run(folder, "verb=add", "provider=big", f"url={server}/v1")
    assert code == 0, said
    assert "+ big: + type: vllm" in said, "the diff is shown without --diff"
    assert text_of(folder).startswith(PROVIDERS)
    entry = {"type": "vllm", "managed": False, "base_url": server, "models": ["big"]}
    assert yaml.safe_load(text_of(folder))["ai_backend_providers"]["big"] == entry
    assert (folder / "group_vars/all/providers.yml").stat().st_mode & 0o777 == 0o640
    code, said = run(folder, "verb=disable", "provider=big")
    assert code == 0, said
    assert yaml.safe_load(text_of(folder))["ai_backend_providers"]["big"] == {"status": "inactive", **entry}
    assert run(folder, "verb=remove", "provider=big")[0] == 0
    assert text_of(folder) == PROVIDERS


def test_they_are_listed_with_their_files(folder: pathlib.Path) -> None:
    code, said = run(folder)
    assert code == 0, said
    assert "native llama_cpp active http://127.0.0.1:8080 lab-tiny group_vars/all/providers.yml" in said
    assert "far ollama active http://10.0.0.8:11434 qwen group_vars/all/providers.yml" in said


def test_what_would_break_the_registry_is_not_written(folder: pathlib.Path) -> None:
    code, said = run(folder, "verb=remove", "provider=native")
    assert code != 0
    assert "Nothing was written. ai_backend_routing.default_provider: still names 'native'" in said, said
    assert text_of(folder) == PROVIDERS
