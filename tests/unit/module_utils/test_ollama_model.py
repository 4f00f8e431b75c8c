"""A model of an Ollama server: what it lacks, how it gets it, and that it gets it once."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from ollama_stand_in import GGUF, publish, serving

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.progress import Progress
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.model import Spec, bring, lacking
from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.server import OllamaError, Server


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[Server]:
    with serving(tmp_path) as found:
        yield found


def spec(name: str = "small:1b", **changes: Any) -> Spec:
    base: Spec = {"name": name, "pull": name, "file": "", "digest": "", "recipe": {}, "aliases": []}
    return {**base, **changes}  # type: ignore[typeddict-item]


def test_it_is_pulled_once(server: Server, tmp_path: pathlib.Path) -> None:
    digest = publish(tmp_path, "small:1b")
    assert lacking(server, spec()) == ["pull small:1b"]
    assert bring(server, spec()) == ["pull small:1b"]
    assert server.models() == {"small:1b": digest}
    assert bring(server, spec()) == []
    publish(tmp_path, "small:1b", GGUF + b"newer")
    assert lacking(server, spec()) == []


def test_what_is_not_published_is_an_error_with_its_reason(server: Server, tmp_path: pathlib.Path) -> None:
    with pytest.raises(OllamaError, match=r"small:1b can't be pulled: .*no such host"):
        bring(server, spec())
    publish(tmp_path, "other:1b")
    with pytest.raises(OllamaError, match="small:1b can't be pulled: pull model manifest: file does not exist"):
        bring(server, spec())


def test_another_digest_than_the_registrys_is_refused(server: Server, tmp_path: pathlib.Path) -> None:
    digest = publish(tmp_path, "small:1b")
    with pytest.raises(OllamaError) as caught:
        bring(server, spec(digest="0" * 64))
    assert f"small:1b has the digest {digest}, but the registry names {'0' * 64}" in str(caught.value)
    assert "Write the new digest if you want that" in str(caught.value)


@pytest.mark.parametrize("length", [12, 64])
def test_the_digest_may_be_its_first_digits(server: Server, tmp_path: pathlib.Path, length: int) -> None:
    digest = publish(tmp_path, "small:1b")
    assert bring(server, spec(digest=digest[:length])) == ["pull small:1b"]
    assert lacking(server, spec(digest=digest[:length])) == []


def test_a_new_digest_is_pulled_over_the_old_one(server: Server, tmp_path: pathlib.Path) -> None:
    old = publish(tmp_path, "small:1b")
    bring(server, spec(digest=old))
    new = publish(tmp_path, "small:1b", GGUF + b"newer")
    assert bring(server, spec(digest=new)) == [f"pull small:1b again: it has digest {old[:12]}, not {new[:12]}"]
    assert server.models() == {"small:1b": new}


def test_one_from_a_file_is_made_once_although_the_server_writes_it_again(
    server: Server, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(GGUF)
    recipe = {"system": "Be short.", "template": "{{ .Prompt }}", "parameters": {"num_ctx": 4096, "stop": ["a", "b"]}}
    wanted = spec("house:latest", pull="", file=str(file), recipe=recipe)
    assert bring(server, wanted) == [f"make house:latest from {file}"]
    shown = server.answer("POST", "/api/show", {"model": "house"})
    assert (shown["system"], shown["template"]) == ("Be short.", "{{ .Prompt }}")
    assert [line.split() for line in shown["parameters"].splitlines()] == [
        ["num_ctx", "4096"],
        ["stop", '"a"'],
        ["stop", '"b"'],
    ]
    assert lacking(server, wanted) == []


@pytest.mark.parametrize("changed", ["file", "recipe"])
def test_another_file_or_recipe_makes_it_again(server: Server, tmp_path: pathlib.Path, changed: str) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(GGUF)
    wanted = spec("house:latest", pull="", file=str(file))
    bring(server, wanted)
    before = server.models()
    if changed == "file":
        file.write_bytes(GGUF + b"x")
    else:
        wanted["recipe"] = {"system": "Be long."}
    assert bring(server, wanted) == [f"make house:latest from {file} again: it was made in another way"]
    assert server.models() != before
    assert lacking(server, wanted) == []


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "which isn't on this host: put it there"), (b"ELF", "was not in GGUF format")]
)
def test_a_file_that_cannot_be_used_is_named(
    server: Server, tmp_path: pathlib.Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "m.gguf"
    if content:
        file.write_bytes(content)
    with pytest.raises(OllamaError, match=reason):
        bring(server, spec("house:latest", pull="", file=str(file)))


def test_one_from_another_model_follows_its_base(server: Server, tmp_path: pathlib.Path) -> None:
    old = publish(tmp_path, "small:1b")
    wanted = spec("mine:latest", pull="small:1b", digest=old, recipe={"system": "Be short."})
    assert bring(server, wanted) == ["pull small:1b", "make mine:latest from small:1b"]
    assert bring(server, wanted) == []
    before = server.models()["mine:latest"]
    wanted["digest"] = publish(tmp_path, "small:1b", GGUF + b"newer")
    assert bring(server, wanted)[1:] == ["make mine:latest from small:1b"]
    assert server.models()["mine:latest"] != before


def test_other_names_are_copies_and_follow(server: Server, tmp_path: pathlib.Path) -> None:
    old = publish(tmp_path, "small:1b")
    wanted = spec(digest=old, aliases=["tiny:latest"])
    assert bring(server, wanted) == ["pull small:1b", "copy small:1b to tiny:latest"]
    assert bring(server, wanted) == []
    wanted["digest"] = publish(tmp_path, "small:1b", GGUF + b"newer")
    bring(server, wanted)
    assert server.models() == dict.fromkeys(("small:1b", "tiny:latest"), wanted["digest"])


def test_a_download_that_was_cut_goes_on(server: Server, tmp_path: pathlib.Path) -> None:
    publish(tmp_path, "small:1b", GGUF * 20)
    (tmp_path / "hub/rate").write_text("400000")
    seen = []
    for line in server.lines("/api/pull", {"model": "small:1b"}):
        seen.append(line.get("completed", 0))
        if max(seen) > 60000:
            break
    (tmp_path / "hub/rate").unlink()
    again = [
        line["completed"] for line in server.lines("/api/pull", {"model": "small:1b"}) if line.get("total", 0) > 1000
    ]
    assert min(again) > 60000


def test_progress_is_what_a_person_wants_to_know() -> None:
    clock = [0.0]
    progress, layer = Progress("llama3.1:8b", lambda: clock[0]), {"digest": "sha256:a", "total": 40_100_000_000}
    progress.take({"status": "pulling manifest"})
    assert str(progress) == "llama3.1:8b pulling manifest"
    for second in range(0, 60, 5):
        clock[0] = float(second)
        progress.take({"status": "pulling a", **layer, "completed": second * 210_000_000})
    assert str(progress) == "llama3.1:8b 11.6 of 40.1 GB, 28 %, 210 MB/s, 2 min left"
    progress.take({"status": "verifying sha256 digest"})
    progress.take({"status": "pulling a", **layer, "completed": layer["total"]})
    progress.take({"status": "verifying sha256 digest"})
    assert str(progress) == "llama3.1:8b verifying sha256 digest"
