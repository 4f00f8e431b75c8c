"""What a deploy deletes at its end, and what it must not: the ways back."""

from __future__ import annotations

import os
import pathlib
import shutil

import pytest
from host_stand_in import host_on, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection import status as reporting
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import generations
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change, Note
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.integrity import damage
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.releases import prune_artifacts
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import point
from ansible_collections.lab.ai_backend.plugins.modules.generation import tidy, unfinished

KEEP = 10


def deploy(layout: Layout, number: int, complete: bool = True) -> str:
    """One generation with a release of its own; the newest is the youngest on disk too."""
    release_id = made(layout, manifest(files={"redis.conf": f"{number}\n"}))
    os.utime(layout.release("redis", release_id), (number, number))
    point(layout, "redis", release_id)
    generations.record(host_on(layout), Change(number), Note(complete=complete))
    return str(release_id)


def restorable(layout: Layout) -> list[int]:
    """The generations whose release is whole."""
    good, _bad = generations.read_all(layout)
    return [
        number
        for number, content in good.items()
        if not damage(layout, "redis", content["instances"]["redis"]["release"])
    ]


def test_of_many_generations_the_last_ten_and_one_to_spare_stay(layout: Layout) -> None:
    for number in range(1, 15):
        deploy(layout, number)
    pruned, warnings = tidy(layout, KEEP)
    assert (len(pruned), warnings) == (3, [])
    assert restorable(layout) == list(range(4, 15))


def test_with_the_newest_file_lost_there_are_still_ten_ways_back(layout: Layout) -> None:
    for number in range(1, 15):
        deploy(layout, number)
    tidy(layout, KEEP)
    os.unlink(generations.path_of(layout, 14))
    assert restorable(layout) == list(range(4, 14))


def test_a_night_of_failed_deploys_costs_no_way_back(layout: Layout) -> None:
    for number in range(1, 12):
        deploy(layout, number)
    for number in range(12, 30):
        deploy(layout, number, complete=False)
    assert tidy(layout, KEEP) == ([], [])
    assert restorable(layout)[:11] == list(range(1, 12))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1, "instances": 7}'])
def test_while_a_generation_cannot_be_read_nothing_is_deleted_and_it_is_said(layout: Layout, text: str) -> None:
    for number in range(1, 15):
        deploy(layout, number)
    pathlib.Path(generations.path_of(layout, 9)).write_text(text)
    pruned, warnings = tidy(layout, KEEP)
    assert pruned == []
    assert len(warnings) == 1
    assert "generation 9 can't be read" in warnings[0]
    assert "remove it" in warnings[0]
    os.unlink(generations.path_of(layout, 9))
    assert tidy(layout, KEEP)[0]


def test_a_damaged_manifest_may_name_any_artifact_so_all_stay(layout: Layout) -> None:
    pathlib.Path(layout.artifacts, "old").mkdir(parents=True)
    release_id = deploy(layout, 1)
    file = pathlib.Path(layout.release("redis", release_id), "manifest.json")
    whole = file.read_text()
    file.write_text(whole[:20])
    assert prune_artifacts(layout) == []
    file.write_text(whole)
    assert prune_artifacts(layout) == ["old"]


def test_a_report_reads_past_a_damaged_generation_and_a_damaged_manifest(host: Host, layout: Layout) -> None:
    release_id = deploy(layout, 1)
    pathlib.Path(generations.path_of(layout, 1)).write_text("{")
    pathlib.Path(layout.release("redis", release_id), "manifest.json").write_text("{")
    found = reporting.report(host, "gpu1")
    assert (found["generation"], found["complete"]) == (1, False)
    assert found["warnings"] == [f"generation 1 can't be read: {generations.path_of(layout, 1)}"]
    assert found["rows"][0]["service"] == "redis"
    shutil.rmtree(layout.release("redis", release_id))
    assert reporting.report(host, "gpu1")["rows"]


def test_a_run_that_died_after_its_last_change_is_closed_by_the_next_of_everything(layout: Layout) -> None:
    deploy(layout, 1)
    deploy(layout, 2, complete=False)
    assert unfinished(layout, 3, finish=True) == 2
    assert unfinished(layout, 3, finish=False) == 0
    assert unfinished(layout, 2, finish=False) == 2


def test_where_all_are_complete_nothing_is_left_to_close(layout: Layout) -> None:
    assert unfinished(layout, 1, finish=True) == 0
    deploy(layout, 1)
    assert unfinished(layout, 2, finish=True) == 0
