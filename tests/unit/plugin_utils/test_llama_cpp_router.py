# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A llama-server with several models, which it loads as they are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.capacity import Room, check_host
from plans import config_of, make_plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}
MODELS = [
    {"name": "chat 8b", "path": "/srv/a.gguf", "size": "8B", "context_length": 4096, "options": {"parallel": 2}},
    {"name": "vectors", "path": "/srv/b.gguf", "size": "8B", "options": {"embeddings": True, "sleep_after": "5m"}},
]


@pytest.fixture
def plan(lab: Callable[..., Raw]) -> Callable[..., Raw]:
    """The plan of a registry whose engine has these models."""

    def build(**keys: Any) -> Raw:
        raw = lab()
        raw["providers"]["native"] |= {"models": [dict(model) for model in MODELS], **keys}
        raw["providers"]["native"]["models"][0]["name"] = "chat-8b"
        return make_plan(load(raw), GROUPS, None)

    return build


def test_each_model_is_a_section_of_its_presets(plan: Callable[..., Raw]) -> None:
    config = config_of(plan(), "one", "llama-cpp")
    assert config["presets"].split("\n\n") == [
        "version = 1",
        "[chat-8b]\nmodel = /srv/a.gguf\nLLAMA_ARG_CTX_SIZE = 4096\nLLAMA_ARG_N_PARALLEL = 2",
        "[vectors]\nmodel = /srv/b.gguf\nLLAMA_ARG_EMBEDDINGS = true\nsleep-idle-seconds = 300\n",
    ]
    assert (config["environment"], config["arguments"], config["models_max"]) == ({}, [], 1)
    assert [file["path"] for file in config["files"]] == ["/srv/a.gguf", "/srv/b.gguf"]


def test_each_model_is_proven_and_then_has_its_context(plan: Callable[..., Raw]) -> None:
    questions = config_of(plan(), "one", "llama-cpp")["questions"]
    assert [(one["kind"], one["path"], one.get("tokens")) for one in questions] == [
        ("chat", "/v1/chat/completions", None),
        ("context", "/props?model=chat-8b&autoload=false", 2048),
        ("embedding", "/v1/embeddings", None),
        ("context", "/props?model=vectors&autoload=false", 0),
    ]


@pytest.mark.parametrize(("models_max", "fits"), [(None, True), (1, True), (2, False)])
def test_as_many_models_need_memory_as_may_be_loaded(
    plan: Callable[..., Raw], models_max: int | None, fits: bool
) -> None:
    (engine,) = [
        one
        for one in plan(**({"models_max": models_max} if models_max else {}))["hosts"]["one"]["in_memory"]
        if one["provider"] == "native"
    ]
    assert (list(check_host("one", [engine], Room(9))) == []) == fits


def test_one_model_is_started_as_before(plan: Callable[..., Raw]) -> None:
    config = config_of(plan(models=[{"name": "chat-8b", "path": "/srv/a.gguf"}]), "one", "llama-cpp")
    assert (config["presets"], [one["kind"] for one in config["questions"]]) == ("", ["context", "chat"])
