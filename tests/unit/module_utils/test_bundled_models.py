# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Models of many files in a bundle: got once, named with sums, given to a host, and moved to the server's folder."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from hub_stand_in import COMMIT, Hub
from ollama_library import Library
from ollama_stand_in import GGUF, publish

from ansible_collections.lab.ai_backend.plugins.lookup.bundle import LookupModule
from ansible_collections.lab.ai_backend.plugins.module_utils.bundling import manifest
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.looking import FetchError
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.server import OllamaError
from ansible_collections.lab.ai_backend.plugins.modules import bundle_model, ollama_store

PLATFORM = "debian-trixie-x86_64-python3.13"
HOST = {"distribution": "debian", "codename": "trixie", "architecture": "x86_64", "python": "3.13"}
FILES = {"config.json": b"{}", "empty.txt": b"", "model.safetensors": os.urandom(100_000), "sub/vocab.json": b"[]"}
REPOSITORY = {"kind": "hub", "name": "org/model", "revision": COMMIT, "digests": []}
SMALL = {"kind": "library", "name": "small:1b", "revision": "", "digests": []}
ME = (os.geteuid(), os.getegid())


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub(FILES)
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def library(tmp_path: pathlib.Path) -> Iterator[Library]:
    found = Library(tmp_path / "hub")
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def params(tmp_path: pathlib.Path, hub: Hub, library: Library, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    mirror = {"https://huggingface.co/": hub.address, "https://registry.ollama.ai/": library.address}
    return {"folder": str(tmp_path / "bundle"), "token": "", "mirror": mirror, "wait": 0.1}


def got(params: dict[str, Any], model: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """What the module returns in the end; each look lasts a tenth of a second."""
    for _look in range(100):
        found = dict(bundle_model.got({**params, **model, **keys}, check_mode=False))
        if found["finished"]:
            return found
    raise AssertionError("it does not end")


@pytest.fixture
def bundle(tmp_path: pathlib.Path, params: dict[str, Any]) -> pathlib.Path:
    """A bundle with a repository, and two models that have a file in common."""
    publish(tmp_path, "small:1b")
    publish(tmp_path, "small:2b")
    folder = tmp_path / "bundle"
    models = [REPOSITORY, SMALL, {**SMALL, "name": "small:2b"}]
    assert [got(params, model)["changed"] for model in models] == [True, True, True]
    part = folder / manifest.place_of_part(PLATFORM)
    part.parent.mkdir()
    part.write_bytes(b"tar")
    manifest.write(str(folder), [{"platform": PLATFORM, "packages": [], "wheels": []}], [], models)
    return folder


def test_a_second_run_asks_nobody(bundle: pathlib.Path, params: dict[str, Any], hub: Hub, library: Library) -> None:
    hub.asked.clear()
    library.asked.clear()
    for model in (REPOSITORY, SMALL):
        assert got(params, model) == {"changed": False, "finished": True, "progress": "complete"}
    assert (hub.asked, library.asked) == ([], [])


def test_check_mode_tells_what_would_come_and_asks_nobody(params: dict[str, Any], hub: Hub) -> None:
    found = bundle_model.got({**params, **REPOSITORY}, check_mode=True)
    assert found == {"changed": True, "finished": True, "progress": f"would get org/model@{COMMIT}"}
    assert hub.asked == []
    assert not os.path.exists(params["folder"])


def test_the_token_of_a_repository_is_on_no_disk(params: dict[str, Any], hub: Hub) -> None:
    hub.key = "a-token"
    with pytest.raises(FetchError, match="org/model: the server answers 401: it needs a login"):
        got(params, REPOSITORY)
    got(params, REPOSITORY, token="a-token")
    files = [path for path in pathlib.Path(params["folder"]).rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"a-token" in path.read_bytes()]


def test_a_digest_that_its_publisher_does_not_offer_stops_it(tmp_path: pathlib.Path, params: dict[str, Any]) -> None:
    publish(tmp_path, "small:1b")
    with pytest.raises(FetchError, match=r"small:1b: it has the digest [0-9a-f]{64}, but the registry names 0000"):
        got(params, SMALL, digests=["0" * 12])


def test_a_newer_digest_is_got_over_the_older_model(bundle: pathlib.Path, params: dict[str, Any]) -> None:
    newer = publish(bundle.parent, "small:1b", GGUF + b"newer")
    assert got(params, SMALL)["changed"] is False
    assert got(params, SMALL, digests=[newer[:12]])["changed"] is True
    place = bundle / "models/library/manifests/registry.ollama.ai/library/small/1b"
    assert hashlib.sha256(place.read_bytes()).hexdigest() == newer


def test_all_files_have_their_sums(bundle: pathlib.Path) -> None:
    sums = dict(reversed(line.split("  ")) for line in (bundle / "SHA256SUMS").read_text().splitlines())
    found = {path: hashlib.sha256((bundle / path).read_bytes()).hexdigest() for path in sums}
    assert found == sums
    assert {f"models/hub/org--model/{COMMIT}/{name}" for name in FILES} < set(sums)
    # Two manifests; the configuration and the weights of both are the same files.
    assert len([path for path in sums if path.startswith("models/library/")]) == 4


def test_the_bill_names_each_model_with_its_files(bundle: pathlib.Path) -> None:
    rows = json.loads((bundle / "sbom.cdx.json").read_text())["components"]
    models = {row["name"]: row["components"] for row in rows if row["type"] == "machine-learning-model"}
    assert set(models) == {f"org/model@{COMMIT}", "small:1b", "small:2b"}
    sums = {part["name"]: part["hashes"][0]["content"] for part in models[f"org/model@{COMMIT}"]}
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    refs = [part["bom-ref"] for row in rows for part in [row, *row.get("components", ())]]
    assert len(set(refs)) == len(refs)


def test_a_host_is_told_the_files_of_each_model(bundle: pathlib.Path) -> None:
    (found,) = LookupModule().run([str(bundle)], host=HOST)
    rows = found["models"][f"org/model@{COMMIT}"]
    assert {row["path"]: pathlib.Path(row["source"]).read_bytes() for row in rows} == FILES
    assert all(found["sizes"][row["sha256"]] == os.path.getsize(row["source"]) for row in rows)
    assert {row["path"].partition("/")[0] for row in found["models"]["small:1b"]} == {"manifests", "blobs"}


def test_a_model_with_a_file_that_was_cut_is_refused(bundle: pathlib.Path) -> None:
    path = bundle / f"models/hub/org--model/{COMMIT}/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(AnsibleLookupError, match="has 99999 bytes, not 100000: copy the whole bundle again"):
        LookupModule().run([str(bundle)], host=HOST)


def test_a_file_that_was_lost_is_got_again(bundle: pathlib.Path, params: dict[str, Any], hub: Hub) -> None:
    (bundle / f"models/hub/org--model/{COMMIT}/config.json").unlink()
    hub.asked.clear()
    assert got(params, REPOSITORY)["changed"] is True
    assert [name for name, _key in hub.asked if "resolve" in name] == [f"org/model/resolve/{COMMIT}/config.json"]


def test_a_model_that_no_host_needs_any_more_is_named_and_stays(bundle: pathlib.Path) -> None:
    part = {"platform": PLATFORM, "packages": [], "wheels": []}
    _rows, foreign = manifest.write(str(bundle), [part], [], [SMALL])
    assert f"models/hub/org--model/{COMMIT}/config.json" in foreign
    assert "models/library/manifests/registry.ollama.ai/library/small/2b" in foreign
    assert not [name for name in foreign if "blobs" in name or ".complete" in name]


def unbundled(tmp_path: pathlib.Path, folder: pathlib.Path, digest: str = "") -> dict[str, str]:
    spec = {"name": "small:1b", "pull": "small:1b", "file": "", "digest": digest, "recipe": {}, "aliases": []}
    store = tmp_path / "models/ollama/lab/0123456789ab"
    store.parent.mkdir(parents=True, exist_ok=True)
    return ollama_store.unbundled({"bundled": str(folder), "store": str(store), "models": [spec]}, {}, ME)


def test_what_was_copied_to_a_host_moves_to_the_store(tmp_path: pathlib.Path, bundle: pathlib.Path) -> None:
    copied = bundle / "models/library"
    blobs = {path.name: path.read_bytes() for path in (copied / "blobs").iterdir()}
    text = (copied / "manifests/registry.ollama.ai/library/small/1b").read_text()
    assert unbundled(tmp_path, copied) == {"manifests/registry.ollama.ai/library/small/1b": text}
    assert {path.name: path.read_bytes() for path in (tmp_path / "models/ollama/lab/blobs").iterdir()} == blobs
    assert not copied.exists()


def test_of_another_model_nothing_stays_on_the_host(tmp_path: pathlib.Path, bundle: pathlib.Path) -> None:
    copied = bundle / "models/library"
    with pytest.raises(OllamaError, match="the bundle has one with the digest"):
        unbundled(tmp_path, copied, "0" * 12)
    assert not copied.exists()
    assert not (tmp_path / "models/ollama/lab/blobs").exists()
