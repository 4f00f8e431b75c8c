# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""import.yml: files of a registry, and never over what is there."""

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

ROOT = pathlib.Path(__file__).resolve().parents[3]
CONFIG = """
model_list:
  - model_name: m
    litellm_params: {model: openai/m, api_base: "http://10.0.0.1/v1"}
"""
TAGS = {"models": [{"name": "tiny:1b", "details": {"parameter_size": "1B", "quantization_level": "Q8_0"}}]}


def play(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "lab.ai_backend.import", *arguments]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"), "PWD": str(folder)}
    environment.pop("ANSIBLE_CONFIG", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def ollama() -> Iterator[str]:
    """An address that lists models as Ollama does."""

    class Tags(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(TAGS).encode()
            self.send_response(200 if self.path == "/api/tags" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nothing on standard error."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tags) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_files_are_written_once_and_never_over_others(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    done = play(tmp_path, "-e", "import_from=config.yaml")
    assert done.returncode == 0, done.stdout
    written = tmp_path / "imported" / "providers.yml"
    assert "p_10_0_0_1" in written.read_text()
    written.write_text("mine")
    again = play(tmp_path, "-e", "import_from=config.yaml")
    assert again.returncode != 0
    assert "already exists" in again.stdout
    assert written.read_text() == "mine"


def test_a_lost_name_ends_the_run_after_its_files_and_report_are_written(tmp_path: pathlib.Path) -> None:
    lost = '  - {model_name: "*", litellm_params: {model: "*"}}\n'
    (tmp_path / "config.yaml").write_text(CONFIG + lost)
    done = play(tmp_path, "-e", "import_from=config.yaml", "-e", "import_report=report.json")
    assert done.returncode == 2, done.stdout
    assert "kept 1 of 2 names; lost 1: see report" in done.stdout
    assert "config.yaml:5 *: model_list[1].litellm_params.model: no provider can be told from" in done.stdout
    assert "explain m:" in done.stdout
    assert (tmp_path / "imported" / "routing.yml").is_file()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["names"] == {"asked": 2, "kept": 1, "changed": ["m"], "lost": ["*"]}
    (critical,) = [row for row in report["findings"] if row["severity"] == "critical"]
    assert (critical["file"], critical["line"], critical["names"]) == ("config.yaml", 5, ["*"])


def test_nothing_to_import_writes_nothing_and_reports_why(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.yaml").write_text("model_list: []\n")
    done = play(tmp_path, "-e", "import_from=config.yaml")
    assert (done.returncode, (tmp_path / "imported").exists()) == (2, False)
    assert "kept 0 of 0 names" in done.stdout


def test_a_running_ollama_is_asked_for_its_models(tmp_path: pathlib.Path, ollama: str) -> None:
    done = play(tmp_path, "-e", f"import_from={ollama}/")
    assert done.returncode == 0, done.stdout
    text = (tmp_path / "imported" / "providers.yml").read_text()
    assert "tiny:1b" in text
    assert f'base_url: "{ollama}"' in text


def test_without_a_source_the_word_is_named(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path)
    assert done.returncode != 0
    assert "import_from" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.count("write `-e import_from=") <= 2, "the reason is not repeated for each cause"
