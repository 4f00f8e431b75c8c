"""The second source of llama-server: built from a source package, taken where Debian gives none, and a real engine."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator

import httpx
import pytest

from ansible_collections.lab.ai_backend.plugins.modules.tiny_model import build
from toolcache import ROOT, cache_dir, sha256_of

TOOLS = ROOT / "tests" / "tools"
LOADED_SECONDS = 30


@pytest.fixture(scope="module")
def archive() -> pathlib.Path:
    """The archive, built now if it never was."""
    done = subprocess.run([sys.executable, TOOLS / "llama_source.py"], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(done.stdout.strip())


@pytest.fixture(scope="module")
def engine(archive: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """llama-server out of the archive, with a tiny model, asked on loopback."""
    folder = tmp_path_factory.mktemp("engine")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (server,) = folder.glob("*/llama-server")
    (folder / "tiny.gguf").write_bytes(build("lab-tiny", 7))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    argv = [
        server,
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "-m",
        folder / "tiny.gguf",
        "--alias",
        "lab-tiny",
        "-c",
        "512",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            deadline = time.monotonic() + LOADED_SECONDS
            while not well(client):
                assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            yield client
    finally:
        process.terminate()
        process.wait(30)


def well(client: httpx.Client) -> bool:
    """Whether the model is loaded; the engine itself is asked, a tenth of a second apart."""
    try:
        if client.get("/health").status_code == 200:
            return True
    except httpx.TransportError:
        pass
    time.sleep(0.1)
    return False


def test_it_serves_the_model_it_was_given(engine: httpx.Client) -> None:
    assert [entry["id"] for entry in engine.get("/v1/models").json()["data"]] == ["lab-tiny"]


def test_it_answers(engine: httpx.Client) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}
    answer = engine.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200
    assert answer.json()["usage"]["completion_tokens"] > 0


def test_it_is_taken_where_debian_gives_none(archive: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """With a mirror that is not there; a cache that holds nothing but the archive."""
    for file in (archive, archive.with_name(f"{archive.name}.sha256")):
        (tmp_path / file.name).symlink_to(file)
    for folder in cache_dir().glob("wheelhouse-*"):
        (tmp_path / folder.name).symlink_to(folder)
    environment = {**os.environ, "AI_BACKEND_CACHE": str(tmp_path), "DEBIAN_MIRROR": "http://127.0.0.1:9/debian/"}
    done = subprocess.run([TOOLS / "bootstrap", "env"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Debian gives no llama-server (see above): it is built from source instead, once" in done.stderr
    assert f"AI_BACKEND_LLAMA_ARCHIVE_URL=file://{tmp_path / archive.name}" in done.stdout
    assert f"AI_BACKEND_LLAMA_ARCHIVE_SHA256={sha256_of(archive)}" in done.stdout
