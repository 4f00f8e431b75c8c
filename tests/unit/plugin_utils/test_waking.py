# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Engines that are not always in memory: what may be written, and what the plan makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.loadable import loadable
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.explain import explain
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.explain_lines import as_lines
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.capacity import Room, check_host
from plans import config_of, make_plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"]}


def registry(**engines: Raw) -> Raw:
    """Engines on loopback, in the order in which they are given."""
    providers = {
        name: {
            "type": "llama_cpp",
            "base_url": f"http://127.0.0.1:{8090 + number}",
            "models": [{"name": f"{name}-model", "size": "8B", "quantization": "Q4_K_M", "path": f"/srv/{name}.gguf"}],
            **keys,
        }
        for number, (name, keys) in enumerate(engines.items())
    }
    return {"providers": providers}


def problems(raw: Raw) -> str:
    with pytest.raises(RegistryError) as caught:
        load(raw)
    return "\n".join(map(str, caught.value.findings))


def rows_of(raw: Raw) -> dict[str, Raw]:
    plan = make_plan(load(raw), GROUPS, {})
    return {row["provider"]: row for row in plan["hosts"]["one"]["services"] if row["provider"]}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"sleep_after": "15m"}, "sleep_after is for an engine that a request wakes → write `wake: on_request`"),
        ({"max_wait": 10}, "max_wait is for an engine that a request wakes"),
        ({"wake": "on_request", "min_resident": "60s"}, "min_resident is for one of a group → write `exclusive_group`"),
        ({"wake": "always", "exclusive_group": "gpu0"}, "one is in memory at a time → write `wake: on_request`"),
        ({"wake": "by_hand"}, "chooses one of a group → write `exclusive_group`"),
        ({"wake": "on_request", "managed": False}, "wake is for an engine that this collection runs → remove wake"),
        ({"wake": "on_request", "max_wait": "10m"}, "gateway gives up on an engine after 300 → write `max_wait: 240s`"),
        ({"ttl": 300}, "write `wake: on_request` and `sleep_after`"),
        ({"exclusive_group": "gpu 0"}, "exclusive_group"),
    ],
)
def test_what_has_no_meaning_is_refused_with_what_to_write(keys: Raw, words: str) -> None:
    assert words in problems(registry(one=keys))


def test_an_engine_has_one_way_to_sleep() -> None:
    raw = registry(one={"wake": "on_request"})
    raw["providers"]["one"]["models"][0]["options"] = {"sleep_after": "5m"}
    assert "remove options.sleep_after" in problems(raw)


def test_a_group_wakes_in_one_way() -> None:
    raw = registry(one={"exclusive_group": "gpu0"}, two={"exclusive_group": "gpu0", "wake": "on_request"})
    assert "'one' of the same exclusive_group is `by_hand` → write `wake: by_hand`" in problems(raw)


def test_an_engine_that_is_always_there_has_no_such_part() -> None:
    assert "wake" not in rows_of(registry(one={}))["one"]


def test_one_that_a_request_wakes_is_asked_where_systemd_listens() -> None:
    raw = registry(one={"wake": "on_request", "sleep_after": "5m"})
    wake = rows_of(raw)["one"]["wake"]
    assert (wake["on_request"], wake["group"], wake["members"]) == (True, "one", ["llama-cpp@one"])
    assert (wake["sleep_after"], wake["min_resident"], wake["max_wait"]) == (300, 0, 240)
    (section,) = [
        one for one in config_of(make_plan(load(raw), GROUPS, {}), "one", "edge")["published"] if "turns" in one
    ]
    assert section["to"] == "unix@/run/ai-backend-wake/llama-cpp@one.sock"
    assert section["turns"]["peers"] == {"one": "unix@/run/ai-backend/llama-cpp@one/http.sock"}


def test_of_a_group_that_is_loaded_by_hand_the_first_by_name_is_loaded_at_first() -> None:
    raw = registry(zulu={"exclusive_group": "gpu0"}, alpha={"exclusive_group": "gpu0"}, other={})
    rows = rows_of(raw)
    assert rows["alpha"]["wake"]["members"] == ["llama-cpp@alpha", "llama-cpp@zulu"]
    sections = config_of(make_plan(load(raw), GROUPS, {}), "one", "edge")["published"]
    loaded = {one["name"]: one["loaded"] for one in sections if "loaded" in one}
    assert {name: (one["first"], one["model"]) for name, one in loaded.items()} == {
        "alpha": ("llama-cpp@alpha", "alpha-model"),
        "zulu": ("llama-cpp@alpha", "zulu-model"),
    }


def test_the_gateway_proves_itself_without_waking_anybody() -> None:
    raw = registry(one={"wake": "on_request"}, two={})
    config = config_of(make_plan(load(raw), GROUPS, {}), "one", "litellm")
    assert (config["answers"], config["models"]) == (["two-model"], ["one-model", "two-model"])
    assert {row["provider"]: row["wakes"] for row in config["upstreams"]} == {"one": True, "two": False}


def test_explain_shows_who_wakes() -> None:
    raw = registry(one={"wake": "on_request", "exclusive_group": "gpu0"}, two={"exclusive_group": "gpu1"})
    fleet = fleet_of(load(raw), GROUPS, {})
    told = {name: "\n".join(as_lines(explain(fleet, name))) for name in ("one-model", "two-model")}
    assert "wakes when it is asked, one at a time of group 'gpu0'" in told["one-model"]
    assert "answers while playbooks/switch.yml has it loaded, one at a time of group 'gpu1'" in told["two-model"]


@pytest.mark.parametrize(("group", "fits"), [("gpu0", True), (None, False)])
def test_of_a_group_only_the_largest_needs_memory(group: str | None, fits: bool) -> None:
    keys = {"exclusive_group": group} if group else {}
    plan = make_plan(load(registry(one=keys, two=keys, three=keys)), GROUPS, {})
    found = list(check_host("one", plan["hosts"]["one"]["in_memory"], Room(8)))
    assert (found == []) == fits


def test_a_model_to_load_is_found_by_its_name_or_by_its_provider() -> None:
    plan = make_plan(load(registry(one={"exclusive_group": "gpu0"}, two={"exclusive_group": "gpu0"})), GROUPS, {})
    assert loadable(plan, "two-model") == loadable(plan, "two") == {"one": "llama-cpp@two"}
    with pytest.raises(RegistryError, match="did you mean 'two-model'"):
        loadable(plan, "two-modell")
    with pytest.raises(RegistryError, match="known: one-model, two-model"):
        loadable(plan, "")
