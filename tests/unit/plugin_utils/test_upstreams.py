# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway's host asks its providers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Raw = dict[str, Any]
Plan = Callable[..., Raw]
APART = {"gateway": ["gw"], "redis": ["cache"], "llama_cpp": ["gpu", "gw"]}
ADDRESSES = {"gw": "10.0.0.1", "cache": "10.0.0.3", "gpu": "10.0.0.4"}


def of_one(plan: Raw, host: str = "one") -> dict[str, Raw]:
    return {row["provider"]: row for row in plan["hosts"][host]["upstreams"]}


def test_each_active_provider_is_asked_where_the_gateway_sees_it(lab: Callable[..., Raw], planned: Plan) -> None:
    rows = of_one(planned(lab()))
    assert {name: (row["health"], row["models_url"]) for name, row in rows.items()} == {
        "native": ("http://127.0.0.2:8080/health", "http://127.0.0.2:8080/v1/models"),
        "python": ("http://127.0.0.1:8000/v1/models", "http://127.0.0.1:8000/v1/models"),
        "ollama": ("http://127.0.0.1:11434/api/version", "http://127.0.0.1:11434/api/tags"),
        "vllm": ("http://10.0.0.9:8001/health", "http://10.0.0.9:8001/v1/models"),
        "openai": ("https://api.openai.com/v1/models", "https://api.openai.com/v1/models"),
        "anthropic": ("https://api.anthropic.com/v1/models", "https://api.anthropic.com/v1/models"),
    }
    assert {name: row["key"] for name, row in rows.items() if row["key"]} == {
        "native": "AI_BACKEND_ENGINE_KEY",
        "openai": "OPENAI_API_KEY",
        "anthropic": "ANTHROPIC_API_KEY",
    }
    assert {name for name, row in rows.items() if row["managed"]} == {"native"}


def test_models_carry_their_place_in_the_registry(lab: Callable[..., Raw], planned: Plan) -> None:
    assert of_one(planned(lab()))["ollama"]["models"] == [
        {"name": "llama3.1:8b", "path": "ai_backend_providers.ollama.models[0]"},
        {"name": "qwen2.5-coder:7b", "path": "ai_backend_providers.ollama.models[1]"},
    ]


@pytest.mark.parametrize(
    ("change", "health"),
    [
        ({"health_endpoint": "/api/tags"}, "http://127.0.0.1:11434/api/tags"),
        ({"base_url": "http://127.0.0.1:11434/v1"}, "http://127.0.0.1:11434/api/version"),
        ({"base_url": "http://10.0.0.9/ollama"}, "http://10.0.0.9/ollama/api/version"),
    ],
)
def test_the_registrys_path_wins_over_that_of_the_kind(
    lab: Callable[..., Raw], planned: Plan, change: Raw, health: str
) -> None:
    raw = lab()
    raw["providers"]["ollama"] |= change
    assert of_one(planned(raw))["ollama"]["health"] == health


def test_the_path_may_stand_at_the_port_too(lab: Callable[..., Raw], planned: Plan) -> None:
    raw = lab(ports={"services": {"native": {"port": 8080, "health": "/ready"}}})
    assert of_one(planned(raw))["native"]["health"] == "http://127.0.0.2:8080/ready"
    raw["providers"]["native"]["health_endpoint"] = "/health"
    assert of_one(planned(raw))["native"]["health"] == "http://127.0.0.2:8080/health"


def test_an_api_below_a_path_keeps_it(lab: Callable[..., Raw], planned: Plan) -> None:
    raw = lab()
    raw["providers"]["other"] |= {"status": "active", "base_url": "https://llm.example.com/api/v1"}
    assert of_one(planned(raw))["other"]["models_url"] == "https://llm.example.com/api/v1/models"


def test_ollamas_cloud_is_well_when_it_lists_its_models(lab: Callable[..., Raw], planned: Plan) -> None:
    raw = lab(secrets={"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b", "OLLAMA_API_KEY": "c"})
    raw["providers"]["cloud"]["status"] = "active"
    row = of_one(planned(raw))["cloud"]
    assert row["health"] == row["models_url"] == "https://ollama.com/api/tags"
    assert row["key"] == "OLLAMA_API_KEY"


def test_ports_of_this_machine_that_others_listen_on_are_known(lab: Callable[..., Raw], planned: Plan) -> None:
    rows = of_one(planned(lab()))
    assert {name: row["local_port"] for name, row in rows.items() if row["local_port"]} == {
        "ollama": 11434,
        "python": 8000,
    }


def test_an_engine_on_two_hosts_is_asked_on_both(lab: Callable[..., Raw], planned: Plan) -> None:
    plan = planned(lab(), APART, ADDRESSES)
    found = [(row["host"], row["health"]) for row in plan["hosts"]["gw"]["upstreams"] if row["provider"] == "native"]
    assert found == [("gpu", "http://127.69.186.81:8080/health"), ("gw", "http://127.0.0.2:8080/health")]
    assert plan["hosts"]["gpu"]["upstreams"] == []


def test_a_gateway_knows_where_its_cache_is_and_no_other_host_does(lab: Callable[..., Raw], planned: Plan) -> None:
    plan = planned(lab(), APART, ADDRESSES)
    assert plan["hosts"]["gw"]["cache"] == {
        "host": "cache",
        "unit": "ai-backend-redis.service",
        "address": "127.94.206.224",
        "port": 6379,
        "user": "gateway",
    }
    assert plan["hosts"]["cache"]["cache"] is None
    redis = {"host": "one", "unit": "ai-backend-redis.service", "address": "127.0.0.2", "port": 6379, "user": "gateway"}
    assert planned(lab())["hosts"]["one"]["cache"] == redis
    assert planned(lab(cache={"enabled": False}))["hosts"]["one"]["cache"] is None


def test_an_active_provider_that_nothing_routes_to_needs_no_address(lab: Callable[..., Raw], planned: Plan) -> None:
    raw = lab()
    raw["providers"]["spare"] = {"type": "vllm", "hosts": "llama_cpp", "managed": False}
    raw["ports"]["services"]["spare"] = 8005
    groups = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one", "two"]}
    raw["providers"]["native"] |= {"hosts": None, "base_url": "http://127.0.0.1:8080"}
    assert [row["host"] for row in planned(raw, groups)["hosts"]["one"]["upstreams"] if row["provider"] == "spare"] == [
        "one"
    ]
