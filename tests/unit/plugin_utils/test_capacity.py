# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the models of a host fit into its GPU memory."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.llama_cpp_model import LlamaCppModel
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.model import RemoteModel
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.ollama_model import OllamaModel
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import Finding, RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.capacity import GIB, check_capacity
from plans import make_plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "gpu": ["one", "two"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}


def engine(name: str, **model: Any) -> Raw:
    return {"type": "llama_cpp", "hosts": "gpu", "models": [{"name": name, "path": f"/m/{name}.gguf", **model}]}


def found(providers: Raw, gpu_memory: object) -> list[Finding]:
    raw = {
        "providers": providers,
        "ports": {"services": {name: 8000 + i for i, name in enumerate(providers) if "hosts" in providers[name]}},
    }
    registry = load(raw)
    return list(check_capacity(make_plan(registry, GROUPS, ADDRESSES), gpu_memory))


@pytest.mark.parametrize(
    ("name", "size", "billions"),
    [
        ("llama3.1:8b", None, 8),
        ("Qwen/Qwen2.5-Coder-7B-Instruct-AWQ", None, 7),
        ("mixtral:8x7b", None, 56),
        ("qwen2.5:0.5b", None, 0.5),
        ("smollm:135m", None, 0.135),
        ("kimi-k2:1t-cloud", None, 1000),
        ("anything", "70B", 70),
        ("llama3.1:8b", "70B", 70),
        ("anything", 13, 13),
        ("anything", "large", None),
        ("gpt-4o", None, None),
        ("lab-tiny", None, None),
        ("phi3", None, None),
    ],
)
def test_the_size_is_what_is_declared_else_what_the_name_says(name: str, size: Any, billions: float | None) -> None:
    assert OllamaModel(name=name, size=size).billions == billions


def test_weights_follow_from_parameters_and_quantization() -> None:
    def gib(quantization: str | None) -> float:
        need = LlamaCppModel(name="m:8b", quantization=quantization).need
        assert need is not None
        return round(need.weights / GIB, 1)

    # The files of Llama 3.1 8B as published: Q4_K_M 4.9 GB, Q8_0 8.5 GB, F16 16.1 GB.
    assert (gib("Q4_K_M"), gib("Q8_0"), gib("F16"), gib(None)) == (4.6, 7.9, 14.9, 4.6)


def test_a_server_that_loads_full_weights_needs_16_bits_unless_it_says_otherwise() -> None:
    full, quantized = RemoteModel(name="m-7B").need, RemoteModel(name="m-7B-AWQ").need
    assert full is not None and quantized is not None
    assert (round(full.weights / 1e9), round(quantized.weights / 1e9, 1)) == (14, 3.8)


def test_the_kv_cache_grows_with_the_context_and_shrinks_with_its_type() -> None:
    def gib(model: LlamaCppModel | OllamaModel) -> float:
        need = model.need
        assert need is not None
        return round(need.kv_cache / GIB, 2)

    # Llama 3.1 8B: 32 layers, 8 KV heads of 128: 128 KiB a token in 16 bits.
    assert gib(LlamaCppModel(name="m:8b", context_length=8192)) == 1.0
    assert gib(LlamaCppModel(name="m:8b", options={"context_length": 32768})) == 4.0
    kinds = {"context_length": 32768, "cache_type_k": "q8_0", "cache_type_v": "q8_0"}
    assert gib(LlamaCppModel(name="m:8b", options=kinds)) == 2.12
    assert gib(OllamaModel(name="m:8b")) == 0.5
    assert gib(OllamaModel(name="m:8b", options={"num_ctx": 16384})) == 2.0
    assert gib(LlamaCppModel(name="m:8b")) == 0.0


def test_engines_on_one_host_add_up() -> None:
    providers = {"a": engine("a:8b", context_length=8192), "b": engine("b:14b", context_length=8192)}
    assert found(providers, {"one": 24, "two": 24}) == []
    first, second = found(providers, {"one": 12, "two": "12 GB"})
    assert first.check == "capacity"
    assert first.severity == "warning"
    assert first.path == "ai_backend_providers.b.models[0]"
    assert first.problem == (
        "host 'one' declares 12 GiB of GPU memory, its models need about 15.0 ('b:14b' 9.5, 'a:8b' 5.6)"
    )
    assert "host 'two'" in second.problem


def test_of_an_engine_that_loads_and_unloads_the_largest_model_counts() -> None:
    ollama = {"type": "ollama", "managed": False, "base_url": "http://127.0.0.1:11434", "models": ["a:8b", "b:8b"]}
    assert found({"ollama": ollama}, {"one": 6}) == []
    (finding,) = found({"ollama": {**ollama, "models": ["a:8b", "b:70b"]}}, {"one": 6})
    assert finding.path == "ai_backend_providers.ollama.models[1]"


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert found({"a": engine("a:70b")}, None) == []
    assert found({"a": engine("a:70b")}, {"one": "", "two": None}) == []
    assert found({"a": engine("nobody-knows")}, {"one": 1}) == []
    assert found({"a": {**engine("a:70b"), "status": "inactive"}, "b": engine("b:1b")}, {"one": 1}) == []
    far = {"type": "vllm", "managed": False, "base_url": "http://10.9.9.9:8001", "models": ["a:70b"]}
    assert found({"far": far}, {"one": 1}) == []


def test_a_memory_that_is_no_number_is_refused() -> None:
    for wrong in ("much", True, "24 TB", -1):
        with pytest.raises(RegistryError, match=r"inventory\.one: ai_backend_gpu_memory is not a number"):
            found({"a": engine("a:8b")}, {"one": wrong})
    with pytest.raises(RegistryError, match="gpu_memory: is not a mapping"):
        found({"a": engine("a:8b")}, [24])


def test_a_model_that_runs_in_ollamas_cloud_needs_nothing_here() -> None:
    assert OllamaModel(name="kimi-k2:1t-cloud").need is None
    assert OllamaModel(name="gpt-oss:120b-cloud").billions == 120, "its size still counts for min_model_size"
    assert OllamaModel(name="gpt-oss:20b").need is not None
