"""What a deploy needs is got before it: by day, with the network, and nothing that runs is touched."""

import contextlib
import copy
import functools
import gzip
import hashlib
import http.server
import os
import pathlib
import re
import subprocess
import threading
import time

import pytest
from fleet import HOSTS, play, registry, wait

MODEL = "/var/lib/ai-backend/models/fetched-tiny.gguf"
NEWEST = "ls /var/lib/ai-backend/generations | sort -n | tail -1"


class Bad(http.server.BaseHTTPRequestHandler):
    """A server that sends slowly, and ends the first answer in the middle."""

    def __init__(self, content, asked, *arguments):
        self.content, self.asked = content, asked
        super().__init__(*arguments)

    def do_GET(self):
        asked = self.headers.get("Range", "bytes=0-")
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.asked.append(start)
        self.send_response(206)
        self.send_header("Content-Length", str(len(self.content) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.end_headers()
        end = len(self.content) if len(self.asked) > 1 else len(self.content) // 2
        for place in range(start, end, end // 20):
            self.wfile.write(self.content[place : min(place + end // 20, end)])
            time.sleep(0.5)


@contextlib.contextmanager
def served(folder, handler=None):
    """A server of files on the machine that runs the checks; its address for hosts."""
    handler = handler or functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), handler)  # noqa: S104
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gateway = HOSTS["vars"]["container_subnet"].replace(".0/24", ".1")
    yield f"http://{gateway}:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(scope="module")
def folder(gateway, tmp_path_factory):
    """With a model that really answers: that of the host."""
    folder = tmp_path_factory.mktemp("served")
    source = f"{gateway.container}:/var/lib/ai-backend/models/lab-tiny.gguf"
    subprocess.run(["docker", "cp", source, str(folder / "model.gguf")], check=True, capture_output=True)
    return folder


def with_model(url, sha256):
    """The scenario's registry with a second engine, whose model is downloaded."""
    providers = copy.deepcopy(registry("providers"))
    model = {"name": "fetched-tiny", "url": url, "sha256": sha256}
    providers["second"] = {"type": "llama_cpp", "base_url": "http://127.0.0.1:8085", "models": [model]}
    return {"ai_backend_providers": providers}


def test_a_download_that_fails_touches_nothing(client, gateway, folder):
    before, generation = gateway.pids(), gateway.run(NEWEST)
    with served(folder) as base:
        run = play("deploy", extra=with_model(f"{base}/model.gguf", "0" * 64))
    assert run.code != 0
    assert gateway.pids() == before, "nothing was restarted"
    assert gateway.run(NEWEST) == generation, "no generation was opened"
    assert not gateway.host.file(MODEL).exists
    assert client.answers()


def test_a_download_goes_on_where_it_ended_and_shows_how_far_it_is(gateway, folder):
    """From a mirror: the publisher's address leads nowhere."""
    content, asked = (folder / "model.gguf").read_bytes(), []
    changed = with_model("http://hub.invalid/model.gguf", hashlib.sha256(content).hexdigest())
    with served(folder, functools.partial(Bad, content, asked)) as base:
        run = play("fetch", extra={**changed, "ai_backend_mirror": {"http://hub.invalid/": f"{base}/"}})
    assert run.code == 0, run.output
    assert asked == [0, len(content) // 2]
    assert re.search(r"fetched-tiny\.gguf [\d.]+ of [\d.]+ kB, \d+ %, [\d.]+ kB/s, \d+ s left", run.output), run.output
    assert gateway.run(f"sha256sum {MODEL}").split()[0] == hashlib.sha256(content).hexdigest()
    gateway.run(f"rm {MODEL}")


def test_what_was_fetched_by_day_is_deployed_without_a_network(client, gateway, folder):
    before, generation = gateway.pids(), gateway.run(NEWEST)
    digest = hashlib.sha256((folder / "model.gguf").read_bytes()).hexdigest()
    with served(folder) as base:
        changed = with_model(f"{base}/model.gguf", digest)
        run = play("fetch", extra=changed)
        assert run.code == 0, run.output
    assert gateway.host.file(MODEL).exists
    assert gateway.pids() == before, "nothing that runs was touched"
    assert gateway.run(NEWEST) == generation
    again = play("fetch", extra=changed)
    assert (again.code, again.changed) == (0, 0), again.output
    with gateway.without_network():
        run = play("deploy", extra=changed)
        assert run.code == 0, run.output
    wait(lambda: client.answers(model="fetched-tiny"), 10)


def test_it_goes_again(client, gateway):
    run = play("deploy")
    assert run.code == 0, run.output
    assert "fetched-tiny" not in client.models()
    assert gateway.host.file(MODEL).exists, "a model of the user stays"


def test_two_engines_get_their_program_once(client, tmp_path):
    """Both lack it when the fetch begins, and the first one that gets it has it for both."""
    packed = os.environ["AI_BACKEND_LLAMA_ARCHIVE_URL"].removeprefix("file://")
    archive = tmp_path / "repacked.tar.gz"
    archive.write_bytes(gzip.compress(gzip.decompress(pathlib.Path(packed).read_bytes()), compresslevel=1, mtime=0))
    providers = copy.deepcopy(registry("providers"))
    models = [{"name": "second-tiny", "source": "tiny"}]
    providers["second"] = {"type": "llama_cpp", "base_url": "http://127.0.0.1:8085", "models": models}
    extra = {
        "ai_backend_providers": providers,
        "llama_cpp_archive_url": f"file://{archive}",
        "llama_cpp_archive_sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
    }
    run = play("deploy", extra=extra)
    assert run.code == 0, run.output
    assert run.output.count("Install | Unpack the archive]") == 1
    assert client.answers(model="second-tiny")
    assert play("deploy").code == 0
