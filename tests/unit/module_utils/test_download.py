"""A download from a server that ends, stalls, forgets and errs: it goes on, or says why and leaves no such file."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import pathlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching import download as downloading
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.download import (
    DownloadError,
    Request,
    download,
    from_mirror,
    part_of,
)

CONTENT = bytes(range(256)) * 40_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Has one file. Each answer takes the next of `faults`, after which there are none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.ranges = CONTENT, True
        self.faults: list[tuple[str, int]] = []
        self.asked: list[str] = []
        self.logins: list[str] = []
        self.elsewhere = ""
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A client that gives up is what some tests want."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.server.asked.append(asked)
        self.server.logins.append(self.headers.get("Authorization", ""))
        if self.server.elsewhere:
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
            self.end_headers()
            return
        fault, value = self.server.faults.pop(0) if self.server.faults else ("", 0)
        if fault == "status":
            self.send_error(value)
            return
        content, start = self.server.content, 0
        if self.server.ranges and asked:
            start = int(re.findall(r"\d+", asked)[0])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + value if fault in ("cut", "stall") else len(content)
        self.wfile.write(content[start:end])
        self.wfile.flush()
        if fault == "stall":
            time.sleep(1.5)

    def log_message(self, *_: Any) -> None:
        """It writes no log."""


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def request_(server: Server, tmp_path: pathlib.Path) -> Request:
    url = f"http://127.0.0.1:{server.server_port}/m.gguf"
    return {"url": url, "path": str(tmp_path / "m.gguf"), "sha256": SHA256, "token": "", "environment": {}}


@pytest.fixture
def run(request_: Request, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Downloads without pauses. Returns the lines that it reports."""
    monkeypatch.setattr(downloading, "STALLED_SECONDS", 0.5)
    monkeypatch.setattr(downloading.get, "__defaults__", (lambda _seconds: None,))

    def start() -> list[str]:
        said: list[str] = []
        download(request_, lambda words: said.append(str(words)))
        return said

    return start


def test_a_file_gets_its_name_when_it_is_whole(run: Callable[[], list[str]], request_: Request) -> None:
    said = run()
    path = pathlib.Path(request_["path"])
    assert path.read_bytes() == CONTENT
    assert (path.stat().st_mode & 0o777, os.path.exists(part_of(str(path)))) == (0o644, False)
    assert said[-2:] == ["m.gguf", "m.gguf is checked"]
    assert re.fullmatch(r"m\.gguf [\d.]+ of 10\.2 MB, \d+ %.*", said[0])


def test_a_token_is_sent_to_its_server_and_not_to_where_that_leads(
    run: Callable[[], list[str]], server: Server, request_: Request
) -> None:
    storage = Server()
    server.elsewhere = f"http://localhost:{storage.server_port}/m.gguf"
    request_["token"] = "hf-of-a-lab"
    run()
    assert (server.logins, storage.logins) == (["Bearer hf-of-a-lab"], [""])
    assert pathlib.Path(request_["path"]).read_bytes() == CONTENT
    storage.shutdown()
    storage.server_close()


def test_a_connection_that_ends_goes_on_where_it_ended(
    run: Callable[[], list[str]], server: Server, request_: Request
) -> None:
    server.faults = [("cut", 3_000_000), ("cut", 4_000_000)]
    said = run()
    assert server.asked == ["", "bytes=3000000-", "bytes=7000000-"]
    again = said.index("m.gguf the connection ended after 3 MB of 10.2 MB; asking again") + 1
    assert "B/s, " in said[again], "the rate of before is known"
    assert pathlib.Path(request_["path"]).read_bytes() == CONTENT


def test_so_does_one_that_stalls_and_one_of_a_server_in_trouble(run: Callable[[], list[str]], server: Server) -> None:
    server.faults = [("stall", 1_000_000), ("status", 503)]
    said = run()
    assert [line for line in said if "asking again" in line] == [
        "m.gguf no byte came in time; asking again",
        "m.gguf the server answers 503; asking again",
    ]
    assert server.asked == ["", "bytes=1000000-", "bytes=1000000-"]


def test_a_later_run_goes_on_too(run: Callable[[], list[str]], server: Server, request_: Request) -> None:
    pathlib.Path(part_of(request_["path"])).write_bytes(CONTENT[:9_000_000])
    run()
    assert server.asked == ["bytes=9000000-"]


def test_a_server_without_ranges_is_asked_for_all_again(
    run: Callable[[], list[str]], server: Server, request_: Request
) -> None:
    server.ranges = False
    pathlib.Path(part_of(request_["path"])).write_bytes(b"x" * 9_000_000)
    run()
    assert pathlib.Path(request_["path"]).read_bytes() == CONTENT


@pytest.mark.parametrize("have", [CONTENT, CONTENT + b"more"], ids=["all", "too much"])
def test_what_is_here_already_is_not_asked_for(run: Callable[[], list[str]], request_: Request, have: bytes) -> None:
    pathlib.Path(part_of(request_["path"])).write_bytes(have)
    run()
    assert pathlib.Path(request_["path"]).read_bytes() == CONTENT


def test_another_content_is_refused_and_nothing_of_it_is_kept(
    run: Callable[[], list[str]], server: Server, request_: Request, tmp_path: pathlib.Path
) -> None:
    server.content = b"another"
    with pytest.raises(DownloadError, match=f"it has the sha256 [0-9a-f]{{64}}, not {SHA256}"):
        run()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "words"), [(404, "404: it has no such file"), (401, "401: it needs a login"), (418, "answers 418$")]
)
def test_an_answer_that_will_not_change_ends_it_at_once(
    run: Callable[[], list[str]], server: Server, status: int, words: str
) -> None:
    server.faults = [("status", status)]
    with pytest.raises(DownloadError, match=words):
        run()
    assert len(server.asked) == 1


def test_a_server_that_never_sends_anything_is_given_up_and_what_came_is_kept(
    run: Callable[[], list[str]], server: Server, request_: Request
) -> None:
    server.faults = [("cut", 5_000_000), *[("status", 503)] * 20]
    with pytest.raises(DownloadError, match="the server answers 503, 6 times in a row"):
        run()
    assert os.path.getsize(part_of(request_["path"])) == 5_000_000
    assert not os.path.exists(request_["path"])


def test_a_file_that_does_not_fit_is_not_begun(
    run: Callable[[], list[str]], request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 205_000_000})
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(DownloadError, match=r"m\.gguf needs 10\.2 MB more in .*, and 205 MB are free: free some space"):
        run()
    assert not os.path.exists(part_of(request_["path"]))


def test_the_end_is_told_in_the_folder_of_the_fetch(request_: Request, server: Server, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "fetch"
    folder.mkdir()
    (folder / "request.json").write_text(json.dumps(request_))
    downloading.main(str(folder))
    assert json.loads((folder / "state.json").read_text()) == {"state": "done", "text": "m.gguf 10.2 MB"}
    os.unlink(request_["path"])
    server.faults = [("status", 404)]
    (folder / "request.json").write_text(json.dumps(request_))
    downloading.main(str(folder))
    state = json.loads((folder / "state.json").read_text())
    assert state["state"] == "failed"
    assert state["text"] == f"{request_['url']}: the server answers 404: it has no such file"


def test_a_mirror_has_the_same_files_below_another_beginning() -> None:
    mirror = {"https://hub.example/": "http://mirror.lan/hub/", "https://hub.example/lab/": "http://near.lan/"}
    assert from_mirror("https://hub.example/a/m.gguf", mirror) == "http://mirror.lan/hub/a/m.gguf"
    assert from_mirror("https://hub.example/lab/m.gguf", mirror) == "http://near.lan/m.gguf"
    assert from_mirror("https://other.example/m.gguf", mirror) == "https://other.example/m.gguf"
