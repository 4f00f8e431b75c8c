# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_monitoring`: what is read, asked and told follows from the registry, on one host and on several."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan, rows

Raw = dict[str, Any]
ON: Raw = {"enabled": True}
ONE = {"gateway": ["a"], "redis": ["a"], "engines": ["a"]}
SEVERAL = {"gateway": ["a", "b"], "redis": ["b"], "engines": ["b", "c"]}
ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}
TINY: Raw = {"type": "llama_cpp", "hosts": "engines", "models": [{"name": "tiny", "source": "tiny"}]}


def plan(groups: Raw, monitoring: Raw | None = None, **providers: Raw) -> Raw:
    ports = {name: 8080 + number for number, name in enumerate(sorted({"tiny": TINY, **providers}))}
    raw = {
        "providers": {"tiny": TINY, **providers},
        "ports": {"services": ports},
        "monitoring": ON if monitoring is None else monitoring,
        "secrets": {"SLACK_URL": "https://hooks.example.com/T0"},
    }
    return make_plan(load(raw), groups, ADDRESSES)


def jobs(made: Raw, host: str = "a") -> dict[str, list[Raw]]:
    """{job: its static configs}."""
    config = yaml.safe_load(config_of(made, host, "prometheus")["config"])
    return {job["job_name"]: job["static_configs"] for job in config["scrape_configs"]}


def services(made: Raw, host: str) -> list[str]:
    return [row["service"] for row in made["hosts"][host]["services"]]


def test_it_is_off_by_default() -> None:
    made = plan(ONE, {})
    assert services(made, "a") == ["edge", "llama-cpp", "redis", "litellm"]
    assert config_of(made, "a", "edge")["metrics"] == []


def test_the_port_of_the_edges_measurements_is_the_edges() -> None:
    """`ports` and the live checks took it for a port that the edge had taken from another service."""
    (section,) = [one for one in plan(ONE)["hosts"]["a"]["published"] if one["kind"] == "metrics"]
    assert (section["port"], section["addresses"]) == (9101, ["127.0.0.2"])


def test_it_comes_after_everything_that_it_looks_at() -> None:
    found = services(plan(ONE), "a")
    assert found.index("litellm") < min(found.index(name) for name in ("prometheus", "alertmanager", "exporter"))


def test_each_host_has_exporters_and_one_host_the_rest() -> None:
    made = plan(SEVERAL)
    assert {"prometheus", "alertmanager", "blackbox-exporter"} <= set(services(made, "a"))
    for host in "bc":
        assert {"node-exporter", "exporter"} <= set(services(made, host))
        assert not {"prometheus", "alertmanager", "blackbox-exporter"} & set(services(made, host))
    assert [host for host in "abc" if rows(made, host, "redis-exporter")] == ["b"]


def test_what_runs_elsewhere_is_read_through_the_edges() -> None:
    made = plan(SEVERAL)
    relayed = {(section["host"], section["port"]) for section in made["hosts"]["a"]["published"] if section.get("host")}
    for job, port in (("node", 9100), ("ai-backend", 9180), ("edge", 9101)):
        for entry in jobs(made)[job]:
            host, address = entry["labels"]["host"], entry["targets"][0].rpartition(":")[0]
            assert address.startswith("127.0.0.") == (host == "a")
            assert ((host, port) in relayed) == (host != "a")


def test_other_gateways_do_not_reach_exporters() -> None:
    sections = plan(SEVERAL)["hosts"]["b"]["published"]
    assert not [one for one in sections if one.get("kind") == "relay" and one["port"] in (9100, 9101, 9180, 9121)]


def test_a_provider_that_is_added_is_read_and_asked_without_another_edit() -> None:
    before, after = plan(ONE), plan(ONE, second={**TINY, "models": [{"name": "second", "source": "tiny"}]})
    for job in ("llama-cpp", "probe", "models", "question"):
        assert len(jobs(after)[job]) == len(jobs(before)[job]) + 1


def test_the_edge_lets_through_what_is_read() -> None:
    """vLLM has paths without a key, so its edge offers few."""
    coder = {"type": "vllm", "hosts": "engines", "models": [{"name": "coder", "path": "/srv/coder"}]}
    made = plan(ONE, coder=coder)
    (section,) = [one for one in made["hosts"]["a"]["published"] if one["name"] == "coder"]
    assert jobs(made)["vllm"]
    assert "/metrics" in section["paths"]


def test_an_engine_that_sleeps_is_neither_asked_nor_probed() -> None:
    """Its measurements are looked at: the edge answers 503 for it, and wakes nobody."""
    sleepy = {**TINY, "wake": "on_request", "models": [{"name": "sleepy", "source": "tiny"}]}
    found = jobs(plan(ONE, sleepy=sleepy))
    for job in ("probe", "models", "question"):
        assert "sleepy" not in json.dumps(found[job])
    assert "sleepy" in json.dumps(found["llama-cpp"])


def test_a_server_of_many_models_is_looked_at_without_loading_one() -> None:
    many = {**TINY, "models": [{"name": "one", "source": "tiny"}, {"name": "two", "source": "tiny"}]}
    found = jobs(plan(ONE, many=many))
    looks = [entry["labels"] for entry in found["llama-cpp"] if entry["labels"]["provider"] == "many"]
    assert [(look["__param_model"], look["__param_autoload"]) for look in looks] == [("one", "false"), ("two", "false")]
    assert not any(entry["labels"]["model"] in ("one", "two") for entry in found["question"])


def test_questions_can_be_off() -> None:
    assert "question" not in jobs(plan(ONE, {**ON, "questions": False}))


def test_secrets_are_files_and_never_in_a_configuration() -> None:
    receivers = {"team": {"type": "slack", "secret": "SLACK_URL", "channel": "#gpu"}}  # pragma: allowlist secret
    made = plan(ONE, {**ON, "receivers": receivers})
    (row,) = rows(made, "a", "alertmanager")
    assert row["secrets"] == {"alertmanager-team.key": {"key": "SLACK_URL"}}
    assert "hooks.example.com" not in json.dumps(made)


def test_a_receiver_whose_secret_has_no_value_is_an_error() -> None:
    receivers = {"team": {"type": "slack", "secret": "OTHER", "channel": "#gpu"}}  # pragma: allowlist secret
    with pytest.raises(RegistryError, match="the receiver 'team' needs it"):
        plan(ONE, {**ON, "receivers": receivers})


def test_another_prometheus_may_do_it() -> None:
    found = services(plan(ONE, {**ON, "prometheus": {"managed": False}}), "a")
    assert not {"prometheus", "alertmanager"} & set(found)
    assert {"node-exporter", "exporter", "blackbox-exporter"} <= set(found)


def test_another_alertmanager_gets_the_same_rules_that_silence_consequences() -> None:
    own = yaml.safe_load(config_of(plan(ONE), "a", "alertmanager")["config"])
    files = plan(ONE, {**ON, "prometheus": {"managed": False}})["hosts"]["a"]["for_another_prometheus"]
    assert yaml.safe_load(files["inhibit_rules.yml"]) == {"inhibit_rules": own["inhibit_rules"]}


def test_its_client_is_one_of_the_gateway() -> None:
    (row,) = rows(plan(ONE), "a", "litellm")
    assert row["config"]["clients"]["clients"]["monitoring"]["more_keys"] == ["AI_BACKEND_MONITORING_KEY"]
    assert "AI_BACKEND_MONITORING_KEY" in row["secrets"]["litellm.env"]


def test_grafana_is_a_page_of_the_edge_and_asks_for_its_password() -> None:
    made = plan(ONE, {**ON, "grafana": {"enabled": True}, "loki": {"enabled": True}})
    (page,) = config_of(made, "a", "edge")["pages"]
    assert (page["name"], page["port"]) == ("grafana", 3000)
    assert {"grafana", "loki", "alloy"} <= set(services(made, "a"))
    (row,) = rows(made, "a", "grafana")
    assert row["secrets"] == {"grafana-admin.key": {"key": "AI_BACKEND_GRAFANA_PASSWORD"}}


def test_each_host_ships_its_lines_to_the_one_loki() -> None:
    made = plan(SEVERAL, {**ON, "loki": {"enabled": True}})
    assert [host for host in "abc" if rows(made, host, "loki")] == ["a"]
    assert config_of(made, "a", "alloy")["loki"] == "http://127.0.0.1:3100/loki/api/v1/push"
    for host in "bc":
        (relay,) = [one for one in made["hosts"][host]["published"] if one["name"] == "a:loki"]
        assert config_of(made, host, "alloy")["loki"] == f"http://{relay['addresses'][0]}:3100/loki/api/v1/push"
    assert [bool(config_of(made, host, "alloy")["record"]) for host in "abc"] == [True, True, False], (
        "gateways write one"
    )
    assert {entry["labels"]["host"] for entry in jobs(made)["alloy"]} == set("abc")


def test_other_hosts_bring_lines_to_loki_and_read_none() -> None:
    (section,) = [
        one
        for one in plan(SEVERAL, {**ON, "loki": {"enabled": True}})["hosts"]["a"]["published"]
        if one["name"] == "loki"
    ]
    assert section["paths"] == ["/loki/api/v1/push"]


def test_each_service_is_offered_to_those_alone_who_use_it() -> None:
    made = plan(SEVERAL, {**ON, "loki": {"enabled": True}})
    allowed = {
        host: {
            service["server_name"].partition(".")[0]: service["allow"]
            for one in made["hosts"][host]["published"]
            if one["kind"] == "fleet"
            for service in one["services"]
        }
        for host in "abc"
    }
    assert allowed["a"] == {"loki": ["10.0.0.2", "10.0.0.3"]}
    assert (allowed["b"]["redis"], allowed["b"]["node-exporter"]) == (["10.0.0.1"], ["10.0.0.1"])
    assert (allowed["c"]["tiny"], allowed["c"]["edge-metrics"]) == (["10.0.0.1", "10.0.0.2"], ["10.0.0.1"])


def test_two_hosts_of_its_group_are_an_error() -> None:
    with pytest.raises(RegistryError, match="one Prometheus measures all of them"):
        plan({**SEVERAL, "monitoring": ["a", "b"]})
