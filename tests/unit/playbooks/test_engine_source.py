# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""engine_source.yml: what a host without an engine is told, with a stand-in for the publisher's API."""

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

from toolcache import ROOT

INVENTORY = """\
all:
  hosts: {gpu1: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}}
  children: {llama_cpp: {hosts: {gpu1: }}}
"""
NAME = f"llama-b1-bin-ubuntu-{'arm64' if os.uname().machine == 'aarch64' else 'x64'}.tar.gz"
RELEASE = {
    "assets": [{"name": NAME, "browser_download_url": f"https://example.com/{NAME}", "digest": "sha256:" + "a" * 64}]
}
OLLAMA = f"ollama-linux-{'arm64' if os.uname().machine == 'aarch64' else 'amd64'}.tar.zst"
SUMS = f"{'c' * 64}  ./{OLLAMA.replace('.tar', '-rocm.tar')}\n{'b' * 64}  ./{OLLAMA}\n"


class Publisher(http.server.BaseHTTPRequestHandler):
    """One release, under its tag."""

    def do_GET(self) -> None:
        here = f"http://127.0.0.1:{self.server.server_address[1]}"
        sums = {"name": "sha256sum.txt", "browser_download_url": f"{here}/sums"}
        archive = {"name": OLLAMA, "browser_download_url": f"https://example.com/{OLLAMA}"}
        answers = {"/tags/b1": RELEASE, "/tags/v1": {"assets": [archive, sums]}, "/tags/v0": {"assets": [archive]}}
        text = SUMS if self.path == "/sums" else json.dumps(answers.get(self.path))
        body = text.encode()
        self.send_response(404 if text == "null" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture
def publisher() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Publisher) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def play(folder: pathlib.Path, publisher: str, release: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "hosts.yml").write_text(INVENTORY)
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder / "hosts.yml")]
    command += [str(ROOT / "playbooks" / "engine_source.yml"), "-e", f"engine_source_api={publisher}"]
    command += ["-e", f"engine_source_release={release}", "-e", "ansible_become=false", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_host_is_told_the_archive_and_its_published_sum(tmp_path: pathlib.Path, publisher: str) -> None:
    done = play(tmp_path, publisher, "b1")
    assert done.returncode == 0, done.stdout
    assert f"llama_cpp_archive_url: https://example.com/{NAME}" in done.stdout
    assert f"llama_cpp_archive_sha256: {'a' * 64}" in done.stdout
    assert "changed=0" in done.stdout


def test_a_release_that_is_not_there_is_said_with_its_address(tmp_path: pathlib.Path, publisher: str) -> None:
    done = play(tmp_path, publisher, "b0")
    assert done.returncode != 0
    assert "404" in done.stdout + done.stderr
    assert f"{publisher}/tags/b0" in done.stdout + done.stderr


def test_for_ollama_the_sum_is_that_of_the_releases_own_list(tmp_path: pathlib.Path, publisher: str) -> None:
    done = play(tmp_path, publisher, "v1", "-e", "engine_source_engine=ollama")
    assert done.returncode == 0, done.stdout
    assert f"ollama_archive_url: https://example.com/{OLLAMA}" in done.stdout
    assert f"ollama_archive_sha256: {'b' * 64}" in done.stdout


def test_without_such_a_list_there_is_no_sum(tmp_path: pathlib.Path, publisher: str) -> None:
    done = play(tmp_path, publisher, "v0", "-e", "engine_source_engine=ollama")
    assert done.returncode != 0
    assert "does not answer with a release that has a sha256sum.txt" in " ".join(done.stdout.split())
