# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a candidate is asked because of what changes: lab servers for an answer, paid ones for their list of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.canaries import canaries, provider_probes
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}


@pytest.fixture
def asked(lab: Callable[..., Raw]) -> Callable[[Raw, Raw], list[Raw]]:
    """The canaries between two routings of the lab, where `native` is ours, `python` is not, `openai` costs."""

    def between(old: Raw, new: Raw) -> list[Raw]:
        was, now = (
            config_of(make_plan(load(lab(routing=routing)), GROUPS, None), "one", "litellm") for routing in (old, new)
        )
        return canaries(was["config"], now["config"], now["answers"], now["upstreams"])

    return between


def routes(**targets: str) -> Raw:
    return {"exact_matches": dict(targets)}


def test_nothing_is_asked_when_no_route_changes(asked: Callable[[Raw, Raw], list[Raw]]) -> None:
    assert asked(routes(a="python"), routes(a="python")) == []


def test_a_new_route_to_a_server_of_the_lab_is_asked_for_an_answer(asked: Callable[[Raw, Raw], list[Raw]]) -> None:
    (probe,) = asked({}, routes(a="python"))
    assert (probe["kind"], probe["models"], probe["key"]["name"]) == ("answer", ["a"], "LITELLM_MASTER_KEY")


def test_a_route_that_moves_is_asked_again_and_what_stays_is_not(asked: Callable[[Raw, Raw], list[Raw]]) -> None:
    (probe,) = asked(routes(a="native", b="python"), routes(a="python", b="python"))
    assert probe["models"] == ["a"]


def test_a_route_to_an_engine_of_ours_is_left_to_the_releases_own_probes(
    asked: Callable[[Raw, Raw], list[Raw]],
) -> None:
    assert asked({}, routes(a="native")) == []


def test_of_a_provider_that_is_paid_for_only_the_list_of_models_is_read(
    asked: Callable[[Raw, Raw], list[Raw]],
) -> None:
    (probe,) = asked({}, {"exact_matches": {"a": {"provider": "openai", "backend_model": "gpt-4o"}}})
    assert (probe["kind"], probe["upstream"]["provider"]) == ("upstream", "openai")


def test_what_only_litellm_can_ask_is_asked_for_nothing(lab: Callable[..., Raw]) -> None:
    def config(*models: str) -> Raw:
        raw = lab(secrets={**lab()["secrets"], "REPLICATE_API_KEY": "given"})
        raw["providers"]["far"] = {"type": "litellm", "prefix": "replicate", "env_var": "REPLICATE_API_KEY"}
        raw["providers"]["far"]["models"] = list(models)
        return config_of(make_plan(load(raw), GROUPS, None), "one", "litellm")

    old, new = config("a"), config("a", "b")
    assert canaries(old["config"], new["config"], new["answers"], new["upstreams"]) == []


def test_a_pattern_has_no_name_to_ask_for(asked: Callable[[Raw, Raw], list[Raw]]) -> None:
    assert asked({}, {"patterns": {"zz*": "python"}}) == []


def test_what_another_version_wrote_makes_every_route_new(lab: Callable[..., Raw]) -> None:
    part = config_of(make_plan(load(lab(routing=routes(a="python"))), GROUPS, None), "one", "litellm")
    made = canaries("model_list: nonsense", part["config"], part["answers"], part["upstreams"])
    assert "a" in made[0]["models"]


def test_a_model_that_answers_no_chat_is_asked_for_what_it_can_do(lab: Callable[..., Raw]) -> None:
    def config(*models: Raw) -> Raw:
        raw = lab()
        raw["providers"]["python"]["models"] = [{"name": "gguf"}, *models]
        return config_of(make_plan(load(raw), GROUPS, None), "one", "litellm")

    embeds = {"name": "vectors", "abilities": ["embedding"]}
    ranks = {"name": "ranks", "abilities": ["rerank"]}
    was, now = config(), config(embeds, ranks)
    found = canaries(was["config"], now["config"], now["answers"], now["upstreams"])
    assert [(probe["kind"], probe["path"], probe["models"]) for probe in found] == [
        ("embedding", "/v1/embeddings", ["vectors"]),
        ("rerank", "/v1/rerank", ["ranks"]),
    ]


def test_a_managed_engine_is_proven_by_what_it_was_started_for(lab: Callable[..., Raw]) -> None:
    raw = lab()
    raw["providers"]["native"]["models"][0]["options"] = {"embeddings": True}
    plan = make_plan(load(raw), GROUPS, None)
    gateway, engine = config_of(plan, "one", "litellm"), config_of(plan, "one", "llama-cpp")
    question = engine["questions"][-1]
    assert (question["kind"], question["path"], question["models"]) == ("embedding", "/v1/embeddings", ["lab-tiny"])
    assert "lab-tiny" not in gateway["answers"]
    assert [(probe["kind"], probe["models"]) for probe in gateway["proofs"]] == [("embedding", ["lab-tiny"])]


def test_one_provider_is_asked_itself_and_for_the_names_that_it_answers_first(lab: Callable[..., Raw]) -> None:
    routing = {"exact_matches": {"a": "python", "b": {"provider": "native", "fallback": "python"}}}
    now = config_of(make_plan(load(lab(routing=routing)), GROUPS, None), "one", "litellm")
    upstream, answer = provider_probes(now["config"], now["upstreams"], "python", False)
    assert (upstream["kind"], upstream["upstream"]["provider"], answer["kind"]) == ("upstream", "python", "answer")
    assert "a" in answer["models"]
    assert "b" not in answer["models"]
    assert provider_probes(now["config"], now["upstreams"], "pythn", False) == []


def test_one_that_only_litellm_can_ask_is_asked_only_if_an_answer_may_cost(lab: Callable[..., Raw]) -> None:
    now = config_of(make_plan(load(lab(routing=routes(a="python"))), GROUPS, None), "one", "litellm")
    assert provider_probes(now["config"], [], "python", False) == []
    (answer,) = provider_probes(now["config"], [], "python", True)
    assert (answer["kind"], "a" in answer["models"]) == ("answer", True)


def test_one_that_is_paid_for_answers_only_if_that_is_wanted(lab: Callable[..., Raw]) -> None:
    routing = {"exact_matches": {"a": {"provider": "openai", "backend_model": "gpt-4o"}}}
    now = config_of(make_plan(load(lab(routing=routing)), GROUPS, None), "one", "litellm")
    kinds = [
        [p["kind"] for p in provider_probes(now["config"], now["upstreams"], "openai", paid)] for paid in (False, True)
    ]
    assert kinds == [["upstream"], ["upstream", "answer"]]
