"""The stores of an Ollama: manifests for each release, blobs for all, and what no release needs."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from typing import Any

import pytest
from ollama_stand_in import GGUF, program, publish, serving

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching import state
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama import fetch, others, store
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.model import Spec, bring
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.server import OllamaError

ME = (os.geteuid(), os.getegid())


def spec(name: str, **changes: Any) -> Spec:
    base: Spec = {"name": name, "pull": name, "file": "", "digest": "", "recipe": {}, "aliases": []}
    return {**base, **changes}  # type: ignore[typeddict-item]


@pytest.fixture
def parent(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "models/ollama/lab"


def filled(tmp_path: pathlib.Path, folder: pathlib.Path, *names: str) -> None:
    """A store with these models, as a server would have made it."""
    with serving(tmp_path, folder) as server:
        for name in names:
            bring(server, spec(name))


def prepare(new: pathlib.Path, old: pathlib.Path | str = "", *keep: str) -> None:
    store.prepare(str(new), store.texts_of(str(old), keep or None) if old else {})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("registry.ollama.ai/library/llama3.1/8b", "llama3.1:8b"),
        ("registry.ollama.ai/me/mine/latest", "me/mine:latest"),
        ("hf.co/me/mine/q4", "hf.co/me/mine:q4"),
    ],
)
def test_a_manifests_place_is_its_name(tmp_path: pathlib.Path, path: str, name: str) -> None:
    place = tmp_path / "manifests" / path
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    assert store.manifests(str(tmp_path)) == {name: str(place)}


def test_a_new_store_begins_with_the_models_of_the_old_one(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    digest = publish(tmp_path, "small:1b")
    prepare(parent / "one")
    filled(tmp_path, parent / "one", "small:1b")
    prepare(parent / "two", parent / "one")
    with serving(tmp_path, parent / "two") as server:
        assert server.models() == {"small:1b": digest}
    assert (parent / "two/blobs").readlink() == pathlib.Path("../blobs")


def test_a_change_in_the_new_store_leaves_the_old_one_as_it_is(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    old = publish(tmp_path, "small:1b")
    prepare(parent / "one")
    filled(tmp_path, parent / "one", "small:1b")
    prepare(parent / "two", parent / "one")
    new = publish(tmp_path, "small:1b", GGUF + b"newer")
    with serving(tmp_path, parent / "two") as server:
        bring(server, {**spec("small:1b"), "digest": new})
    with serving(tmp_path, parent / "one") as server:
        assert server.models() == {"small:1b": old}
        server.answer("POST", "/api/generate", {"model": "small:1b", "stream": False})


def test_only_what_is_kept_is_taken_over(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    for name in ("a:1", "b:1"):
        publish(tmp_path, name, GGUF + name.encode())
    prepare(parent / "one")
    filled(tmp_path, parent / "one", "a:1", "b:1")
    prepare(parent / "two", parent / "one", "b:1")
    assert list(store.manifests(str(parent / "two"))) == ["b:1"]


def test_models_of_an_ollama_of_others_are_linked_and_stay(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    digest = publish(tmp_path, "small:1b")
    theirs = tmp_path / "theirs"
    filled(tmp_path, theirs, "small:1b")
    parent.mkdir(parents=True)
    texts = store.texts_of(str(theirs))
    others.link_blobs(str(theirs), str(parent), texts.values(), ME)
    store.prepare(str(parent / "one"), texts)
    for blob in os.listdir(theirs / "blobs"):
        assert (theirs / "blobs" / blob).samefile(parent / "blobs" / blob)
    with serving(tmp_path, parent / "one") as server:
        assert server.models() == {"small:1b": digest}
    assert list(store.manifests(str(theirs))) == ["small:1b"]


def test_a_file_of_others_that_is_not_a_manifest_is_left(tmp_path: pathlib.Path) -> None:
    """Root reads there what others write: a link to a secret must not become a manifest."""
    folder = tmp_path / "theirs/manifests/registry.ollama.ai/library/small"
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text('{"config": {"digest": "x"}, "layers": []}')
    (folder / "linked").symlink_to(tmp_path / "secret")
    (folder / "text").write_text("root:x:0:0")
    (folder / "upwards").write_text('{"config": {"digest": "sha256:../../../etc/passwd"}, "layers": []}')
    assert store.texts_of(str(tmp_path / "theirs")) == {}


def test_a_link_in_place_of_the_blobs_is_not_followed(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    """The server's user may write the folder, and root must not write where a link of that user leads."""
    publish(tmp_path, "small:1b")
    theirs = tmp_path / "theirs"
    filled(tmp_path, theirs, "small:1b")
    parent.mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (parent / "blobs").symlink_to(tmp_path / "etc")
    with pytest.raises(OSError):
        others.link_blobs(str(theirs), str(parent), store.texts_of(str(theirs)).values(), ME)
    assert os.listdir(tmp_path / "etc") == []


def test_what_no_model_needs_goes_and_nothing_else(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    for name in ("a:1", "b:1"):
        publish(tmp_path, name, GGUF + name.encode())
    prepare(parent / "one")
    filled(tmp_path, parent / "one", "a:1", "b:1")
    prepare(parent / "two", parent / "one", "b:1")
    (parent / "blobs/sha256-abc-partial").write_text("cut")
    names, paths = store.leftovers(str(parent / "two"), {"b:1"})
    assert names == ["a:1"]
    store.remove(paths)
    assert sorted(os.listdir(parent)) == ["blobs", "two"]
    with serving(tmp_path, parent / "two") as server:
        server.answer("POST", "/api/generate", {"model": "b:1", "stream": False})
    assert store.leftovers(str(parent / "two"), {"b:1"}) == ([], [])


def test_what_would_go_is_told_before_the_new_store_is_there(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    for name in ("a:1", "b:1"):
        publish(tmp_path, name, GGUF + name.encode())
    prepare(parent / "one")
    filled(tmp_path, parent / "one", "a:1", "b:1")
    told = store.leftovers(str(parent / "two"), {"b:1"})
    prepare(parent / "two", parent / "one", "b:1")
    assert told == store.leftovers(str(parent / "two"), {"b:1"})
    assert (told[0], len(told[1])) == (["a:1"], 2)


def request(tmp_path: pathlib.Path, parent: pathlib.Path, *specs: Spec) -> fetch.Request:
    start: Any = {"source": "", "keep": None, "adopted": {}, "bundle": "", "bundled": {}, "environment": {}}
    return {"program": str(program(tmp_path)), "store": str(parent), "specs": list(specs), **start}


def test_a_fetch_ends_with_a_complete_store(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    digest = publish(tmp_path, "small:1b")
    prepare(parent / "one")
    asked = request(tmp_path, parent / "one", spec("small:1b"))
    (tmp_path / "request.json").write_text(json.dumps(asked))
    fetch.main(str(tmp_path))
    assert state.state_of(str(tmp_path)) == {"state": "done", "text": "1 models"}
    marker = json.loads((parent / "one/.complete").read_text())
    assert marker == {"models": {"small:1b": digest}, "specs": asked["specs"]}


def test_a_fetch_that_fails_leaves_no_mark_and_its_reason(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    publish(tmp_path, "other:1b")
    prepare(parent / "one")
    (tmp_path / "request.json").write_text(json.dumps(request(tmp_path, parent / "one", spec("small:1b"))))
    fetch.main(str(tmp_path))
    assert state.state_of(str(tmp_path))["state"] == "failed"
    assert "small:1b can't be pulled: pull model manifest: file does not exist" in state.state_of(str(tmp_path))["text"]
    assert not (parent / "one/.complete").exists()


def bundle(tmp_path: pathlib.Path, *names: str) -> pathlib.Path:
    """A folder with these models, laid out as a bundle has them; after it nobody publishes anything."""
    folder = tmp_path / "out"
    filled(tmp_path, folder, *names)
    (tmp_path / "hub").rename(tmp_path / "no-hub")
    return folder


def test_models_out_of_a_bundle_are_not_pulled(tmp_path: pathlib.Path, parent: pathlib.Path) -> None:
    digest = publish(tmp_path, "small:1b")
    folder = bundle(tmp_path, "small:1b")
    specs = [
        spec("small:1b", digest=digest[:12]),
        spec("terse:latest", pull="small:1b", recipe={"system": "Be short."}),
    ]
    parent.mkdir(parents=True)
    given = store.from_bundle(specs, {}, store.texts_of(str(folder)))
    others.link_blobs(str(folder), str(parent), given.values(), ME)
    asked = {**request(tmp_path, parent / "one", *specs), "bundle": str(folder), "bundled": given}
    (tmp_path / "request.json").write_text(json.dumps(asked))
    fetch.main(str(tmp_path))
    assert state.state_of(str(tmp_path)) == {"state": "done", "text": "2 models"}
    with serving(tmp_path, parent / "one") as server:
        assert server.models()["small:1b"] == digest
        server.answer("POST", "/api/generate", {"model": "terse", "stream": False})


def test_a_bundle_replaces_a_model_that_an_interrupted_fetch_began_with(
    tmp_path: pathlib.Path, parent: pathlib.Path
) -> None:
    """The new store already has the manifests of the release before, which the registry does not name any more."""
    publish(tmp_path, "small:1b")
    prepare(parent / "one")
    filled(tmp_path, parent / "one", "small:1b")
    prepare(parent / "two", parent / "one")
    digest = publish(tmp_path, "small:1b", GGUF + b"newer")
    folder = bundle(tmp_path, "small:1b")
    specs = [spec("small:1b", digest=digest)]
    given = store.from_bundle(specs, store.texts_of(str(parent / "one")), store.texts_of(str(folder)))
    others.link_blobs(str(folder), str(parent), given.values(), ME)
    asked = {**request(tmp_path, parent / "two", *specs), "source": str(parent / "one"), "bundled": given}
    (tmp_path / "request.json").write_text(json.dumps(asked))
    fetch.main(str(tmp_path))
    assert state.state_of(str(tmp_path)) == {"state": "done", "text": "1 models"}


def test_what_is_there_and_right_is_not_taken_from_a_bundle() -> None:
    """A tag is pulled once: what its publisher offers later under the name changes nothing without a digest."""
    old, new = '{"old": 1}', '{"new": 1}'
    path = "manifests/registry.ollama.ai/library/small/1b"
    digest = hashlib.sha256(new.encode()).hexdigest()
    assert store.from_bundle([spec("small:1b")], {path: old}, {path: new}) == {}
    assert store.from_bundle([spec("small:1b", digest=digest)], {path: old}, {path: new}) == {path: new}
    assert store.from_bundle([spec("small:1b")], {}, {path: new}) == {path: new}
    assert store.from_bundle([spec("house:latest", pull="", file="/m.gguf")], {}, {}) == {}


@pytest.mark.parametrize(
    ("given", "words"), [({}, "the bundle has none"), ({"1b": "{}"}, "the bundle has one with the digest 44136fa355b3")]
)
def test_a_bundle_for_another_registry_is_refused(given: dict[str, str], words: str) -> None:
    texts = {f"manifests/registry.ollama.ai/library/small/{tag}": text for tag, text in given.items()}
    with pytest.raises(
        OllamaError, match=f"the registry names small:1b, and {words}.*: it was made for another registry"
    ):
        store.from_bundle([spec("small:1b", digest="0" * 12)], {}, texts)


def test_a_program_that_does_not_start_is_told_with_its_last_words(
    tmp_path: pathlib.Path, parent: pathlib.Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'Error: no such flag' >&2\nexit 3\n")
    broken.chmod(0o755)
    prepare(parent / "one")
    asked = {**request(tmp_path, parent / "one"), "program": str(broken)}
    (tmp_path / "request.json").write_text(json.dumps(asked))
    fetch.main(str(tmp_path))
    text = state.state_of(str(tmp_path))["text"]
    assert text == "its server ended with status 3: Error: no such flag"


def test_the_difference_of_two_stores_is_told_before_anything_is_made(
    tmp_path: pathlib.Path, parent: pathlib.Path
) -> None:
    digest = publish(tmp_path, "small:1b")
    prepare(parent / "one")
    (tmp_path / "request.json").write_text(json.dumps(request(tmp_path, parent / "one", spec("small:1b"))))
    fetch.main(str(tmp_path))
    here = str(parent / "one")
    assert store.differing(here, [spec("small:1b")]) == []
    assert store.differing(here, [spec("small:1b", digest=digest[:12])]) == []
    assert store.differing(here, [spec("small:1b", digest="0" * 12), spec("big:1b")]) == [
        "pull small:1b",
        "pull big:1b",
    ]
    assert store.differing(here, [spec("mine:latest", pull="small:1b")]) == ["make mine:latest from small:1b"]
    assert store.differing("", [spec("small:1b")]) == ["pull small:1b"]


def test_proxies_go_to_a_download_and_nothing_else_does() -> None:
    given = {"HTTPS_PROXY": "http://p:3128", "no_proxy": "localhost", "SSH_AUTH_SOCK": "/x", "http_proxy": ""}
    assert state.may_download_by(given) == {"HTTPS_PROXY": "http://p:3128", "no_proxy": "localhost"}
