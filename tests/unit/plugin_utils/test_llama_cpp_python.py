# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server of llama-cpp-python that the collection runs: what its registry may state, and the row that follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import rows

Raw = dict[str, Any]
MODEL = {"name": "gguf", "path": "/srv/gguf.gguf"}
LORA = {"name": "gguf", "path": "/srv/gguf.gguf", "lora": ["/srv/a.gguf"]}


@pytest.fixture
def raw(lab: Callable[..., Raw]) -> Callable[..., Raw]:
    """The lab with a managed server of llama-cpp-python that has these keys."""

    def build(**keys: Any) -> Raw:
        registry = lab(ports={"services": {"native": 8080, "python": 8000}})
        server = {"type": "llama_cpp", "server": "python", "hosts": "llama_cpp", "models": [MODEL]}
        registry["providers"]["python"] = {**server, **keys}
        return registry

    return build


@pytest.fixture
def row(raw: Callable[..., Raw], planned: Callable[..., Raw]) -> Callable[..., Raw]:
    """Its row on its host."""
    return lambda **keys: rows(planned(raw(**keys)), "one", "llama-cpp-python")[0]


@pytest.fixture
def settings(row: Callable[..., Raw]) -> Callable[..., Raw]:
    """Its settings with these options."""
    return lambda **options: dict(row(options=options)["config"]["settings"])


def test_it_is_a_service_on_a_socket_with_the_deployments_key(row: Callable[..., Raw]) -> None:
    found = row()
    socket = "/run/ai-backend/llama-cpp-python@python/http.sock"
    assert found["sockets"] == {"llama-cpp-python@python": socket}
    keys = {"LLAMA_CPP_PYTHON_API_KEY": "AI_BACKEND_ENGINE_KEY"}  # pragma: allowlist secret
    assert found["secrets"] == {"llama-cpp-python.env": keys}
    assert found["role"] == "lab.ai_backend.llama_cpp_python"
    assert found["publish"]["paths"] == ["/health", "/v1/"]
    assert found["config"]["proof"] == {"kind": "chat", "path": "/v1/chat/completions"}
    assert "AI_BACKEND_ENGINE_KEY" not in str(found["config"])


def test_without_options_it_is_as_llama_server(settings: Callable[..., Raw]) -> None:
    assert settings() == {
        "logits_all": False,
        "model": "/srv/gguf.gguf",
        "model_alias": "gguf",
        "n_ctx": 0,
        "use_mlock": False,
        "use_mmap": True,
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"n_ctx": 4096}, {"n_ctx": 4096}),
        ({"n_gpu_layers": 12}, {"n_gpu_layers": 12}),
        ({"gpu_layers": "all"}, {"n_gpu_layers": -1}),
        ({"n_gpu_layers": -1}, {"n_gpu_layers": -1}),
        ({"n_batch": 256, "ubatch_size": 128}, {"n_batch": 256, "n_ubatch": 128}),
        ({"flash_attn": True}, {"flash_attn": True}),
        ({"flash_attn": False}, {"flash_attn": False}),
        ({"type_k": "q8_0", "type_v": "iq4_nl"}, {"type_k": 8, "type_v": 20}),
        ({"split_mode": "row", "main_gpu": 1, "tensor_split": "3,1"}, {"split_mode": 2, "tensor_split": [3.0, 1.0]}),
        ({"chat_format": "chatml"}, {"chat_format": "chatml"}),
        ({"load_mode": "mlock"}, {"use_mlock": True, "use_mmap": False}),
        ({"load_mode": "mmap+mlock"}, {"use_mlock": True, "use_mmap": True}),
        ({"load_mode": "none"}, {"use_mlock": False, "use_mmap": False}),
        ({"n_parallel": 1}, {}),
    ],
)
def test_options_have_its_words(settings: Callable[..., Raw], options: Raw, expected: Raw) -> None:
    found = settings(**options)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"options": {"gpu_layers": "auto"}}, "options.gpu_layers is auto"),
        ({"options": {"flash_attn": "auto"}}, "options.flash_attention is auto"),
        ({"options": {"parallel": 4}}, "options.parallel is 4, and it computes one answer at a time"),
        ({"options": {"sleep_after": "15m"}}, "options.sleep_after is not possible"),
        ({"options": {"reranking": True}}, "options.reranking is not possible"),
        ({"options": {"pooling": "rank"}}, "options.pooling is rank"),
        ({"options": {"load_mode": "dio"}}, "options.load_mode is dio"),
        ({"options": {"chat_format": "chatmel"}}, "chat_format"),
        ({"environment": {"LLAMA_ARG_MLOCK": "1"}}, "environment has variables of llama-server"),
        ({"models": [{**MODEL, "mmproj": "/srv/p.gguf"}]}, "mmproj is not possible"),
        ({"models": [{**MODEL, "draft_model": "/srv/d.gguf"}]}, "draft_model is not possible"),
        ({"models": [{**MODEL, "lora": ["/srv/a.gguf", "/srv/b.gguf"]}]}, "lora has several adapters"),
    ],
)
def test_what_it_has_no_word_for_is_refused(
    raw: Callable[..., Raw], wrong: Callable[..., str], keys: Raw, problem: str
) -> None:
    message = wrong(raw(**keys))
    assert problem in message
    assert " → " in message


def test_one_adapter_is_taken(row: Callable[..., Raw]) -> None:
    config = row(models=[LORA])["config"]
    assert config["settings"]["lora_path"] == "/srv/a.gguf"
    assert [file["path"] for file in config["besides"]] == ["/srv/a.gguf"]


def test_a_word_of_it_is_refused_for_llama_server(raw: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    message = wrong(raw(server="native", options={"chat_format": "chatml"}))
    assert "options.chat_format is a word of llama-cpp-python's server" in message


def test_a_server_for_embeddings_is_proven_with_one(row: Callable[..., Raw]) -> None:
    config = row(options={"embeddings": True, "pooling": "mean"})["config"]
    assert config["proof"] == {"kind": "embedding", "path": "/v1/embeddings"}
    assert (config["settings"]["embedding"], config["pooling"]) == (True, 1)


@pytest.mark.parametrize(
    ("options", "can"),
    [
        ({}, ["chat", "completion"]),
        ({"chat_format": "chatml"}, ["chat", "completion"]),
        ({"chat_format": "chatml-function-calling"}, ["chat", "completion", "tools"]),
        ({"embeddings": True}, ["embedding"]),
    ],
)
def test_what_it_can_do(raw: Callable[..., Raw], options: Raw, can: list[str]) -> None:
    provider = load(raw(options=options)).providers["python"]
    assert provider.abilities(provider.entries[0]) == can


def test_its_memory_is_that_of_one_answer(raw: Callable[..., Raw], planned: Callable[..., Raw]) -> None:
    plan = planned(raw(options={"n_ctx": 4096, "n_gpu_layers": 20, "main_gpu": 1, "split_mode": "none"}))
    (engine,) = (one for one in plan["hosts"]["one"]["in_memory"] if one["provider"] == "python")
    (load,) = engine["models"]
    assert (engine["card"], engine["spills"], load["sequences"], load["layers"]) == (1, False, 1, 20)
    assert (load["context"], load["flash"]) == (4096, False)


@pytest.mark.parametrize(("layers", "asked"), [(None, ""), (0, ""), (12, "12"), ("all", "all")])
def test_layers_that_it_asks_for_are_compared_with_the_host(
    raw: Callable[..., Raw], planned: Callable[..., Raw], layers: object, asked: str
) -> None:
    plan = planned(raw(options={"gpu_layers": layers} if layers is not None else {}))
    engines = {engine["provider"]: engine for engine in plan["hosts"]["one"]["gpu_engines"]}
    assert (engines["python"]["gpu_layers"], engines["python"]["gpu_variable"]) == (asked, "llama_cpp_gpu")


def test_a_request_can_wake_it(row: Callable[..., Raw]) -> None:
    wake = row(wake="on_request", sleep_after="5m")["wake"]
    assert (wake["health"], wake["sleep_after"], wake["members"]) == ("/health", 300, ["llama-cpp-python@python"])
