# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model of the library without an Ollama: the same files that a pull makes, each checked, and no half of a model."""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ollama_library import Library
from ollama_stand_in import GGUF, publish, serving

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching import download, listed_files, state
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.download import DownloadError
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama import library, store

LARGE = GGUF * 400
ASKED_FIRST = "/v2/library/small/manifests/1b"


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[Library]:
    found = Library(tmp_path / "hub")
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def wanted(server: Library, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> library.Request:
    monkeypatch.setattr(download.get, "__defaults__", (lambda _seconds: None,))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    mirror = {"https://registry.ollama.ai/": server.address}
    path = str(tmp_path / "bundle")
    return {"name": "small:1b", "digests": [], "path": path, "mirror": mirror, "environment": {}}


def got(wanted: library.Request, **keys: Any) -> list[str]:
    """The lines of a fetch."""
    lines: list[str] = []
    library.fetch({**wanted, **keys}, lambda words: lines.append(str(words)))  # type: ignore[typeddict-item]
    return lines


def files_in(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_gets_the_files_that_a_pull_makes(tmp_path: pathlib.Path, wanted: library.Request) -> None:
    publish(tmp_path, "small:1b")
    with serving(tmp_path) as ollama:
        list(ollama.lines("/api/pull", {"model": "small:1b"}))
    got(wanted)
    assert files_in(tmp_path / "bundle") == files_in(tmp_path / "store")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "bundle").rglob("*") if path.is_file()} == {0o644}


def test_a_server_on_these_files_lists_the_model_and_pulls_nothing(
    tmp_path: pathlib.Path, wanted: library.Request
) -> None:
    digest = publish(tmp_path, "small:1b")
    got(wanted, digests=[digest[:12], digest])
    (tmp_path / "hub").rename(tmp_path / "gone")
    with serving(tmp_path, tmp_path / "bundle") as ollama:
        assert ollama.models() == {"small:1b": digest}
        ollama.answer("POST", "/api/generate", {"model": "small:1b", "stream": False})


def test_it_asks_as_ollama_does(tmp_path: pathlib.Path, wanted: library.Request, server: Library) -> None:
    publish(tmp_path, "small:1b")
    got(wanted)
    path, headers = server.asked[0]
    assert (path, headers["Accept"]) == (ASKED_FIRST, "application/vnd.docker.distribution.manifest.v2+json")
    assert all(re.fullmatch(r"/v2/library/small/blobs/sha256:[0-9a-f]{64}", path) for path, _ in server.asked[1::2])


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("llama3.1:8b", "https://registry.ollama.ai/v2/library/llama3.1/manifests/8b"),
        ("me/mine:latest", "https://registry.ollama.ai/v2/me/mine/manifests/latest"),
        ("hf.co/me/mine:Q4_K_M", "https://hf.co/v2/me/mine/manifests/Q4_K_M"),
    ],
)
def test_a_name_is_an_address(wanted: library.Request, name: str, address: str) -> None:
    asked: library.Request = {**wanted, "name": name, "mirror": {}}
    assert library.address(asked, "manifests", name.rpartition(":")[2]) == address
    assert store.name_of(store.path_of(name).split("/")[1:]) == name


def test_one_that_was_cut_goes_on_where_it_ended(
    tmp_path: pathlib.Path, wanted: library.Request, server: Library
) -> None:
    publish(tmp_path, "small:1b", LARGE)
    server.cuts = [700_000]
    lines = got(wanted)
    ranges = [headers["Range"] for _path, headers in server.asked if "Range" in headers]
    # To the library, and to the storage that it sends on to.
    assert ranges == ["bytes=700000-", "bytes=700000-"]
    assert any(re.match(r"small:1b: .*the connection ended after 700 kB", line) for line in lines)
    assert library.there(wanted["path"], "small:1b")


def test_the_progress_is_that_of_the_whole_model(tmp_path: pathlib.Path, wanted: library.Request) -> None:
    publish(tmp_path, "small:1b", LARGE)
    lines = got(wanted)
    assert any(re.match(r"small:1b \d\S* of 4 MB, \d+ %", line) for line in lines), lines


def test_of_two_models_the_common_files_come_once(
    tmp_path: pathlib.Path, wanted: library.Request, server: Library
) -> None:
    publish(tmp_path, "small:1b")
    publish(tmp_path, "small:2b")
    got(wanted)
    server.asked.clear()
    got(wanted, name="small:2b")
    assert [path for path, _headers in server.asked] == ["/v2/library/small/manifests/2b"]


def test_another_digest_is_refused_and_nothing_is_there(tmp_path: pathlib.Path, wanted: library.Request) -> None:
    publish(tmp_path, "small:1b")
    with pytest.raises(
        DownloadError, match="but the registry names 000000000000: what its publisher offers under this name"
    ):
        got(wanted, digests=["0" * 12])
    assert files_in(tmp_path / "bundle") == {}


def test_another_content_is_refused_and_no_manifest_is_there(tmp_path: pathlib.Path, wanted: library.Request) -> None:
    publish(tmp_path, "small:1b")
    blob = tmp_path / "hub/blobs" / f"sha256-{hashlib.sha256(GGUF).hexdigest()}"
    blob.write_bytes(GGUF[::-1])
    with pytest.raises(DownloadError, match="is not what its publisher lists"):
        got(wanted)
    assert files_in(tmp_path / "bundle") == {}
    assert library.there(wanted["path"], "small:1b") == []


def test_a_name_that_nobody_publishes_is_said(wanted: library.Request) -> None:
    with pytest.raises(DownloadError, match="the server answers 404: it has no such file"):
        got(wanted)


@pytest.mark.parametrize(
    "text",
    [
        "<html>",
        "{}",
        '{"layers": [], "config": {"digest": "sha256:../../etc/passwd", "size": 1}}',
        '{"layers": [], "config": {"digest": 7, "size": 1}}',
    ],
)
def test_what_is_no_library_is_named(tmp_path: pathlib.Path, wanted: library.Request, text: str) -> None:
    place = tmp_path / "hub" / store.path_of("small:1b")
    place.parent.mkdir(parents=True)
    place.write_text(text)
    with pytest.raises(DownloadError, match=f"{ASKED_FIRST} does not answer as the library does"):
        got(wanted)


def test_one_that_does_not_fit_is_not_begun(
    tmp_path: pathlib.Path, wanted: library.Request, server: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "small:1b")
    monkeypatch.setattr(listed_files, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(DownloadError, match="are free: free some space"):
        got(wanted)
    assert len(server.asked) == 1


def cut(folder: pathlib.Path) -> None:
    for path in folder.rglob("sha256-*"):
        path.write_bytes(path.read_bytes()[:-1])


def remove_a_file(folder: pathlib.Path) -> None:
    next(folder.rglob("sha256-*")).unlink()


def remove_the_manifest(folder: pathlib.Path) -> None:
    next(folder.glob("manifests/*/*/*/*")).unlink()


def damage_the_manifest(folder: pathlib.Path) -> None:
    next(folder.glob("manifests/*/*/*/*")).write_text("{")


@pytest.mark.parametrize("spoil", [cut, remove_a_file, remove_the_manifest, damage_the_manifest])
def test_one_that_is_not_whole_is_not_there(
    tmp_path: pathlib.Path, wanted: library.Request, spoil: Callable[[pathlib.Path], None]
) -> None:
    digest = publish(tmp_path, "small:1b")
    got(wanted)
    names = {one["name"]: one["sha256"] for one in library.there(wanted["path"], "small:1b", [digest[:12]])}
    assert names == {
        name: hashlib.sha256(content).hexdigest() for name, content in files_in(tmp_path / "bundle").items()
    }
    assert library.there(wanted["path"], "small:1b", ["0" * 12]) == []
    spoil(tmp_path / "bundle")
    assert library.there(wanted["path"], "small:1b") == []


def test_the_end_is_told_in_the_folder_of_the_work(tmp_path: pathlib.Path, wanted: library.Request) -> None:
    publish(tmp_path, "small:1b")
    library.run(wanted, str(tmp_path))
    assert state.state_of(str(tmp_path)) == {"state": "done", "text": "small:1b 10 kB"}
    library.run({**wanted, "name": "other:1b"}, str(tmp_path))
    found = json.loads((tmp_path / "state.json").read_text())
    assert found == {"state": "failed", "text": "other:1b: the server answers 404: it has no such file"}
