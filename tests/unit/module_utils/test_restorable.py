"""Ways back that would fail are told before they are needed."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

import pytest
from host_stand_in import host_on, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import generations
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import integrity as restorable
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change, Note
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching


def generation(layout: Layout, number: int, complete: bool = True, **content: Any) -> str:
    """A generation of a host whose Redis runs a release of its own. Returns the release."""
    release_id = made(layout, manifest(files={"a.conf": f"{number} @RELEASE@\n"}, ports={"redis": 6379}, **content))
    switching.point(layout, "redis", release_id)
    generations.record(host_on(layout), Change(number, "hash"), Note(complete=complete))
    return release_id


def found(layout: Layout, keep: int = 10) -> list[tuple[str, str]]:
    """(severity, message) of every finding; each is of the check `generations` and of this host."""
    findings = restorable.generation_findings(layout, "gpu1", keep)
    assert {(finding["check"], finding["path"]) for finding in findings} <= {("generations", "host.gpu1")}
    return [(finding["severity"], finding["message"]) for finding in findings]


def test_a_host_without_generations_has_nothing_to_lose(layout: Layout) -> None:
    assert found(layout) == []


def test_whole_generations_are_no_finding(layout: Layout, tmp_path: pathlib.Path) -> None:
    needed = tmp_path / "model.gguf"
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    for path in (needed, artifact / ".complete", tmp_path / "etc/ai-backend/secrets/redis.conf"):
        write_atomic(str(path), "")
    for number in (1, 2, 3):
        generation(layout, number, requires=[str(needed)], artifact=str(artifact), secrets=["redis.conf"])
    assert found(layout) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99, "instances": {}}', '{"schema": 1}', "\udcff"])
def test_a_file_that_cannot_be_read_is_critical_whatever_its_age(layout: Layout, text: str) -> None:
    for number in (1, 2, 3):
        generation(layout, number)
    path = pathlib.Path(generations.path_of(layout, 1))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert found(layout) == [("critical", f"generation 1 can't be read: {path}")]


@pytest.mark.parametrize(("number", "severity"), [(3, "critical"), (2, "critical"), (1, "warning")])
def test_a_lost_release_is_critical_for_what_stands_and_what_was_before_it(
    layout: Layout, number: int, severity: str
) -> None:
    releases = {made_for: generation(layout, made_for) for made_for in (1, 2, 3)}
    shutil.rmtree(layout.release("redis", releases[number]))
    message = f"release {releases[number]} of redis is gone: no rollback to generation {number}"
    assert found(layout) == [(severity, message)]


def test_the_one_before_is_the_last_that_went_through(layout: Layout) -> None:
    releases = [generation(layout, number, complete=number != 2) for number in (1, 2, 3)]
    shutil.rmtree(layout.release("redis", releases[0]))
    assert found(layout)[0][0] == "critical"
    shutil.rmtree(layout.release("redis", releases[1]))
    assert sorted(severity for severity, _message in found(layout)) == ["critical", "warning"]


@pytest.mark.parametrize("file", ["files/a.conf", "release.conf", "units/ai-backend-redis.service", "manifest.json"])
def test_a_release_that_was_edited_is_not_what_its_id_says(layout: Layout, file: str) -> None:
    release_id = generation(layout, 1)
    path = pathlib.Path(layout.release("redis", release_id)) / file
    path.write_text(path.read_text().replace("redis", "sider").replace("1 ", "9 ").replace("one", "two") + "\n#")
    assert found(layout) == [
        (
            "critical",
            f"release {release_id} of redis is not what it was when it was made: no rollback to generation 1",
        )
    ]


def test_a_release_with_one_file_too_many_is_not_whole_either(layout: Layout) -> None:
    release_id = generation(layout, 1)
    (pathlib.Path(layout.release("redis", release_id)) / "files" / "b.conf").write_bytes(b"\xff")
    assert "not what it was" in found(layout)[0][1]


@pytest.mark.parametrize("lost", ["requires", "artifact", "secrets"])
def test_what_a_release_runs_from_has_to_be_there(layout: Layout, tmp_path: pathlib.Path, lost: str) -> None:
    paths = {
        "requires": str(tmp_path / "model.gguf"),
        "artifact": str(tmp_path / "artifact" / ".complete"),
        "secrets": os.path.join(layout.secrets, "redis.conf"),
    }
    for path in paths.values():
        write_atomic(path, "")
    parts = {"requires": [paths["requires"]], "artifact": str(tmp_path / "artifact"), "secrets": ["redis.conf"]}
    release_id = generation(layout, 1, **parts)
    os.unlink(paths[lost])
    message = f"release {release_id} of redis needs {paths[lost]}, which isn't there: no rollback to generation 1"
    assert found(layout) == [("critical", message)]


def test_many_files_that_are_gone_are_one_line(layout: Layout, tmp_path: pathlib.Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.gguf", "b.gguf", "c.gguf")]
    release_id = generation(layout, 1, requires=paths)
    message = (
        f"release {release_id} of redis needs {paths[0]} and 2 more that aren't there: no rollback to generation 1"
    )
    assert found(layout) == [("critical", message)]


def test_one_damage_is_said_once_with_all_it_costs(layout: Layout) -> None:
    release_id = generation(layout, 4)
    for number in (5, 6):
        generations.record(host_on(layout), Change(number, "hash"), Note(complete=True))
    shutil.rmtree(layout.release("redis", release_id))
    assert found(layout) == [("critical", f"release {release_id} of redis is gone: no rollback to generation 4, 5, 6")]


def test_generations_older_than_those_that_are_kept_may_have_lost_their_releases(layout: Layout) -> None:
    releases = [generation(layout, number) for number in (1, 2, 3)]
    shutil.rmtree(layout.release("redis", releases[0]))
    assert found(layout, keep=2) == []
