# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clients with names: what may be written, what is checked against the routes, and what the gateway gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.clients import Client, secret_of
from plans import config_of, rows

Raw = dict[str, Any]
Lab = Callable[..., Raw]
KEY = "k" * 32


def warnings(raw: Raw) -> list[str]:
    return [str(finding) for finding in load(raw).warnings if "lient" in str(finding)]


@pytest.mark.parametrize("clients", [None, {}])
def test_without_clients_everything_is_as_it_was(lab: Lab, planned: Callable[..., Raw], clients: object) -> None:
    plan = planned(lab(clients=clients))
    (row,) = rows(plan, "one", "litellm")
    assert row["config"]["clients"]["clients"] == {}
    assert [name for name in row["secrets"]["litellm.env"] if "CLIENT" in name] == []
    assert load(lab(clients=clients)).hash == load(lab()).hash


def test_the_gateway_gets_models_limits_and_a_key_for_each(lab: Lab, planned: Callable[..., Raw]) -> None:
    clients = {
        "open_webui": {
            "models": ["gpt-*", "lab-tiny"],
            "requests_per_minute": 60,
            "tokens_per_minute": 9,
            "parallel": 2,
        },
        "ci": None,
    }
    (row,) = rows(planned(lab(clients=clients)), "one", "litellm")
    assert "/v1/chat/completions" in row["config"]["clients"].pop("paths")
    assert row["config"]["clients"] == {
        "expose": False,
        "mcp": [],
        "clients": {
            "ci": {
                "models": None,
                "names": sorted(config_of(planned(lab()), "one", "litellm")["models"]),
                "requests": None,
                "tokens": None,
                "parallel": None,
                "mcp": [],
            },
            "open_webui": {
                "models": ["gpt-*", "lab-tiny"],
                "names": ["gpt-4o", "gpt-4o-mini", "lab-tiny"],
                "requests": 60,
                "tokens": 9,
                "parallel": 2,
                "mcp": [],
            },
        },
        "longest_seconds": 610,
        "redis": {"host": "127.0.0.2", "port": 6379, "db": 2, "username": "gateway"},
    }
    names = {"AI_BACKEND_CLIENT_CI", "AI_BACKEND_CLIENT_OPEN_WEBUI"}
    assert names <= set(row["secrets"]["litellm.env"])
    assert row["secrets"]["litellm.env"].keys() == set(row["secrets"]["litellm.env"].values())


def test_the_gateway_has_the_edges_paths(lab: Lab, planned: Callable[..., Raw]) -> None:
    """Else one of them would refuse what the other offers."""
    plan = planned(lab(gateway={"paths": ["/v1/files/", "/v1/batches"]}))
    edge = config_of(plan, "one", "edge")["gateway"]["paths"]
    offered = [*edge["exact"], *edge["below"], *edge["added_below"]]
    assert config_of(plan, "one", "litellm")["clients"]["paths"] == sorted(offered)


def test_without_a_cache_each_worker_counts_alone_and_that_is_reported(lab: Lab, planned: Callable[..., Raw]) -> None:
    raw = lab(clients={"ci": {"parallel": 1}, "free": {}}, cache={"enabled": False})
    assert config_of(planned(raw), "one", "litellm")["clients"]["redis"] is None
    (line,) = warnings(raw)
    assert line.startswith("ai_backend_clients.ci: has limits, but there is no Redis")


@pytest.mark.parametrize(
    ("clients", "line"),
    [
        ({"CI": {}}, "ai_backend_clients.CI: is not a client's name → use a-z, 0-9 and _"),
        ({"open-webui": {}}, "ai_backend_clients.open-webui: is not a client's name"),
        ({"master": {}}, "ai_backend_clients.master: is the name of another key of the gateway → use another name"),
        ({"ci_before": {}}, "ai_backend_clients.ci_before: is the name of another key of the gateway"),
        ({"ci": {"rpm": 1}}, "ai_backend_clients.ci.rpm: is not supported → write `requests_per_minute`"),
        ({"ci": {"modles": []}}, "ai_backend_clients.ci.modles: unknown key → did you mean 'models'?"),
        ({"ci": {"api_key": "x"}}, "ai_backend_clients.ci.api_key: is not supported → the deployment makes it"),
        ({"ci": {"parallel": 0}}, "ai_backend_clients.ci.parallel: "),
        ({"ci": {"requests_per_minute": "many"}}, "ai_backend_clients.ci.requests_per_minute: is not a whole number"),
        ({"ci": {"models": []}}, "ai_backend_clients.ci.models: is empty → name the models, or leave `models` out"),
        ({"ci": {"models": ["a b"]}}, "ai_backend_clients.ci.models: holds a name that is empty or has blanks"),
        ({"ci": {"models": ["gpt-4o-mni"]}}, "models[0]: no route answers 'gpt-4o-mni' → did you mean 'gpt-4o-mini'?"),
        ({"ci": {"models": ["gpt-4o", "claude-9*"]}}, "ai_backend_clients.ci.models[1]: no route answers 'claude-9*'"),
        ({"ci": 5}, "ai_backend_clients.ci: "),
        ([], "ai_backend_clients: is not a mapping"),
    ],
)
def test_what_is_wrong_is_said(lab: Lab, wrong: Callable[..., str], clients: object, line: str) -> None:
    assert line in wrong(lab(clients=clients))


def test_an_error_of_one_client_hides_no_other(lab: Lab, wrong: Callable[..., str]) -> None:
    text = wrong(lab(clients={"a": {"parallel": 0}, "b": {"models": ["nobody"]}}))
    assert "ai_backend_clients.a.parallel" in text
    assert "ai_backend_clients.b.models[0]" in text


def test_what_another_error_hides_is_not_reported(lab: Lab, wrong: Callable[..., str]) -> None:
    """The name may belong to the provider that cannot be read."""
    raw = lab(clients={"ci": {"models": ["new-model"]}})
    raw["providers"]["vllm"]["type"] = "vlm"
    assert "new-model" not in wrong(raw)


@pytest.mark.parametrize(
    "routing",
    [
        {"patterns": {"qwen*": "ollama"}},
        {"patterns": {"*-fine": "ollama"}},
        {"default_provider": "ollama"},
        {"exact_matches": {"qwen-fine": {"provider": "ollama", "backend_model": "llama3.1:8b"}}},
        {"capability_routing": {"qwen-fine": [{"provider": "ollama", "model": "llama3.1:8b"}]}},
    ],
)
def test_every_kind_of_route_answers(lab: Lab, routing: Raw) -> None:
    for name in ("qwen-fine", "qwen-f*"):
        assert warnings(lab(routing=routing, clients={"ci": {"models": [name]}})) == []


def test_a_name_that_only_a_pattern_answers_is_listed_as_it_is(lab: Lab, planned: Callable[..., Raw]) -> None:
    raw = lab(routing={"patterns": {"qwen*": "ollama"}}, clients={"ci": {"models": ["qwen-fine", "qwen2*"]}})
    names = config_of(planned(raw), "one", "litellm")["clients"]["clients"]["ci"]["names"]
    assert names == ["qwen-fine", "qwen2.5-coder:7b"]


def test_a_provider_can_be_disabled_without_a_change_of_the_clients(lab: Lab) -> None:
    (line,) = warnings(lab(clients={"ci": {"models": ["kimi-*"]}}))
    assert line.startswith("ai_backend_clients.ci.models[0]: 'kimi-*' is only at an inactive provider")


def test_a_key_without_its_client_is_reported(lab: Lab) -> None:
    secrets = {**lab()["secrets"], "AI_BACKEND_CLIENT_CL": KEY}
    (line,) = warnings(lab(clients={"ci": {}}, secrets=secrets))
    assert line.startswith("ai_backend_secrets.AI_BACKEND_CLIENT_CL: there is no client 'cl' → add `cl: {}`")
    assert KEY not in line


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"AI_BACKEND_CLIENT_CI": "short"}, "AI_BACKEND_CLIENT_CI: has less than 20 characters, so it can be guessed"),
        ({"AI_BACKEND_CLIENT_CI": KEY, "AI_BACKEND_CLIENT_UI": KEY}, "UI: has the same value as AI_BACKEND_CLIENT_CI"),
        ({"LITELLM_MASTER_KEY": KEY, "AI_BACKEND_CLIENT_CI": KEY}, "CI: has the same value as LITELLM_MASTER_KEY"),
    ],
)
def test_keys_that_protect_nothing_are_refused(
    lab: Lab, wrong: Callable[..., str], given: dict[str, str], line: str
) -> None:
    text = wrong(lab(clients={"ci": {}, "ui": {}}, secrets={**lab()["secrets"], **given}))
    assert line in text
    assert KEY not in text


def test_the_key_of_a_client_is_sent_to_no_provider(lab: Lab, wrong: Callable[..., str]) -> None:
    raw = lab(clients={"ci": {}})
    raw["providers"]["openai"]["env_var"] = "AI_BACKEND_CLIENT_CI"
    assert "env_var is a secret of the deployment, which must not be sent to a provider" in wrong(raw)


@pytest.mark.parametrize(
    ("pattern", "name", "allowed"),
    [
        ("qwen*", "qwen2.5", True),
        ("qwen*", "my-qwen", False),
        ("*-mini", "gpt-4o-mini", True),
        ("*-mini", "gpt-4o-mini-x", False),
        ("a.b", "axb", False),
        ("*", "anything", True),
        ("Qwen/*", "Qwen/Coder-AWQ", True),
    ],
)
def test_a_star_stands_for_any_text_and_both_ends_are_fixed(pattern: str, name: str, allowed: bool) -> None:
    assert Client.model_validate({"models": [pattern]}).may(name) is allowed


def test_a_client_without_models_may_ask_for_all_of_them() -> None:
    assert Client().may("anything")
    assert secret_of("open_webui") == "AI_BACKEND_CLIENT_OPEN_WEBUI"


def test_texts_are_kept_only_where_somebody_wrote_it_and_that_is_reported(
    lab: Lab, planned: Callable[..., Raw]
) -> None:
    raw = lab(clients={"ci": {"log_content": True}, "other": {}})
    (row,) = rows(planned(raw), "one", "litellm")
    clients = row["config"]["clients"]["clients"]
    assert clients["ci"]["log_content"] is True
    assert "log_content" not in clients["other"]
    (line,) = [line for line in warnings(raw) if "log_content" in line]
    assert line.startswith("ai_backend_clients.ci.log_content")
    assert "prompts and answers" in line


def test_records_are_written_unless_they_are_switched_off(lab: Lab, planned: Callable[..., Raw]) -> None:
    (row,) = rows(planned(lab(monitoring={"requests": {"file_megabytes": 2, "files": 3}})), "one", "litellm")
    assert row["config"]["records"] == {
        "file": "/var/log/ai-backend/requests.jsonl",
        "slow_seconds": 5,
        "file_bytes": 2_000_000,
        "files": 3,
    }
    (row,) = rows(planned(lab(monitoring={"requests": {"enabled": False}})), "one", "litellm")
    assert row["config"]["records"] is None
