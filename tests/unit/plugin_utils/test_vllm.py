# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A vLLM that the collection runs: what its registry may state, and the row that follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.local.vllm import Vllm
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.vllm_share import ALL, Use, derived
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import rows

Raw = dict[str, Any]
COMMIT = "0123456789abcdef0123456789abcdef01234567"  # pragma: allowlist secret
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"], "vllm": ["one"]}
MODEL = {"name": "coder", "path": "/srv/coder"}


@pytest.fixture
def raw(lab: Callable[..., Raw]) -> Callable[..., Raw]:
    """The lab with managed servers: {name: keys}, each with a port of its own."""

    def build(**servers: Raw) -> Raw:
        ports = {name: 8001 + number for number, name in enumerate(servers)}
        registry = lab(ports={"services": {"native": 8080, **ports}})
        del registry["providers"]["vllm"]
        for name, keys in servers.items():
            registry["providers"][name] = {"type": "vllm", "hosts": "vllm", "models": [{**MODEL, "name": name}], **keys}
        return registry

    return build


@pytest.fixture
def planned_rows(raw: Callable[..., Raw], planned: Callable[..., Raw]) -> Callable[..., list[Raw]]:
    """The rows of these servers on their host."""
    return lambda **servers: rows(planned(raw(**servers), GROUPS), "one", "vllm")


@pytest.fixture
def config(planned_rows: Callable[..., list[Raw]]) -> Callable[..., Raw]:
    """What the role is told of a server `coder` with these keys."""
    return lambda **keys: dict(planned_rows(coder=keys)[0]["config"])


@pytest.fixture
def refused(raw: Callable[..., Raw], wrong: Callable[..., str]) -> Callable[..., str]:
    """What is wrong with a server `coder` with these keys."""
    return lambda **keys: wrong(raw(coder=keys), GROUPS)


def test_it_is_a_service_on_a_socket_with_the_deployments_key(planned_rows: Callable[..., list[Raw]]) -> None:
    (row,) = planned_rows(coder={})
    socket = "/run/ai-backend/vllm@coder/http.sock"
    assert (row["instance"], row["role"], row["stage"]) == ("vllm@coder", "lab.ai_backend.vllm", "backend")
    assert (row["ports"], row["sockets"]) == ({"vllm@coder": 8001}, {"vllm@coder": socket})
    assert row["secrets"] == {"vllm.env": {"VLLM_API_KEY": "AI_BACKEND_ENGINE_KEY"}}  # pragma: allowlist secret
    published = {"name": "coder", "mode": "http", "here": True, "abroad": "none", "retries": 10}
    assert row["publish"] == {**published, "paths": ["/health", "/metrics", "/v1/"]}
    assert row["config"]["flags"]["uds"] == socket
    assert "port" not in row["config"]["flags"]


def test_the_edge_lets_few_paths_through(raw: Callable[..., Raw], planned: Any) -> None:
    published = planned(raw(coder={}), GROUPS)["hosts"]["one"]["published"]
    assert {one["name"]: one["paths"] for one in published if "paths" in one} == {
        "coder": ["/health", "/metrics", "/v1/"]
    }


def test_the_gateway_asks_it_by_its_name_with_the_key(
    raw: Callable[..., Raw], planned: Callable[..., Raw], litellm: Callable[..., Raw]
) -> None:
    (found,) = [row for row in litellm(raw(coder={}), GROUPS)["model_list"] if row["model_name"] == "coder"]
    assert found["litellm_params"]["model"] == "hosted_vllm/coder"
    assert found["litellm_params"]["api_key"] == "os.environ/AI_BACKEND_ENGINE_KEY"  # pragma: allowlist secret


def test_a_folder_comes_from_the_host_or_from_a_commit_of_the_hub(config: Callable[..., Raw]) -> None:
    hub = {"name": "coder", "hf_repo": "Qwen/Coder-AWQ", "revision": COMMIT}
    path = f"/var/lib/ai-backend/models/hub/Qwen--Coder-AWQ/{COMMIT}"
    (there,), (fetched,) = config()["folders"], config(models=[hub])["folders"]
    assert (there["path"], there["needs"]) == ("/srv/coder", "/srv/coder/config.json")
    assert (fetched["path"], fetched["needs"]) == (path, f"{path}/.complete")
    source = {"kind": "hub", "repo": "Qwen/Coder-AWQ", "revision": COMMIT, "token": ""}
    assert fetched["source"] == source
    assert config(models=[hub])["flags"]["model"] == path
    assert config(models=["org/Name"])["folders"][0]["path"] == "/var/lib/ai-backend/models/org-Name"


def test_options_become_flags(config: Callable[..., Raw]) -> None:
    options = {
        "tensor_parallel_size": 2,
        "devices": [2, 3],
        "gpu_memory_utilization": 0.8,
        "kv_cache_dtype": "fp8",
        "dtype": "bfloat16",
        "quantization": "fp8",
        "parallel": 64,
        "max_queue": 128,
        "enable_prefix_caching": False,
        "tool_call_parser": "hermes",
        "reasoning_parser": "qwen3",
        "chat_template": "/srv/chat.jinja",
        "shutdown_timeout": 120,
        "trust_remote_code": True,
    }
    model = {**MODEL, "context_length": 32768}
    found = config(models=[model], options=options, extra={"enable_expert_parallel": True, "--block-size": 32})
    assert found["flags"] == {
        "allowed-media-domains": ["none.invalid"],
        "block-size": 32,
        "chat-template": "/srv/chat.jinja",
        "disable-uvicorn-access-log": True,
        "dtype": "bfloat16",
        "enable-auto-tool-choice": True,
        "enable-expert-parallel": True,
        "enable-prefix-caching": False,
        "gpu-memory-utilization": 0.8,
        "kv-cache-dtype": "fp8",
        "max-model-len": 32768,
        "max-num-queued-reqs": 128,
        "max-num-seqs": 64,
        "model": "/srv/coder",
        "quantization": "fp8",
        "reasoning-parser": "qwen3",
        "served-model-name": ["coder"],
        "shutdown-timeout": 120,
        "tensor-parallel-size": 2,
        "tool-call-parser": "hermes",
        "trust-remote-code": True,
        "uds": "/run/ai-backend/vllm@coder/http.sock",
    }
    assert (found["devices"], found["files"], found["share"]) == ("2,3", ["/srv/chat.jinja"], 0.0)
    assert found["stop_seconds"] == 120


def test_requests_load_nothing_from_elsewhere_unless_the_registry_names_it(config: Callable[..., Raw]) -> None:
    flags = config(options={"media_domains": "images.example.org"})["flags"]
    assert flags["allowed-media-domains"] == ["images.example.org"]


def test_adapters_are_models_with_a_base(planned_rows: Callable[..., list[Raw]]) -> None:
    adapters = [{"name": f"sql-{n}", "base": "coder", "path": f"/srv/sql-{n}"} for n in (1, 2)]
    (row,) = planned_rows(coder={"models": [*adapters, MODEL], "options": {"max_lora_rank": 64}})
    flags = row["config"]["flags"]
    assert row["config"]["models"] == ["coder", "sql-1", "sql-2"]
    assert flags["served-model-name"] == ["coder"]
    assert flags["lora-modules"] == ["sql-1=/srv/sql-1", "sql-2=/srv/sql-2"]
    assert (flags["enable-lora"], flags["max-loras"], flags["max-lora-rank"]) == (True, 2, 64)
    assert row["config"]["folders"][1]["needs"] == "/srv/sql-1/adapter_config.json"


def test_any_other_name_means_the_model_and_no_adapter(raw: Callable[..., Raw]) -> None:
    models = [{"name": "sql", "base": "coder", "path": "/srv/sql"}, MODEL]
    registry = {**raw(coder={"models": models}), "routing": {"patterns": {"qwen*": "coder"}}}
    assert [[target.model for target in level] for level in load(registry).routes.sequence("qwen*")] == [["coder"]]


@pytest.mark.parametrize(
    ("keys", "abilities", "kind"),
    [
        ({}, ["audio", "chat", "completion", "vision"], "chat"),
        ({"options": {"tool_call_parser": "hermes"}}, ["audio", "chat", "completion", "tools", "vision"], "chat"),
        ({"options": {"runner": "pooling"}}, ["embedding"], "embedding"),
        ({"options": {"pooling": "mean"}}, ["embedding"], "embedding"),
        ({"options": {"convert": "classify"}}, ["rerank"], "rerank"),
        ({"models": [{**MODEL, "abilities": "embedding"}]}, ["embedding"], "embedding"),
        ({"models": [{**MODEL, "abilities": "transcription"}]}, ["transcription"], ""),
    ],
)
def test_what_it_can_do_follows_from_how_it_is_started(
    config: Callable[..., Raw], keys: Raw, abilities: list[str], kind: str
) -> None:
    models = keys.get("models", [MODEL])
    server = Vllm.model_validate({"type": "vllm", "hosts": "vllm", "models": models, **keys})
    found = config(**keys)
    assert server.abilities(server.served) == abilities
    assert found["proof"]["kind"] == kind
    assert (found["flags"].get("runner") == "pooling") == (kind in ("embedding", "rerank"))


def test_pooling_is_what_vllm_calls_a_pooler(config: Callable[..., Raw]) -> None:
    assert config(options={"pooling": "last"})["flags"]["pooler-config"] == {"pooling_type": "LAST"}


@pytest.mark.parametrize(("size", "seconds"), [(None, 300), ("7B", 370), ("70B", 1000)])
def test_a_large_model_gets_the_time_to_load(config: Callable[..., Raw], size: str | None, seconds: int) -> None:
    model = MODEL if size is None else {**MODEL, "size": size}
    assert config(models=[model])["start_seconds"] == seconds


def test_servers_on_one_card_share_it_by_what_they_need(planned_rows: Callable[..., list[Raw]]) -> None:
    def shares(**servers: Raw) -> list[float]:
        return [row["config"]["share"] for row in planned_rows(**servers)]

    large, small = ({"models": [{**MODEL, "name": name, "size": size}]} for name, size in (("a", "14B"), ("b", "7B")))
    assert shares(a={}) == [0.92]
    assert shares(a={}, b={}) == [0.46, 0.46]
    assert shares(a=large, b=small) == [0.61, 0.3]
    assert shares(a=large, b={}) == [0.46, 0.46]
    assert shares(a={}, b={"options": {"devices": [1]}}) == [0.92, 0.92]
    assert shares(a={}, b={"options": {"gpu_memory_utilization": 0.5}}) == [0.42, 0.0]
    assert shares(a={}, b={"options": {"kv_cache_memory_bytes": 1000}}) == [0.46, 0.0]
    assert shares(a={"options": {"tensor_parallel_size": 2}}, b={"options": {"devices": [1]}}) == [0.46, 0.46]


USES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        Use,
        st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True).map(tuple),
        st.none() | st.floats(0.01, 0.3),
        st.integers(0, 10**11),
    ),
)


@given(USES)
def test_no_card_is_given_out_twice(uses: dict[str, Use]) -> None:
    found = derived(uses)
    assert set(found) == {name for name, use in uses.items() if use.given is None}
    for card in range(4):
        taken = sum(use.given or 0 for use in uses.values() if card in use.cards)
        rest = sum(found[name] for name, use in uses.items() if card in use.cards and name in found)
        assert rest <= max(0.0, ALL - taken) + 1e-6


def test_more_than_all_of_a_card_is_refused_with_the_numbers(
    raw: Callable[..., Raw], wrong: Callable[..., str]
) -> None:
    share = {"options": {"gpu_memory_utilization": 0.6}}
    text = wrong(raw(a=share, b=share), GROUPS)
    assert "a.options.gpu_memory_utilization: the shares of card 0 on host 'one' are more than all of it" in text
    assert "'a' 0.6 + 'b' 0.6 = 1.2 → write smaller ones, or leave them out" in text
    full = {"options": {"gpu_memory_utilization": 0.95}}
    assert "b.options: no memory of its card is left on host 'one'" in wrong(raw(a=full, b={}), GROUPS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"port": 8001}, "it listens on a socket; the edge publishes it"),
        ({"api_key": "x"}, "the deployment generates the engine's key"),
        ({"max_model_len": 4096}, "write `context_length` of the model"),
        ({"served_model_name": "x"}, "the model's `name` is its name"),
        ({"lora_modules": ["a=/b"]}, "write an entry of `models:` with `base:`"),
        ({"swap_space": 4}, "vLLM has no such option any more"),
        ({"tensor_paralel_size": 2}, "did you mean 'tensor_parallel_size'?"),
        ({"enable_auto_tool_choice": True}, "needs a parser → write tool_call_parser"),
        ({"kv_cache_memory_bytes": 1, "gpu_memory_utilization": 0.5}, "exclude each other"),
        ({"tensor_parallel_size": 2, "devices": [0]}, "devices has 1 cards"),
        ({"devices": [0, 0]}, "devices has a card twice"),
        ({"runner": "generate", "pooling": "mean"}, "pooling need `runner: pooling`"),
        ({"runner": "pooling", "tool_call_parser": "hermes"}, "answers no chat"),
        ({"gpu_memory_utilization": 1.2}, "gpu_memory_utilization"),
        ({"max_loras": 2}, "options has max_loras, but no model has `base`"),
        ({"chat_template": "/root/x.jinja"}, "cannot see"),
        ({"media_domains": "https://x"}, "is not a list of hosts"),
        ({"max_lora_rank": 7}, "max_lora_rank"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_the_way_out(
    refused: Callable[..., str], options: Raw, words: str
) -> None:
    assert words in refused(options=options)


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("host", "the edge publishes it"),
        ("--Port", "the edge publishes it"),
        ("ssl-keyfile", "the edge publishes it"),
        ("api_key", "the deployment generates the engine's key"),
        ("middleware", "it would run code that no lock names"),
        ("tool-parser-plugin", "it would run code that no lock names"),
        ("tool-server", "it runs code that models write"),
        ("allowed-local-media-path", "requests could read files of the host"),
        ("trust-remote-code", "write options.trust_remote_code"),
        ("no-enable-prefix-caching", "write options.enable_prefix_caching"),
        ("nnodes", "an instance runs on one host"),
        ("enable-sleep-mode", "write `wake: on_request` at the provider: the server stops, and its memory is free"),
        ("a b", "has a name that is no flag"),
        ("hf-token", "write `hf_repo`"),
    ],
)
def test_a_flag_that_is_not_the_users_is_refused_with_the_reason(
    refused: Callable[..., str], flag: str, words: str
) -> None:
    assert words in refused(extra={flag: True})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("VLLM_SERVER_DEV_MODE", "requests could change the server with it"),
        ("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "requests could change the server with it"),
        ("VLLM_API_KEY", "the deployment generates the engine's key"),
        ("VLLM_CPU_KVCACHE_SPACE", "write options.kv_cache_memory_bytes"),
        ("CUDA_VISIBLE_DEVICES", "write options.devices"),
        ("LD_PRELOAD", "is not a variable of vLLM"),
        ("HF_TOKEN", "is not a variable of vLLM"),
    ],
)
def test_a_variable_that_is_not_the_users_is_refused_with_the_reason(
    refused: Callable[..., str], name: str, words: str
) -> None:
    assert words in refused(environment={name: "1"})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"hf_repo": "a/b"}, "hf_repo and revision go together"),
        ({"hf_repo": "a/b", "revision": "main"}, "is not a commit, and what is behind another name changes"),
        ({"hf_repo": "a/b", "revision": COMMIT, "path": "/x"}, "has path and hf_repo"),
        ({"hf_token": "HF_TOKEN"}, "has hf_token without hf_repo"),
        ({"path": "/srv/m.gguf"}, "path is a file → vLLM serves folders"),
        ({"path": "/home/me/m"}, "cannot see"),
        ({"url": "https://x/m.gguf"}, "vLLM serves folders"),
        ({"max_model_len": 4096}, "write `context_length`"),
        ({"lora": "/x"}, "write an entry of its own for each adapter"),
        ({"tensor_parallel_size": 2}, "write it in `options` of the provider"),
        ({"options": {"max_num_seqs": 2}}, "write it in `options` of the provider"),
        ({"abilities": ["chat", "embedding"]}, "can't answer with text and with vectors"),
    ],
)
def test_what_a_model_cannot_be_is_refused(refused: Callable[..., str], model: Raw, words: str) -> None:
    assert words in refused(models=[{"name": "coder", **model}])


def test_it_serves_one_model(refused: Callable[..., str]) -> None:
    assert "models has 2 entries without `base`" in refused(models=["a", "b"])
    assert "models has 0 entries without `base`" in refused(models=[])
    adapter = {"name": "sql", "base": "codr", "path": "/x"}
    assert "'sql' has the base 'codr', which is not its model → did you mean 'coder'?" in refused(
        models=[MODEL, adapter]
    )


def test_options_and_abilities_mean_the_same_server(refused: Callable[..., str]) -> None:
    vectors, text = ({**MODEL, "abilities": [word]} for word in ("embedding", "chat"))
    assert "abilities asks for vectors, options for text" in refused(models=[vectors], options={"runner": "generate"})
    assert "abilities asks for text, options for vectors" in refused(models=[text], options={"runner": "pooling"})


def test_a_token_is_a_secret_that_must_be_there(raw: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    model = {"name": "coder", "hf_repo": "a/b", "revision": COMMIT, "hf_token": "HF_READ"}
    assert "ai_backend_secrets.HF_READ: has no value, 'coder' needs it" in wrong(raw(coder={"models": [model]}), GROUPS)


def test_keys_of_a_managed_one_are_named_where_nothing_uses_them(lab: Callable[..., Raw], planned: Any) -> None:
    raw = lab()
    raw["providers"]["vllm"] |= {"models": [{"name": "m", "path": "/x"}, "n"], "options": {"seed": 1}}
    (line,) = [line for line in planned(raw)["warnings"] if "are used only if" in line]
    assert "options of the provider, path are used only if `managed` is true" in line


def test_a_lock_for_rocm_is_the_users_own() -> None:
    (finding,) = Vllm.check_host("one", {"vllm_backend": "rocm"}, {"vllm"})
    assert str(finding).startswith("vllm_lock: is empty, and the collection has no lock for ROCm")
    assert not list(Vllm.check_host("one", {"vllm_backend": "rocm", "vllm_lock": "/x.lock"}, {"vllm"}))
    assert not list(Vllm.check_host("one", {}, {"vllm"}))


def test_what_it_has_in_memory_is_read_from_the_folder_of_its_model(
    raw: Callable[..., Raw], planned: Callable[..., Raw]
) -> None:
    adapters = [{**MODEL, "name": "coder"}, {"name": "sql", "base": "coder", "path": "/srv/sql"}]
    keys = {"models": adapters, "options": {"devices": [1], "kv_cache_dtype": "fp8", "cpu_offload_gb": 4}}
    host = planned(raw(coder=keys), GROUPS)["hosts"]["one"]
    (engine,) = (engine for engine in host["in_memory"] if engine["provider"] == "coder")
    assert (engine["card"], engine["spills"]) == (1, True)
    assert [(one["model"], one["file"], one["cache_bits"]) for one in engine["models"]] == [
        ("coder", "/srv/coder", [8.0, 8.0])
    ]
    assert "/srv/coder" in host["model_files"]


def test_on_several_cards_all_of_them_count(raw: Callable[..., Raw], planned: Callable[..., Raw]) -> None:
    host = planned(raw(coder={"options": {"tensor_parallel_size": 2}}), GROUPS)["hosts"]["one"]
    assert [engine["card"] for engine in host["in_memory"] if engine["provider"] == "coder"] == [-1]
