"""Releases: named by their content, written whole or not at all, pruned with care."""

from __future__ import annotations

import json
import os
import pathlib

from host_stand_in import made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import releases
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import point
from ansible_collections.lab.ai_backend.plugins.modules.release import shown


def test_the_same_content_has_the_same_name_and_any_change_another() -> None:
    assert releases.identifier(manifest()) == releases.identifier(manifest())
    assert releases.identifier(manifest()) != releases.identifier(manifest(dropin="ExecStart=/bin/two\n"))
    assert len(releases.identifier(manifest())) == 12


def test_a_release_holds_all_it_needs_and_knows_its_own_folder(layout: Layout) -> None:
    release_id = made(layout, manifest())
    folder = pathlib.Path(layout.release("redis", release_id))
    assert (folder / "files" / "a.conf").read_text() == f"path {folder}\n"
    assert f"AI_BACKEND_RELEASE={release_id}\n" in (folder / "release.conf").read_text()
    assert (folder / "units" / "ai-backend-redis.service").exists()
    kept = json.loads((folder / "manifest.json").read_text())
    assert kept["id"] == release_id
    assert kept["units"] == ["ai-backend-redis.service"]


def test_a_damaged_release_is_written_anew(layout: Layout) -> None:
    release_id = made(layout, manifest())
    damaged = pathlib.Path(layout.release("redis", release_id)) / "files" / "a.conf"
    damaged.write_text("half")
    assert releases.current_texts(layout, "redis", release_id)["files/a.conf"] == "half"
    made(layout, manifest())
    assert damaged.read_text() != "half"


def test_nothing_half_written_is_left_beside_the_releases(layout: Layout) -> None:
    release_id = made(layout, manifest())
    assert os.listdir(pathlib.Path(layout.releases) / "redis") == [release_id]


def test_pruning_keeps_the_newest_the_linked_and_the_protected(layout: Layout) -> None:
    made_ids = []
    for number in range(6):
        made_ids.append(made(layout, manifest(dropin=f"ExecStart=/bin/{number}\n")))
        os.utime(layout.release("redis", made_ids[-1]), (number, number))
    point(layout, "redis", made_ids[0])
    assert releases.prune(layout, "redis", 2, {made_ids[1]}) == sorted(made_ids[2:4])
    assert sorted(os.listdir(pathlib.Path(layout.releases) / "redis")) == sorted(made_ids[:2] + made_ids[4:])


def test_an_artifact_goes_only_when_no_release_names_it(layout: Layout) -> None:
    used, unused = (os.path.join(layout.artifacts, name) for name in ("venv-1", "venv-2"))
    os.makedirs(used)
    os.makedirs(unused)
    made(layout, manifest(artifact=used))
    assert releases.prune_artifacts(layout) == ["venv-2"]
    assert os.path.isdir(used)


def test_files_of_the_release_before_are_read_back_where_it_has_them() -> None:
    before = {"files/config.yaml": "served", "units/config.unit": "unit", "release.conf": "drop-in"}
    assert shown(before, ["config.yaml", "config.unit", "lacking"]) == {"config.yaml": "served"}
