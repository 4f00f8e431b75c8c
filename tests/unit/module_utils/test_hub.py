"""A model from the hub: which files, compared with what, and what never gets the token."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hub_stand_in import COMMIT, Hub

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching import download, hub, listed_files
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.download import DownloadError
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import file_list

LARGE, SMALL = os.urandom(300_000), b'{"architectures": ["LlamaForCausalLM"]}'
FILES = {
    ".gitattributes": b"x",
    "README.md": b"# Model",
    "config.json": SMALL,
    "empty.txt": b"",
    "model-00001-of-00002.safetensors": LARGE,
    "model-00002-of-00002.safetensors": LARGE[::-1],
    "original/consolidated.00.pth": LARGE,
    "original/model.safetensors": LARGE,
    "pytorch_model.bin": LARGE,
    "tokenizer/vocab.json": b"{}",
}
TAKEN = ["config.json", "empty.txt", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
TAKEN += ["tokenizer/vocab.json"]


@pytest.fixture
def storage() -> Iterator[Hub]:
    found = Hub(FILES)
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def server(storage: Hub) -> Iterator[Hub]:
    # Another name for the same machine: another server, as far as a key goes.
    found = Hub(dict(FILES), storage.address.replace("127.0.0.1", "localhost"))
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def request_(server: Hub, tmp_path: pathlib.Path) -> hub.Request:
    mirror = {hub.HUB: server.address}
    path = str(tmp_path / "model")
    return {"repo": "org/model", "revision": COMMIT, "path": path, "mirror": mirror, "environment": {}}


@pytest.fixture
def run(request_: hub.Request, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Fetches without pauses. Returns the lines that it reports."""
    monkeypatch.setattr(download.get, "__defaults__", (lambda _seconds: None,))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def start(**keys: Any) -> list[str]:
        said: list[str] = []
        hub.fetch({**request_, **keys}, lambda words: said.append(str(words)))  # type: ignore[typeddict-item]
        return said

    return start


def there(request_: hub.Request) -> list[str]:
    folder = pathlib.Path(request_["path"])
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_it_gets_safetensors_and_what_is_no_weights(run: Callable[..., list[str]], request_: hub.Request) -> None:
    said = run()
    assert there(request_) == [".complete", *TAKEN]
    for name in TAKEN:
        assert pathlib.Path(request_["path"], name).read_bytes() == FILES[name]
        assert pathlib.Path(request_["path"], name).stat().st_mode & 0o777 == 0o644
    assert any(line.startswith("file 3 of 5: model-00001-of-00002.safetensors") for line in said)


def test_the_folder_has_a_list_with_the_sums_of_all(run: Callable[..., list[str]], request_: hub.Request) -> None:
    run()
    found = file_list.read(request_["path"])
    assert found is not None
    sums = {name: entry[2] for name, entry in found["files"].items()}
    assert sums == {name: hashlib.sha256(FILES[name]).hexdigest() for name in TAKEN}


def test_a_later_run_gets_only_what_is_lacking(
    run: Callable[..., list[str]], server: Hub, request_: hub.Request
) -> None:
    run()
    server.asked.clear()
    path = pathlib.Path(request_["path"])
    (path / ".complete").unlink()
    (path / "config.json").write_bytes(SMALL[::-1])
    (path / "old.json").write_text("{}")
    run()
    assert [name for name, _key in server.asked if "resolve" in name] == [f"org/model/resolve/{COMMIT}/config.json"]
    assert there(request_) == [".complete", *TAKEN]


@pytest.mark.parametrize("name", ["config.json", "model-00002-of-00002.safetensors"])
def test_another_content_is_refused_and_nothing_looks_complete(
    run: Callable[..., list[str]], server: Hub, storage: Hub, request_: hub.Request, name: str
) -> None:
    for one in (server, storage):
        one.given[name] = FILES[name][::-1]
    with pytest.raises(DownloadError, match=f"{name} is not what its publisher lists"):
        run()
    assert name not in there(request_)
    assert ".complete" not in there(request_)


def test_another_commit_is_refused(run: Callable[..., list[str]], server: Hub) -> None:
    server.commit = "f" * 40
    with pytest.raises(DownloadError, match="answers with the commit ffff"):
        run()


def test_a_token_goes_to_the_hub_and_to_nobody_else(run: Callable[..., list[str]], server: Hub, storage: Hub) -> None:
    server.key = "a-token"
    run(token="a-token")
    assert {key for _name, key in server.asked} == {"Bearer a-token"}
    # Also where the hub sends the request on to itself.
    assert ("cache/config.json", "Bearer a-token") in server.asked
    assert storage.asked
    assert {key for _name, key in storage.asked} == {""}


def test_without_the_token_it_is_said_what_is_wrong(run: Callable[..., list[str]], server: Hub) -> None:
    server.key = "a-token"
    with pytest.raises(DownloadError, match="the server answers 401: it needs a login"):
        run()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.json": b"{}", "pytorch_model.bin": b"x"}, "has no weights as safetensors"),
        ({"../x.safetensors": b"x"}, "has a file with the name"),
        ({"/etc/x.safetensors": b"x"}, "has a file with the name"),
    ],
)
def test_a_repository_that_is_no_model_for_it_is_refused(
    run: Callable[..., list[str]], server: Hub, files: dict[str, bytes], words: str
) -> None:
    server.files = files
    with pytest.raises(DownloadError, match=words):
        run()


def test_what_is_no_hub_is_named(run: Callable[..., list[str]], server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "listing", lambda: {"error": "x"})
    with pytest.raises(DownloadError, match="does not answer as the hub does"):
        run()


def test_a_model_that_does_not_fit_is_not_begun(
    run: Callable[..., list[str]], server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed_files, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(DownloadError, match="are free: free some space"):
        run()
    assert not [name for name, _key in server.asked if "resolve" in name]


def test_the_end_is_told_in_the_folder_of_the_fetch(request_: hub.Request, tmp_path: pathlib.Path, server: Hub) -> None:
    folder = tmp_path / "fetch"
    folder.mkdir()
    (folder / "request.json").write_text(json.dumps(request_))
    hub.main(str(folder))
    assert json.loads((folder / "state.json").read_text()) == {"state": "done", "text": "org/model 600 kB"}
    server.commit = "f" * 40
    (folder / "request.json").write_text(json.dumps(request_))
    hub.main(str(folder))
    assert json.loads((folder / "state.json").read_text())["state"] == "failed"
