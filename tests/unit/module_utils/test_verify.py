# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proof that monitoring works: what answers of its parts mean, and what is asked of them."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.verified import (
    EXCEPTED,
    FAILED,
    OK,
    Line,
    Sent,
    dashboard_lines,
    delivery_lines,
    kinds_of,
    reasons,
    record_of,
    rule_lines,
    samples,
    sent,
    series_lines,
    target_lines,
)
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.verify import Verification, endpoint_of
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.asking import ProbeError


def target(health: str, **labels: str) -> dict[str, Any]:
    error = "connection refused" if health == "down" else ""
    return {"labels": {"job": "node", "instance": "gpu1:9100", **labels}, "health": health, "lastError": error}


def test_targets_that_are_up_are_one_line() -> None:
    assert target_lines([target("up"), target("up", job="redis")], []) == [Line("targets", "2 of 2 are up", OK)]


def test_a_target_that_is_down_is_named_with_its_cause() -> None:
    whole, line = target_lines([target("up"), target("down", job="redis", instance="gpu1:9121")], [])
    assert (whole.what, whole.result) == ("1 of 2 are up", FAILED)
    assert line == Line("target", "redis gpu1:9121", FAILED, "connection refused")


def test_an_engine_that_sleeps_is_excepted_by_name_on_its_own_host_alone() -> None:
    engine = target("down", job="llama-cpp", instance="gpu1:tiny", host="gpu1", provider="tiny")
    whole, line = target_lines([engine, target("up")], [("gpu1", "tiny")])
    assert whole.result == OK
    assert line == Line("target", "llama-cpp gpu1:tiny", EXCEPTED, "tiny is asleep")
    assert target_lines([engine], [("gpu2", "tiny"), ("gpu1", "other")])[1].result == FAILED


def test_a_prometheus_that_reads_nothing_is_wrong() -> None:
    assert target_lines([], []) == [Line("targets", "none", FAILED, "Prometheus reads nothing")]


def groups(*health: str) -> list[dict[str, Any]]:
    rules = [{"name": f"Rule{number}", "health": one, "lastError": ""} for number, one in enumerate(health)]
    return [{"name": "gateway", "rules": rules}]


def test_rules_are_evaluated_or_named() -> None:
    assert rule_lines(groups("ok", "ok")) == [Line("rules", "2 of 2 in 1 groups are evaluated", OK)]
    whole, line = rule_lines(groups("ok", "err"))
    assert (whole.result, line) == (FAILED, Line("rule", "gateway: Rule1", FAILED, "its health is err"))
    assert rule_lines([])[0].result == FAILED


def test_dashboards_are_loaded_or_named() -> None:
    wanted = {"a": "Overview", "b": "Hosts"}
    assert dashboard_lines(wanted, ["a", "b", "c"]) == [Line("dashboards", "2 of 2 are loaded", OK)]
    assert dashboard_lines(wanted, ["a"])[1] == Line("dashboard", "Hosts", FAILED, "Grafana has not loaded it")
    assert dashboard_lines({}, ["a"])[0].result == FAILED


def test_the_ten_largest_measurements_are_shown() -> None:
    counts = [{"name": f"m{number}", "value": 100 - number} for number in range(20)]
    lines = series_lines({"seriesCountByMetricName": counts})
    assert (len(lines), lines[0]) == (10, Line("series", "m0", OK, "100"))


METRICS = """# TYPE alertmanager_notification_requests_total counter
alertmanager_notification_requests_total{integration="webhook"} 7
alertmanager_notification_requests_total{integration="slack"} 2
alertmanager_notification_requests_failed_total{integration="webhook"} 3
alertmanager_notifications_failed_total{integration="slack",reason="other"} 1
alertmanager_notifications_failed_total{integration="slack",reason="clientError"} 1
go_goroutines 30
"""


def test_only_tries_that_arrived_count_as_sent() -> None:
    assert sent(METRICS) == Sent({"webhook": 4, "slack": 2}, {"slack": 2})
    assert samples(METRICS, "go_goroutines") == {(): 30}
    assert samples('x{a="b\\"}1",c="d"} 1e3', "x") == {(("a", 'b\\"}1'), ("c", "d")): 1000}


CONFIG = """global: {}
route:
  receiver: nobody
receivers:
- name: nobody
- name: "checks"
  webhook_configs:
  - send_resolved: true
    http_config: {}
- name: both
  slack_configs:
  - channel: '#x'
  email_configs:
  - to: a@example.com
templates: []
"""


def test_receivers_are_read_from_what_alertmanager_runs() -> None:
    assert kinds_of(CONFIG) == {"nobody": [], "checks": ["webhook"], "both": ["slack", "email"]}


NONE = Sent({}, {})


def test_an_alert_that_arrived_is_told_by_receiver() -> None:
    after = Sent({"webhook": 1, "slack": 1}, {})
    lines = delivery_lines({"a": ["webhook"], "b": ["slack"]}, NONE, after)
    assert lines == [Line("alert", "a (webhook)", OK, "it was told"), Line("alert", "b (slack)", OK, "it was told")]


@pytest.mark.parametrize(
    ("receivers", "after", "words"),
    [
        ({"a": ["webhook"]}, NONE, "nothing arrived"),
        ({"a": ["webhook"], "b": ["webhook"]}, Sent({"webhook": 1}, {}), "nothing arrived"),
        ({"a": ["webhook"]}, Sent({"webhook": 1}, {"webhook": 1}), "gave up"),
        ({"a": []}, NONE, "no way to be told"),
        ({"nobody": []}, NONE, "no receiver gets warnings"),
        ({}, NONE, "no receiver gets warnings"),
    ],
)
def test_an_alert_that_did_not_arrive_is_a_failure(receivers: dict[str, list[str]], after: Sent, words: str) -> None:
    lines = delivery_lines(receivers, NONE, after)
    assert {one.result for one in lines} == {FAILED}
    assert all(words in one.detail for one in lines)


def test_a_record_is_found_by_its_identifier_alone() -> None:
    lines = [
        '{"id": "other", "model": "verify-1"}',
        '{"id": "verify-1',
        '["verify-1"]',
        '{"id": "verify-1", "status": 200}',
    ]
    assert record_of(lines, "verify-1") == {"id": "verify-1", "status": 200}
    assert record_of(lines, "verify-2") is None


def test_reasons_name_each_failure_once() -> None:
    lines = target_lines([target("down"), target("up")], [])
    assert reasons("gpu1", lines) == ["gpu1: target node gpu1:9100: connection refused"]


def instance(layout: Layout, name: str, **manifest: Any) -> pathlib.Path:
    release = pathlib.Path(layout.release(name.partition("@")[0], "abc"))
    (release / "files").mkdir(parents=True)
    whole = {"ports": {}, "probes": [], "listener": "", "slots": [], "secrets": [], "stage": "x", **manifest}
    (release / "manifest.json").write_text(json.dumps(whole))
    os.makedirs(layout.instances, exist_ok=True)
    os.symlink(release, layout.instance(name))
    return release


EDGE = """
frontend gateway
    bind 192.0.2.1:4000 ssl crt /x alpn h2
"""


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (EDGE, "https://192.0.2.1:4000"),
        (EDGE.replace("192.0.2.1:4000 ssl crt /x alpn h2", "0.0.0.0:4000"), "http://127.0.0.1:4000"),
        (EDGE.replace("192.0.2.1:4000 ssl", "[::]:4000 v6only ssl"), "https://[::1]:4000"),
        ("frontend metrics\n    bind 127.0.0.2:9101\n", ""),
    ],
)
def test_the_endpoint_is_where_the_edge_listens(tmp_path: pathlib.Path, text: str, url: str) -> None:
    layout = Layout(str(tmp_path))
    (instance(layout, "edge") / "files" / "haproxy.cfg").write_text(text)
    assert endpoint_of(layout) == url


class Parts:
    """Prometheus, Alertmanager, exporter and endpoint of a host; each is what the test makes it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.health, self.posted, self.tries, self.recorded = "up", [], 0, 0
        self.delivers = self.records = True
        self.asleep: list[dict[str, Any]] = []

    def __call__(self, url: str, headers: Mapping[str, str], body: object) -> tuple[int, str]:
        path = url.partition("//")[2].partition("/")[2].partition("?")[0]
        name = "alertmanager" if ":9093" in url else "exporter" if ":9180" in url else ""
        return 200, json.dumps(found) if not isinstance(found := self.answer(name, path, headers, body), str) else found

    def answer(self, name: str, path: str, headers: Mapping[str, str], body: object) -> Any:
        if path == "metrics":
            return f"ai_backend_records_total {self.recorded}\n" if name == "exporter" else self.metrics()
        if path == "api/v2/alerts" and body is None:
            return [{"receivers": [{"name": "checks"}], "status": {"silencedBy": []}}]
        if path == "api/v2/alerts":
            self.posted.append(body)
            self.tries += 1
            return ""
        if path == "v1/models":
            return self.asked(headers)
        return {
            "api/v1/targets": {"data": {"activeTargets": [target(self.health, host="gpu1", provider="tiny")]}},
            "api/v1/rules": {"data": {"groups": groups("ok")}},
            "api/v1/query": {"data": {"result": self.asleep}},
            "api/v1/status/tsdb": {"data": {"seriesCountByMetricName": []}},
            "api/v2/status": {"config": {"original": CONFIG}},
        }[path]

    def metrics(self) -> str:
        lost = 0 if self.delivers else self.tries
        name = "alertmanager_notification_requests"
        return (
            f'{name}_total{{integration="webhook"}} {self.tries}\n{name}_failed_total{{integration="webhook"}} {lost}\n'
        )

    def asked(self, headers: Mapping[str, str]) -> Any:
        assert headers["Authorization"] == "Bearer sk-1"
        if self.records:
            self.recorded += 1
            line = {"id": headers["x-request-id"], "status": 200, "duration_ms": 3}
            pathlib.Path(self.layout.records).write_text(json.dumps(line) + "\n")
        return {}


@pytest.fixture
def parts(tmp_path: pathlib.Path) -> Parts:
    layout = Layout(str(tmp_path))
    for name, port in (("prometheus", 9090), ("alertmanager", 9093), ("exporter", 9180)):
        instance(layout, name, ports={name: port})
    (instance(layout, "edge") / "files" / "haproxy.cfg").write_text(EDGE)
    key = {"file": "litellm.env", "name": "LITELLM_MASTER_KEY"}
    instance(layout, "litellm@blue", slots=["blue", "green"], probes=[{"kind": "models", "key": key}])
    os.makedirs(layout.secrets)
    pathlib.Path(layout.secrets, "litellm.env").write_text('LITELLM_MASTER_KEY="sk-1"\n')
    pathlib.Path(layout.records).parent.mkdir(parents=True)
    return Parts(layout)


def verified(parts: Parts, send: bool = True) -> dict[str, str]:
    """{check: result}, the worst of each."""
    lines = Verification(parts.layout, "gpu1", 0, "", parts).lines(send)
    return {one.check: one.result for one in sorted(lines, key=lambda one: one.result == FAILED)}


def test_a_host_where_all_works(parts: Parts) -> None:
    assert verified(parts) == dict.fromkeys(["targets", "rules", "alert", "request", "record", "count"], OK)


def test_the_alert_is_ended_whatever_happens(parts: Parts) -> None:
    for parts.delivers in (True, False):
        parts.posted.clear()
        verified(parts)
        (begun,), (ended,) = parts.posted
        assert begun["labels"] == ended["labels"] and begun["labels"]["severity"] == "warning"
        assert begun["endsAt"] > ended["endsAt"]


def test_two_runs_have_two_alerts(parts: Parts) -> None:
    verified(parts), verified(parts)
    assert len({json.dumps(alert["labels"]) for (alert,) in parts.posted}) == 2


def test_every_part_that_does_not_work_is_found(parts: Parts) -> None:
    parts.health, parts.delivers, parts.records = "down", False, False
    found = verified(parts)
    assert {check for check, result in found.items() if result == FAILED} == {
        *("targets", "target", "alert", "record", "count")
    }


def test_a_sleeper_is_no_failure(parts: Parts) -> None:
    parts.health, parts.asleep = "down", [{"metric": {"host": "gpu1", "provider": "tiny"}}]
    assert (verified(parts)["targets"], verified(parts)["target"]) == (OK, EXCEPTED)


def test_a_part_that_does_not_answer_stops_no_other(parts: Parts) -> None:
    def asks(url: str, headers: Mapping[str, str], body: object) -> tuple[int, str]:
        if ":9090" in url:
            raise ProbeError("it does not answer")
        return (502, "") if ":9093" in url else parts(url, headers, body)

    lines = Verification(parts.layout, "gpu1", 0, "", asks).lines()
    assert [one.check for one in lines if one.result == FAILED] == ["targets", "alert"]
    assert [one.check for one in lines if one.result == OK] == ["request", "record", "count"]


def test_a_check_sends_nothing(parts: Parts) -> None:
    assert verified(parts, send=False) == {"targets": OK, "rules": OK}
    assert (parts.posted, parts.recorded) == ([], 0)


def test_a_host_without_monitoring_and_gateway_has_no_lines(tmp_path: pathlib.Path) -> None:
    assert Verification(Layout(str(tmp_path)), "gpu2", 0).lines() == []
