# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a model can do: by its engine, by its options, or as the registry says."""

from __future__ import annotations

import copy
import importlib.util
import pathlib
import re
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.abilities import Ability
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.catalog import provider_types
from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm.config import build
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.base import is_askable, is_model_name

Raw = dict[str, Any]
FILES = pathlib.Path(__file__).resolve().parents[3] / "roles" / "litellm" / "files"
AT = {"base_url": "http://127.0.0.1:8000", "managed": False}
HERE: Raw = {"hosts": "llama_cpp"}


def abilities(kind: str, model: Raw | str, where: Raw | None = None) -> list[str] | None:
    provider = provider_types()[kind].model_validate(
        {"type": kind, **(AT if where is None else where), "models": [model]}
    )
    found = provider.abilities(provider.entries[0])
    return None if found is None else list(found)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, ["chat", "completion", "tools"]),
        (
            {"environment": {"LLAMA_ARG_MMPROJ": "/models/eyes.gguf"}},
            ["audio", "chat", "completion", "tools", "vision"],
        ),
        ({"options": {"embeddings": True}}, ["embedding"]),
        ({"options": {"embeddings": False}}, ["chat", "completion", "tools"]),
        ({"options": {"embeddings": True, "pooling": "mean"}}, ["embedding"]),
        ({"options": {"reranking": True}}, ["rerank"]),
    ],
)
def test_a_managed_llama_cpp_can_do_what_its_options_start(keys: Raw, expected: list[str]) -> None:
    model = {"name": "m", "path": "/models/m.gguf", **keys}
    assert abilities("llama_cpp", model, HERE) == expected


def test_of_another_server_the_registry_tells() -> None:
    assert abilities("vllm", "m") is None
    assert abilities("vllm", {"name": "m", "abilities": ["tools", "chat"]}) == ["chat", "tools"]
    assert abilities("openai_compatible", {"name": "m", "abilities": "embedding"}) == ["embedding"]
    assert abilities("ollama", "m") == ["chat", "completion", "tools", "vision"]
    assert abilities("ollama", {"name": "m", "abilities": "embedding"}) == ["embedding"]


def test_an_ability_that_an_api_has_not_is_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"'m' has abilities that .* has not: image → keep those of chat, tools, vision"
    ):
        abilities("anthropic", {"name": "m", "abilities": ["chat", "image"]}, {})
    with pytest.raises(ValidationError, match=r"write \[embedding\] for an embedding model of Ollama"):
        abilities("ollama", {"name": "m", "abilities": ["chat", "embedding"]})
    with pytest.raises(ValidationError, match="embedding"):
        abilities("vllm", {"name": "m", "abilities": ["smell"]})


@pytest.mark.parametrize(
    ("kind", "model", "client"),
    [
        ("ollama", "m", "ollama_chat"),
        ("ollama", {"name": "m", "abilities": "embedding"}, "ollama"),
        ("llama_cpp", "m", "openai"),
        ("llama_cpp", {"name": "m", "abilities": "embedding"}, "openai"),
        ("llama_cpp", {"name": "m", "abilities": "rerank"}, "hosted_vllm"),
        ("vllm", {"name": "m", "abilities": "rerank"}, "hosted_vllm"),
    ],
)
def test_a_model_with_one_ability_may_need_another_client(kind: str, model: Raw | str, client: str) -> None:
    provider = provider_types()[kind].model_validate({"type": kind, **AT, "models": [model]})
    assert provider.client(provider.entries[0]) == client


def rows(raw: Raw) -> dict[str, Raw]:
    registry = load(raw)
    endpoints = {name: [("one", provider.base_url)] for name, provider in registry.providers.items()}
    return {row["model_name"]: row["model_info"] for row in build(registry, endpoints, None)["model_list"]}


BASE: Raw = {
    "providers": {
        "one": {"type": "vllm", **AT, "models": ["a", {"name": "b", "description": "old", "context_length": 4096}]},
        "two": {"type": "vllm", "managed": False, "base_url": "http://127.0.0.1:8001", "models": ["c"]},
    }
}


def test_the_gateway_has_abilities_where_they_are_known() -> None:
    raw = copy.deepcopy(BASE)
    raw["providers"]["one"]["models"][1]["abilities"] = ["embedding"]
    found = rows(raw)
    assert found["b"]["abilities"] == ["embedding"]
    assert "abilities" not in found["a"]


def test_what_decides_an_answer_is_in_the_key_of_the_cache() -> None:
    before = rows(BASE)
    assert len({info["answers_as"] for info in before.values()}) == 3
    raw = copy.deepcopy(BASE)
    model = raw["providers"]["one"]["models"][1]
    model["description"], model["tags"] = "new", ["x"]
    assert rows(raw)["b"]["answers_as"] == before["b"]["answers_as"]
    model["context_length"] = 8192
    assert rows(raw)["b"]["answers_as"] != before["b"]["answers_as"]
    raw["providers"]["two"]["base_url"] = "http://127.0.0.1:8002"
    assert rows(raw)["c"]["answers_as"] != before["c"]["answers_as"]
    assert rows(raw)["a"] == before["a"]


# -- the words of the gateway, which runs without these files


def words_of_gateway() -> tuple[set[str], re.Pattern[str]]:
    """The abilities that a request may need, and the rule for names."""
    text = (FILES / "ai_backend_requests.py").read_text(encoding="utf-8")
    names = set(re.findall(r'^    "[a-z_/]+": "([a-z]+)",$', text, re.MULTILINE))
    (rule,) = re.findall(r'^NAME = re.compile\(r"(.*)"\)$', text, re.MULTILINE)
    return names, re.compile(rule)


def test_the_gateway_and_the_registry_have_the_same_words() -> None:
    assert importlib.util.find_spec("litellm") is None, "the hooks themselves are tested in tests/contract"
    names, _rule = words_of_gateway()
    assert names | {"tools"} == set(get_args(Ability))


@pytest.mark.parametrize(
    "name", ["m", "a/b:c@d", "~", "x" * 256, "x" * 257, "a,b", "模型", "a b", "", "a\n", "é", "a*"]
)
def test_the_gateway_and_the_registry_have_the_same_rule_for_names(name: str) -> None:
    _names, rule = words_of_gateway()
    assert is_askable(name) is bool(rule.fullmatch(name))
    assert is_model_name(name) is (is_askable(name) and "*" not in name)
