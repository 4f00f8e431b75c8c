"""Every expression of a panel and of a rule has data on a host with traffic: one that is renamed is found here."""

import json
import re

import pytest
import yaml
from fleet import PROJECT, play, wait

DASHBOARDS = sorted((PROJECT / "roles/grafana/files/dashboards").glob("*.json"))
ALERTS = sorted((PROJECT / "plugins/plugin_utils/monitoring/alerts").glob("*.yml"))
# What this host has none of, and what only a fault gives. The series before `{` or the first blank is what is named.
WITHOUT_DATA = {
    "ai_backend_card_memory_used_bytes": "no card",
    "ai_backend_card_memory_total_bytes": "no card",
    "ai_backend_card_temperature_celsius": "no card",
    "ai_backend_card_utilization_ratio": "no card",
    "ai_backend_cards_readable": "no card",
    "ai_backend_client_cost_dollars_total": "no prices",
    "ai_backend_cost_dollars_total": "no prices",
    "ai_backend_fallbacks_total": "no failure",
    "ai_backend_ollama_model_memory_bytes": "no Ollama",
    "ai_backend_refused_timestamp_seconds": "no failure",
    'ai_backend_client_requests_total{status=""': "no client over its limit",
    "ai_backend_unit_memory_bytes": "no memory controller in the container",
    "probe_ssl_earliest_cert_expiry": "no certificate",
    "vllm:num_requests_running": "no vLLM",
    "vllm:num_requests_waiting": "no vLLM",
}


def panels():
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                if panel["datasource"]["type"] == "prometheus":
                    yield pytest.param(target["expr"], id=f"{path.stem}-{panel['title']}")


def texts_out_of(expression):
    return re.sub(r'"[^"]*"', '""', expression)


def measured(expression):
    """The measurements of an expression. A variable stands for any text, but not for none."""
    words = set(re.findall(r"\b([a-zA-Z_:][a-zA-Z0-9_:]*)\b(?=\{|\[| |\)|$)", texts_out_of(expression)))
    return {word for word in words if "_" in word and word not in ("histogram_quantile", "count_values")}


def filled(expression):
    found = expression.replace("$__rate_interval", "1m").replace("$__interval", "1m")
    return re.sub(r"\$\{?(host|model|provider)\}?", ".+", found)


def has_data(watch, expression):
    missing = {name for name in WITHOUT_DATA if name in measured(expression) or name in texts_out_of(expression)}
    if missing:
        return f"has data, although there is {WITHOUT_DATA[min(missing)]}" if watch.query(filled(expression)) else ""
    return "" if watch.query(filled(expression)) else "has no data"


def test_everything_that_is_measured_answers(watch):
    # An engine that sleeps answers nothing, and is in no alert.
    awake = lambda: [one for one in watch.targets() if one["labels"].get("provider") != "sleepy"]  # noqa: E731
    wait(lambda: all(target["health"] == "up" for target in awake()), 150)
    jobs = {target["labels"]["job"] for target in watch.targets()}
    assert jobs >= {
        "ai-backend",
        "alertmanager",
        "edge",
        "llama-cpp",
        "node",
        "probe",
        "prometheus",
        "question",
        "redis",
    }
    assert {target["labels"].get("host") for target in watch.targets()} == {"gpu1"}


@pytest.fixture(scope="module")
def measured_for_a_while(watch):
    """A rate needs two looks at a series, and a rule is evaluated after them."""
    wait(lambda: watch.query("ai_backend:speed:bad_ratio_5m"), 120)
    wait(lambda: watch.query("rate(ai_backend_first_token_seconds_count[1m]) > 0"), 60)


@pytest.mark.parametrize("expression", panels())
@pytest.mark.usefixtures("measured_for_a_while")
def test_a_panel_has_data(watch, expression):
    """What is looked at once a minute may be a minute late."""
    wait(lambda: has_data(watch, expression) == "", 60)


@pytest.mark.parametrize("path", ALERTS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("measured_for_a_while")
def test_what_alerts_look_at_has_data(watch, path):
    """An alert itself has no value while all is well, so each measurement of it is asked for."""
    lacking = [
        f"{alert['name']}: {name}"
        for alert in yaml.safe_load(path.read_text())
        for name in sorted(measured(alert["when"]))
        if name not in WITHOUT_DATA
        and not name.startswith(("availability_", "speed_", "first_token", "waiting_"))
        and not watch.query(name)
    ]
    assert lacking == []


def test_rules_are_evaluated(watch):
    groups = watch.get("http://127.0.0.1:9090/api/v1/rules")["data"]["groups"]
    assert [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"] == []
    assert len(groups) == 9


def test_the_live_checks_find_nothing_critical(watch):
    run = play("validate", "--tags", "live")
    assert run.code == 0, run.output


def test_nothing_listens_on_the_network_but_the_edge(gateway):
    listening = gateway.run("ss -Hltnp").splitlines()
    abroad = [line for line in listening if not re.search(r"\s(127\.\d+\.\d+\.\d+|\[::1\]):\d+\s", line)]
    assert all("haproxy" in line for line in abroad), abroad


def scan(watch, client, name):
    """Fifty paths and fifty models that nobody has, and that they were counted."""
    seen = watch.value("ai_backend_records_total")
    for number in range(50):
        client.http.get(f"/v1/{name}/{number}")
        client.ask(model=f"{name}-{number}")
    wait(lambda: watch.value("ai_backend_records_total") >= seen + 100, 60)
    return watch.value("count({job='ai-backend'})")


def test_a_scan_makes_no_series(watch, client):
    """Paths and models that nobody has are one label each."""
    assert scan(watch, client, "second") <= scan(watch, client, "first")
