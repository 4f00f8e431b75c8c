# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An Ollama that the collection runs: what its models may say, and the row that follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.ollama_local_model import full_name, manifest_of

Raw = dict[str, Any]
DIGEST = "46e0c10c039e019119339687c3c1757cc81b9da49709a3b3924863ba87ca666e"  # pragma: allowlist secret
MARKER = "/.complete"


@pytest.fixture
def row(lab: Callable[..., Raw], planned: Callable[..., Raw]) -> Callable[..., Raw]:
    """The row of a managed Ollama with these models and keys."""

    def build(*models: Any, **keys: Any) -> Raw:
        raw = lab()
        raw["providers"]["ollama"] |= {"managed": True, "models": list(models), **keys}
        (found,) = [row for row in planned(raw)["hosts"]["one"]["services"] if row["service"] == "ollama"]
        return dict(found)

    return build


@pytest.fixture
def refused(lab: Callable[..., Raw], wrong: Callable[..., str]) -> Callable[..., str]:
    """What is wrong with a managed Ollama with these models and keys."""

    def build(*models: Any, **keys: Any) -> str:
        raw = lab()
        raw["providers"]["ollama"] |= {"managed": True, "models": list(models), **keys}
        return wrong(raw)

    return build


def test_a_name_is_pulled_and_one_with_a_tag_too(row: Callable[..., Raw]) -> None:
    models = row("llama3.1:8b", {"name": "nomic-embed-text", "digest": f"sha256:{DIGEST}"})["config"]["models"]
    assert [(spec["name"], spec["pull"], spec["digest"]) for spec in models] == [
        ("llama3.1:8b", "llama3.1:8b", ""),
        ("nomic-embed-text:latest", "nomic-embed-text:latest", DIGEST),
    ]


def test_one_that_is_made_names_what_from_and_how(row: Callable[..., Raw]) -> None:
    own = {"name": "terse", "base": "llama3.1:8b", "system": "Be short.", "parameters": {"num_ctx": 2048, "stop": "x"}}
    file = {"name": "house", "path": "/srv/house.gguf", "template": "{{ .Prompt }}", "aliases": "casa"}
    first, second = row(own, file)["config"]["models"]
    assert (first["pull"], first["file"]) == ("llama3.1:8b", "")
    assert first["recipe"] == {"system": "Be short.", "parameters": {"num_ctx": 2048, "stop": ["x"]}}
    assert (second["pull"], second["file"], second["aliases"]) == ("", "/srv/house.gguf", ["casa:latest"])


def test_files_come_to_the_host_like_those_of_llama_cpp(row: Callable[..., Raw]) -> None:
    config = row({"name": "tiny", "source": "tiny"}, "llama3.1:8b")["config"]
    path = "/var/lib/ai-backend/models/tiny.gguf"
    assert config["files"] == [{"name": "tiny", "path": path, "source": {"kind": "tiny"}}]


@pytest.mark.parametrize(
    "other",
    [
        {"name": "llama3.1:8b", "digest": DIGEST},
        {"name": "llama3.1:8b", "aliases": ["x"]},
        "llama3.1:70b",
    ],
)
def test_other_models_have_another_store_and_the_same_have_the_same(row: Callable[..., Raw], other: Any) -> None:
    store = row("llama3.1:8b")["config"]["store"]
    assert store.startswith("/var/lib/ai-backend/models/ollama/ollama/")
    assert row("llama3.1:8b", options={"num_parallel": 4})["config"]["store"] == store
    assert row({"name": "llama3.1:8b", "options": {"temperature": 1}})["config"]["store"] == store
    assert row(other)["config"]["store"] != store
    assert row("llama3.1:8b", prune=True)["config"]["store"] != store


def test_a_release_needs_its_store_and_each_of_its_models(row: Callable[..., Raw]) -> None:
    config = row({"name": "hf.co/me/m:q4", "aliases": ["m"]})["config"]
    paths = [path.removeprefix(config["store"]) for path in config["needs"]]
    library = "/manifests/registry.ollama.ai/library"
    assert paths == [MARKER, "/manifests/hf.co/me/m/q4", f"{library}/m/latest"]


@pytest.mark.parametrize(
    ("name", "full", "path"),
    [
        ("llama3.1", "llama3.1:latest", "registry.ollama.ai/library/llama3.1/latest"),
        ("me/mine:8b", "me/mine:8b", "registry.ollama.ai/me/mine/8b"),
        ("localhost:5000/me/mine", "localhost:5000/me/mine:latest", "localhost:5000/me/mine/latest"),
    ],
)
def test_a_name_is_written_as_ollama_does(name: str, full: str, path: str) -> None:
    assert (full_name(name), manifest_of(name)) == (full, f"manifests/{path}")


def test_each_kind_is_proven_by_its_first_model(row: Callable[..., Raw]) -> None:
    vectors = [{"name": name, "abilities": ["embedding"]} for name in ("one", "two")]
    assert row("a:1", "b:1", *vectors)["config"]["probes"] == [
        {"kind": "http", "path": "/api/version", "status": 200},
        {"kind": "models", "path": "/api/tags", "models": ["a:1", "b:1", "one:latest", "two:latest"], "others": True},
        {"kind": "chat", "path": "/v1/chat/completions", "models": ["a:1"]},
        {"kind": "embedding", "path": "/v1/embeddings", "models": ["one:latest"]},
    ]
    assert [probe["kind"] for probe in row()["config"]["probes"]] == ["http", "models"]


def test_options_become_variables(row: Callable[..., Raw]) -> None:
    options = {
        "keep_alive": -1,
        "load_timeout": "10m",
        "parallel": 4,
        "max_loaded_models": 2,
        "max_queue": 64,
        "num_ctx": 8192,
        "flash_attn": True,
        "kv_cache_type": "q8_0",
        "gpu_overhead": 1_000_000_000,
        "sched_spread": False,
        "num_thread": 6,
    }
    given = {"OLLAMA_DEBUG": 1, "CUDA_VISIBLE_DEVICES": 0}
    assert row("m", options=options, environment=given)["config"]["environment"] == {
        "CUDA_VISIBLE_DEVICES": "0",
        "LLAMA_ARG_THREADS": "6",
        "OLLAMA_CONTEXT_LENGTH": "8192",
        "OLLAMA_DEBUG": "1",
        "OLLAMA_FLASH_ATTENTION": "true",
        "OLLAMA_GPU_OVERHEAD": "1000000000",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_KV_CACHE_TYPE": "q8_0",
        "OLLAMA_LOAD_TIMEOUT": "10m",
        "OLLAMA_MAX_LOADED_MODELS": "2",
        "OLLAMA_MAX_QUEUE": "64",
        "OLLAMA_NUM_PARALLEL": "4",
        "OLLAMA_SCHED_SPREAD": "false",
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("OLLAMA_HOST", "engines listen on loopback"),
        ("OLLAMA_MODELS", "list them in `models:`"),
        ("OLLAMA_NOPRUNE", "a rollback needs the models of older releases"),
        ("OLLAMA_NO_CLOUD", "`type: ollama_cloud`"),
        ("OLLAMA_NUM_PARALLEL", "write options.num_parallel"),
        ("LD_PRELOAD", "is not a variable of Ollama"),
    ],
)
def test_a_variable_that_is_not_the_users_is_refused_with_the_reason(
    refused: Callable[..., str], name: str, words: str
) -> None:
    assert words in refused("m", environment={name: "1"})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"name": "m", "path": "/m.gguf", "url": "https://x/m.gguf", "sha256": "0" * 64}, "has path and url"),
        ({"name": "m", "path": "/m.gguf", "base": "b"}, "keep one of base, path, url, wheel, source"),
        ({"name": "m", "system": "x"}, "has system, but what is pulled has its own"),
        ({"name": "m", "source": "tiny", "digest": "0" * 12}, "write the file's `sha256`"),
        ({"name": "m", "base": "m:latest"}, "base and aliases must have other names than the model"),
        ({"name": "m", "aliases": ["a", "a:latest"]}, "base and aliases must have other names than the model"),
        ({"name": "a/../../b"}, "is not a name for Ollama"),
        ({"name": "m", "aliases": ["../x"]}, "is not a name for Ollama"),
        ({"name": "kimi-k2:1t-cloud"}, "is a model of Ollama's cloud"),
        ({"name": "m", "digest": "46e0"}, "digest"),
        ({"name": "m", "from": "b"}, "write `base`"),
        ({"name": "m", "base": "b", "parameters": {"num_ctx": 0}}, "num_ctx"),
        ({"name": "m", "options": {"keep_alive": "soon"}}, "is not a duration"),
        ({"name": "m", "path": "/home/me/m.gguf"}, "cannot see"),
    ],
)
def test_what_a_model_cannot_be_is_refused(refused: Callable[..., str], model: Raw, words: str) -> None:
    assert words in refused(model)


def test_two_models_share_no_name(refused: Callable[..., str]) -> None:
    assert "models and aliases have 'b:latest' twice" in refused({"name": "a", "aliases": ["b"]}, "b")


def test_a_digest_is_no_secret(row: Callable[..., Raw]) -> None:
    assert row({"name": "m", "digest": DIGEST})["config"]["models"][0]["digest"] == DIGEST


def test_keys_of_a_managed_one_are_named_where_nothing_uses_them(lab: Callable[..., Raw], planned: Any) -> None:
    raw = lab()
    raw["providers"]["ollama"]["models"] = [{"name": "m", "base": "b", "system": "x", "parameters": {"seed": 1}}]
    (line,) = [line for line in planned(raw)["warnings"] if "are used only if" in line]
    assert "base, parameters, system are used only if `managed` is true" in line


def test_it_has_no_key_and_the_gateway_sends_none(row: Callable[..., Raw]) -> None:
    assert row("m")["secrets"] == {}


def test_it_takes_the_place_of_the_publishers_unit(lab: Callable[..., Raw], planned: Callable[..., Raw]) -> None:
    raw = lab()
    assert planned(raw)["hosts"]["one"]["replaces"] == []
    raw["providers"]["ollama"] |= {"managed": True}
    assert planned(raw)["hosts"]["one"]["replaces"] == ["ollama.service"]
