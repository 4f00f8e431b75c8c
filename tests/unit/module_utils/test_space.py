# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Before the first download all of them are added up, and a host without the space for the sum is told so."""

from __future__ import annotations

import http.server
import pathlib
import threading
from collections.abc import Iterator

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.space import published_size, without_space

GB = 10**9


def files(folder: pathlib.Path, *names: str) -> list[dict[str, str]]:
    return [{"path": str(folder / "models" / name), "url": f"https://a/{name}", "sha256": name} for name in names]


def test_the_sum_counts_and_not_the_largest(tmp_path: pathlib.Path) -> None:
    lines = list(without_space(files(tmp_path, "a", "b"), lambda _file: 4 * GB, lambda _folder: 7 * GB))
    assert lines == [f"{tmp_path} needs 8 GB more (a 4 GB, b 4 GB), and 7 GB are free: free some space"]


def test_some_space_stays_for_other_files(tmp_path: pathlib.Path) -> None:
    given = files(tmp_path, "a")
    assert list(without_space(given, lambda _file: 4 * GB, lambda _folder: 4 * GB + 100_000_000))
    assert not list(without_space(given, lambda _file: 4 * GB, lambda _folder: 4 * GB + 200_000_000))


def test_of_a_file_that_was_begun_only_the_rest_counts(tmp_path: pathlib.Path) -> None:
    (tmp_path / "models").mkdir()
    with open(tmp_path / "models" / ".a.part", "wb") as handle:
        handle.truncate(3 * GB)
    assert not list(without_space(files(tmp_path, "a"), lambda _file: 4 * GB, lambda _folder: 2 * GB))


def test_a_server_that_does_not_tell_stops_nothing(tmp_path: pathlib.Path) -> None:
    assert not list(without_space(files(tmp_path, "a"), lambda _file: 0, lambda _folder: 0))


class Tells(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/model" else 404)
        self.send_header("Content-Length", "41")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tells)
    threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{found.server_address[1]}"
    found.shutdown()


def test_the_size_is_asked_without_the_file(server: str) -> None:
    assert published_size(f"{server}/model") == 41
    assert published_size(f"{server}/other") == 0
    assert published_size("http://127.0.0.1:9/model") == 0
