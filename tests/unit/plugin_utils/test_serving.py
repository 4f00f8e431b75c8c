"""What listens elsewhere than the plan has it: the edge asks it there until it is switched."""

from __future__ import annotations

from typing import Any

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.serving import elsewhere

SLOT, ENGINE, CACHE = "litellm@blue", "llama-cpp@fast", "redis"
PLACES = {
    SLOT: "unix@/run/ai-backend/litellm@blue/http.sock",
    ENGINE: "unix@/run/ai-backend/llama-cpp@fast/http.sock",
    CACHE: "unix@/run/ai-backend/redis/redis.sock",
}


def edge(gateway: bool = True) -> dict[str, Any]:
    relay = {"kind": "relay", "name": "gpu2:fast", "to": "10.0.0.2:4443"}
    return {
        "gateway": {"service": "litellm", "slots": {"blue": PLACES[SLOT], "green": "unix@/g"}} if gateway else None,
        "published": [relay, *({"instance": name, "to": PLACES[name]} for name in (ENGINE, CACHE))],
    }


def test_on_a_host_as_planned_there_is_nothing() -> None:
    assert elsewhere(PLACES, edge()) == {}
    assert elsewhere({ENGINE: PLACES[ENGINE]}, edge(gateway=False)) == {}


def test_what_an_older_release_has_on_a_port_is_named() -> None:
    old = {SLOT: "127.0.0.1:4001", ENGINE: "127.0.0.1:8080", CACHE: "127.0.0.1:6379"}
    assert elsewhere(old, edge()) == old
    assert elsewhere({**PLACES, ENGINE: "127.0.0.1:8080"}, edge()) == {ENGINE: "127.0.0.1:8080"}


def test_what_the_plan_no_longer_contains_is_not() -> None:
    assert elsewhere({**PLACES, "ollama@gone": "127.0.0.1:11434"}, edge()) == {}


def test_where_a_request_wakes_an_engine_is_never_looked_at() -> None:
    """HAProxy's checks of the places of before woke the engines of a group, one for the other, without end."""
    old = {**PLACES, ENGINE: f"unix@{Layout().wake_socket(ENGINE)}"}
    assert elsewhere(old, edge()) == {}
