# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the models of a host fit into its GPU memory."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.llama_cpp_model import LlamaCppModel
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.memory import needed
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.model import RemoteModel
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.ollama_model import OllamaModel
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import Finding, RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.capacity import (
    GIB,
    Room,
    check_capacity,
    check_host,
    unreadable_files,
)
from plans import make_plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "gpu": ["one", "two"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}


def engine(name: str, **model: Any) -> Raw:
    return {"type": "llama_cpp", "hosts": "gpu", "models": [{"name": name, "path": f"/m/{name}.gguf", **model}]}


def plan_of(providers: Raw) -> Raw:
    raw = {
        "providers": providers,
        "ports": {"services": {name: 8000 + i for i, name in enumerate(providers) if "hosts" in providers[name]}},
    }
    return make_plan(load(raw), GROUPS, ADDRESSES)


def found(providers: Raw, gpu_memory: object) -> list[Finding]:
    return list(check_capacity(plan_of(providers), gpu_memory))


def file_facts(weights: float = 8, layers: int = 32, window: int = 0, **more: Any) -> Raw:
    """Of a model of so many GiB in layers of the same size; its cache takes 4 KiB for each token and layer."""
    each = {"bytes": int(weights * GIB / layers), "experts": 0, "k": 1024, "v": 1024, "window": window, "state": 0}
    whole = {
        "bytes": int(weights * GIB),
        "input_bytes": 0,
        "output_bytes": 0,
        "picture_bytes": 0,
        "layers": [each] * layers,
    }
    return {"problem": "", "context": 131072, "width": 4096, "heads": 32, "vocabulary": 128256, **whole, **more}


def on_host(providers: Raw, room: Room, facts: Raw) -> list[Finding]:
    return list(check_host("one", plan_of(providers)["hosts"]["one"]["in_memory"], room, facts))


def on_card(name: str = "a", **model: Any) -> Raw:
    """An engine whose layers must all be on a card."""
    options = {"gpu_layers": "all", **model.pop("options", {})}
    return engine(name, **{"context_length": 32768, "options": options, **model})


def cache_of(model: Raw, facts: Raw | None = None, kind: str = "llama_cpp", **provider: Any) -> float:
    """GiB of the cache of a model with 4 KiB for each token of its 32 layers."""
    entry = model if kind == "ollama" else {"path": "/m/a.gguf", **model}
    (row,) = plan_of({"a": {"type": kind, "hosts": "gpu", "models": [{"name": "a", **entry}], **provider}})["hosts"][
        "one"
    ]["in_memory"]
    (one,) = row["models"]
    need = needed(one, {one["file"]: facts or file_facts()}, 1)
    assert need is not None
    return need.kv_cache / GIB


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


# -- with the facts of the files


def test_weights_and_cache_beyond_the_cards_are_refused_with_their_numbers() -> None:
    facts = {"/m/a.gguf": file_facts(10), "/m/b.gguf": file_facts(9)}
    providers = {"a": on_card("a"), "b": on_card("b")}
    (finding,) = on_host(providers, Room(24.0, cards=(24.0,)), facts)
    assert (finding.check, finding.severity) == ("capacity", "critical")
    assert finding.path == "ai_backend_providers.a.models[0]"
    assert finding.problem == (
        "host 'one' has 24 GiB of GPU memory, weights and cache of its models need 27.0 ('a' 10.0 + 4.0, 'b' 9.0 + 4.0)"
    )
    for way in ("smaller model", "quantization", "context_length", "cache type", "`gpu_layers`", "another host"):
        assert way in finding.remedy
    assert on_host(providers, Room(48.0, cards=(48.0,)), facts) == []


def test_what_only_the_estimated_part_exceeds_is_a_warning() -> None:
    """The buffers of an engine are an estimate, so no deploy stops for them."""
    facts = {"/m/a.gguf": file_facts(10)}
    (over,) = on_host({"a": on_card("a")}, Room(14.2, cards=(14.2,)), facts)
    assert (over.severity, over.problem) == (
        "warning",
        "host 'one' has 14.2 GiB of GPU memory, its models need about 14.7 ('a' 14.7)",
    )
    (close,) = on_host({"a": on_card("a")}, Room(16.0, cards=(16.0,)), facts)
    assert close.problem.endswith("('a' 14.7), which leaves less than a tenth")
    assert on_host({"a": on_card("a")}, Room(16.5, cards=(16.5,)), facts) == []


@pytest.mark.parametrize(
    "model",
    [
        {"options": {"gpu_layers": 10}},
        {"options": {"gpu_layers": "auto"}},
        {"options": {"gpu_layers": -1}},
        {"environment": {"LLAMA_ARG_N_CPU_MOE": 20}},
        {"environment": {"LLAMA_ARG_KV_OFFLOAD": False}},
    ],
    ids=str,
)
def test_a_model_that_is_partly_on_the_processor_is_not_refused(model: Raw) -> None:
    findings = on_host({"a": on_card("a", **model)}, Room(12.0, cards=(12.0,)), {"/m/a.gguf": file_facts(20)})
    assert "critical" not in [finding.severity for finding in findings]


def test_only_the_layers_that_are_put_on_the_card_count_there() -> None:
    facts = {"/m/a.gguf": file_facts(32, input_bytes=GIB, output_bytes=2 * GIB, bytes=35 * GIB)}

    def refused(layers: int) -> str:
        findings = on_host({"a": on_card("a", options={"gpu_layers": layers})}, Room(1.0, cards=(1.0,)), facts)
        return next((one.problem.partition("(")[2] for one in findings), "")

    # The first one is the output, then layers from the last one on; each has 1 GiB, and 128 MiB of cache.
    assert refused(0) == ""
    assert refused(2) == "'a' 3.0 + 0.1)"
    assert refused(9) == "'a' 10.0 + 1.0)"
    assert refused(99) == refused(33) == "'a' 34.0 + 4.0)"


def test_what_is_left_to_the_processor_does_not_count_on_the_card() -> None:
    layer = {"bytes": GIB, "experts": int(0.75 * GIB), "k": 1024, "v": 1024, "window": 0, "state": 0}
    facts = {"/m/a.gguf": {**file_facts(32), "layers": [layer] * 32}}

    def counted(**model: Any) -> tuple[float, float]:
        (row,) = plan_of({"a": on_card("a", **model)})["hosts"]["one"]["in_memory"]
        need = needed(row["models"][0], facts, 1)
        assert need is not None
        return need.weights / GIB, need.kv_cache / GIB

    assert counted() == (32, 4)
    assert counted(environment={"LLAMA_ARG_CPU_MOE": True}) == (8, 4)
    assert counted(environment={"LLAMA_ARG_N_CPU_MOE": 20}) == (32 - 20 * 0.75, 4)
    assert counted(environment={"LLAMA_ARG_N_CPU_MOE": 20}, options={"gpu_layers": 17}) == (16 - 4 * 0.75, 2)
    assert counted(environment={"LLAMA_ARG_KV_OFFLOAD": False}) == (32, 0)
    assert counted(environment={"LLAMA_ARG_NO_KV_OFFLOAD": 1}) == (32, 0)


@pytest.mark.parametrize(
    "words", [{"parameters": {"num_gpu": 9}}, {"options": {"num_gpu": 9}, "parameters": {"num_gpu": 1}}]
)
def test_of_ollama_only_the_declared_layers_are_on_the_card(words: Raw) -> None:
    ollama = {"type": "ollama", "hosts": "gpu", "models": [{"name": "m", "base": "other", **words}]}
    (row,) = plan_of({"a": ollama})["hosts"]["one"]["in_memory"]
    (one,) = row["models"]
    need = needed(one, {one["file"]: file_facts(32)}, 1)
    assert need is not None and need.weights == 8 * GIB


def test_an_engine_that_is_not_managed_is_never_refused() -> None:
    far = {"type": "vllm", "managed": False, "base_url": "http://127.0.0.1:8000", "models": ["/m/big"]}
    (finding,) = on_host({"far": far}, Room(24.0, cards=(24.0,)), {"/m/big": file_facts(60)})
    assert finding.severity == "warning"


def test_an_engine_on_one_card_has_only_that_one() -> None:
    facts = {"/m/a.gguf": file_facts(20)}
    room = Room(32.0, cards=(8.0, 24.0))
    pinned = {"split_mode": "none", "main_gpu": 0}
    (finding,) = on_host({"a": on_card("a", options=pinned)}, room, facts)
    assert finding.problem.startswith("host 'one' has 8 GiB on card 0, weights and cache of its models need 24.0 (")
    assert "critical" not in [each.severity for each in on_host({"a": on_card("a")}, room, facts)]


def test_without_a_card_the_memory_of_the_host_has_to_hold_them() -> None:
    facts, room = {"/m/a.gguf": file_facts(20)}, Room(16.0, on_cards=False)
    (finding,) = on_host({"a": engine("a", context_length=8192)}, room, facts)
    assert finding.problem == (
        "host 'one' has 16 GiB of memory, weights and cache of its models need 21.0 ('a' 20.0 + 1.0)"
    )
    assert (finding.severity, "`load_mode: mmap`" in finding.remedy) == ("critical", True)
    # Who wants weights to be read from the disk writes it.
    paged = engine("a", context_length=8192, options={"load_mode": "mmap"})
    (finding,) = on_host({"a": paged}, room, facts)
    assert finding.severity == "warning"
    locked = engine("a", context_length=8192, options={"load_mode": "mmap+mlock"})
    assert [one.severity for one in on_host({"a": locked}, room, facts)] == ["critical"]


def test_declared_memory_counts_as_found_memory_does() -> None:
    (finding,) = on_host({"a": on_card("a")}, Room(8.0, declared=True), {"/m/a.gguf": file_facts(20)})
    assert finding.problem.startswith("host 'one' declares 8 GiB of GPU memory, weights and cache of its models need")
    assert finding.severity == "critical"


def test_an_ollama_that_does_not_fit_is_a_warning_for_as_many_as_it_keeps() -> None:
    """It computes on the processor what its cards do not hold."""
    models = [{"name": "big", "options": {"num_ctx": 8192}}, {"name": "small", "options": {"num_ctx": 8192}}]
    ollama = {"type": "ollama", "hosts": "gpu", "models": models}
    (row,) = plan_of({"a": ollama})["hosts"]["one"]["in_memory"]
    big, small = (one["file"] for one in row["models"])
    assert big.endswith("/manifests/registry.ollama.ai/library/big/latest")
    facts = {big: file_facts(14), small: file_facts(4)}
    assert on_host({"a": ollama}, Room(24.0, cards=(24.0,)), facts) == []
    both = {**ollama, "options": {"max_loaded_models": 2}}
    (finding,) = on_host({"a": both}, Room(20.0, cards=(20.0,)), facts)
    assert (finding.severity, "'small'" in finding.problem) == ("warning", True)
    (finding,) = on_host({"a": ollama}, Room(8.0, cards=(8.0,)), facts)
    assert (finding.severity, "'small'" in finding.problem) == ("warning", False)


def test_the_context_of_llama_cpp_is_shared_by_its_requests() -> None:
    assert cache_of({"context_length": 32768}) == 4.0
    assert cache_of({"context_length": 32768, "options": {"parallel": 4}}) == 4.0
    assert (
        cache_of({"context_length": 32768, "options": {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}}) == 4 * 8.5 / 16
    )
    # Without a length llama.cpp takes what fits, and no less than this.
    assert cache_of({}) == cache_of({"context_length": 4096}) == 0.5
    assert cache_of({}, file_facts(context=2048)) == 0.25


def test_each_request_of_ollama_has_a_context_of_its_own() -> None:
    assert cache_of({"options": {"num_ctx": 8192}}, kind="ollama") == 1.0
    assert cache_of({"options": {"num_ctx": 8192}}, kind="ollama", options={"num_parallel": 4}) == 4.0
    kinds = {"num_parallel": 4, "kv_cache_type": "q8_0", "flash_attention": True}
    assert cache_of({"options": {"num_ctx": 8192}}, kind="ollama", options=kinds) == 4 * 8.5 / 16
    assert cache_of({}, kind="ollama", options={"context_length": 16384}) == 2.0


def test_a_layer_with_a_window_keeps_its_window_for_each_request() -> None:
    """The window and a batch, rounded up to 256 (llama.cpp, src/llama-kv-cache-iswa.cpp)."""
    facts = file_facts(window=1024)

    def tokens(**model: Any) -> float:
        return cache_of({"context_length": 65536, **model}, facts) * GIB / (32 * 4096)

    assert tokens(options={"parallel": 1}) == 1024 + 512
    assert tokens(options={"parallel": 4}) == 4 * (1024 + 512)
    assert tokens(options={"parallel": 4}, environment={"LLAMA_ARG_KV_UNIFIED": True}) == 4 * 1024 + 512
    assert tokens(options={"parallel": 1, "ubatch_size": 2048}) == 1024 + 2048
    assert tokens(environment={"LLAMA_ARG_SWA_FULL": True}) == 65536
    assert tokens(context_length=1000, options={"parallel": 1}) == 1024, "no more than the context"


def test_a_layer_with_a_state_keeps_one_for_each_request() -> None:
    layer = {"bytes": GIB, "experts": 0, "k": 0, "v": 0, "window": 0, "state": 2**20}
    facts = {**file_facts(), "layers": [layer]}
    assert cache_of({"context_length": 65536, "options": {"parallel": 8}}, facts) == 8 * 4 * 2**20 / GIB


def test_files_that_are_loaded_with_a_model_count_too() -> None:
    more = {"mmproj": "/m/p.gguf", "draft_model": "/m/d.gguf", "lora": ["/m/l.gguf"]}
    part = {"layers": [], "problem": ""}
    facts = {
        "/m/a.gguf": file_facts(10),
        "/m/p.gguf": {**file_facts(1), **part, "picture_bytes": GIB},
        "/m/d.gguf": file_facts(2, layers=8),
        "/m/l.gguf": {**file_facts(0.5), **part},
    }
    (finding,) = on_host({"a": on_card("a", **more)}, Room(8.0, cards=(8.0,)), facts)
    assert finding.problem.endswith("need 18.5 ('a' 13.5 + 5.0)")
    (one,) = plan_of({"a": on_card("a", **more)})["hosts"]["one"]["in_memory"][0]["models"]
    alone = needed({**one, "parts": []}, facts, 1)
    both = needed(one, facts, 1)
    assert alone is not None and both is not None
    assert both.engine - alone.engine == GIB, "the graph of a picture"
    plan = plan_of({"a": on_card("a", **more)})["hosts"]["one"]
    assert plan["model_files"] == ["/m/a.gguf", "/m/d.gguf", "/m/l.gguf", "/m/p.gguf"]


def test_each_card_computes_its_own_layers() -> None:
    (one,) = plan_of({"a": on_card("a")})["hosts"]["one"]["in_memory"][0]["models"]
    single, double = (needed(one, {"/m/a.gguf": file_facts()}, cards) for cards in (1, 2))
    assert single is not None and double is not None
    assert (double.counted, double.engine) == (single.counted, 2 * single.engine)


def test_a_file_that_tells_nothing_is_a_warning_and_its_name_counts_instead() -> None:
    broken = {"/m/a:70b.gguf": {**file_facts(), "problem": "is cut off", "layers": []}}
    engines = plan_of({"a": on_card("a:70b")})["hosts"]["one"]["in_memory"]
    (finding,) = unreadable_files(engines, broken)
    assert (finding.problem, finding.severity) == ("/m/a:70b.gguf is cut off", "warning")
    (finding,) = check_host("one", engines, Room(24.0, cards=(24.0,)), broken)
    assert finding.severity == "warning"
    assert list(unreadable_files(engines, {"/m/a:70b.gguf": file_facts()})) == []
