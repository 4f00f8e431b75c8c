# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fill the store of a release before anything is switched, with a second server that no gateway knows.

It runs as the server's user in a unit of its own, so a lost connection to the host does not end a download, and what
serves is not touched. It is the program of the new release: a new model may need a new Ollama.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

from ..fetching.state import DONE, FAILED, RUNNING, Reporter, take_request
from ..host.layout import ARTIFACT_MARKER, write_atomic
from .model import Spec, bring
from .server import OllamaError, Server
from .store import marker_text, prepare, texts_of

START_SECONDS = 60


class Request(TypedDict):
    """What to fetch.

    `program` is Ollama, `store` the folder for OLLAMA_MODELS. It begins with the models of the store `source`, all or
    those in `keep`, and with the manifests in `adopted`. Those in `bundled`, of the folder `bundle`, replace others of
    their names. `environment` are proxies and the like.
    """

    program: str
    store: str
    source: str
    keep: list[str] | None
    adopted: dict[str, str]
    bundle: str
    bundled: dict[str, str]
    specs: list[Spec]
    environment: dict[str, str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(request: Request, folder: str) -> Iterator[Server]:
    """A server of its own on the store, which ends afterwards. Raises OllamaError where it does not start."""
    port = free_port()
    environment = {
        **os.environ,
        **request["environment"],
        "HOME": folder,
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": request["store"],
        # A start would else remove what an interrupted download has, and the layers of other releases.
        "OLLAMA_NOPRUNE": "1",
    }
    with open(os.path.join(folder, "serve.log"), "wb") as log:
        process = subprocess.Popen([request["program"], "serve"], env=environment, stdout=log, stderr=log)  # pylint: disable=ansible-bad-function
        try:
            server = Server(f"http://127.0.0.1:{port}")
            wait_for(server, process, folder)
            yield server
            if process.poll() is not None:
                raise OllamaError(f"its server has ended with status {process.returncode}: {last_lines(folder)}")
        finally:
            process.terminate()
            process.wait()


def wait_for(server: Server, process: subprocess.Popen[bytes], folder: str) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise OllamaError(f"its server ended with status {process.returncode}: {last_lines(folder)}")
        try:
            server.version()
            return
        except OllamaError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def last_lines(folder: str) -> str:
    with open(os.path.join(folder, "serve.log"), encoding="utf-8", errors="replace") as log:
        return " | ".join(line.strip() for line in log.readlines()[-3:])


def fetch(request: Request, folder: str) -> dict[str, str]:
    """Bring every model, and mark the store complete. Returns {name: digest} of all its models."""
    report = Reporter(folder)
    report.state(RUNNING, "starting")
    before = texts_of(request["source"], request["keep"]) if request["source"] else {}
    prepare(request["store"], {**before, **request["adopted"]})
    for path, text in request["bundled"].items():
        write_atomic(os.path.join(request["store"], path), text)
    with serving(request, folder) as server:
        for spec in request["specs"]:
            bring(server, spec, report)
        digests = server.models()
    write_atomic(os.path.join(request["store"], ARTIFACT_MARKER), marker_text(request["specs"], digests))
    return digests


def main(folder: str) -> None:
    """Fetch what the folder's request names; the folder's state shows how far that is and how it ended."""
    request: Request = take_request(folder)
    reporter = Reporter(folder)
    try:
        digests = fetch(request, folder)
    except (OllamaError, OSError) as error:
        reporter.state(FAILED, str(error))
    else:
        reporter.state(DONE, f"{len(digests)} models")
