# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules and routes in the tools of Prometheus and Alertmanager: what fires, what does not, and who is told."""

from __future__ import annotations

import pathlib
import re
import subprocess
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.monitoring.alert import alerts_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.monitoring.alertmanager import (
    CAUSES,
    CHANGE,
    CHANGES,
    alertmanager_config,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.monitoring.blackbox import blackbox_config
from ansible_collections.lab.ai_backend.plugins.plugin_utils.monitoring.rules import rules_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.alerts import Alerts
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.monitoring import Monitoring

CASES: dict[str, dict[str, Any]] = yaml.safe_load(pathlib.Path(__file__).with_name("alerts.yml").read_text())
KNOWN = {alert.name: area for area, alerts in alerts_of(Alerts()).items() for alert in alerts}
RECEIVERS = {
    "team": {"type": "slack", "secret": "SLACK_URL", "channel": "#gpu"},  # pragma: allowlist secret
    "night": {"type": "pagerduty", "secret": "PAGERDUTY_KEY", "severities": ["critical"]},  # pragma: allowlist secret
    "mail": {
        "type": "email",
        "to": ["a@example.com", "b@example.com"],
        "sender": "c@example.com",
        "smarthost": "mail.example.com:587",
        "username": "c",
        "secret": "MAIL_PASSWORD",  # pragma: allowlist secret
        "severities": "info",
    },
    "hook": {"type": "webhook", "url": "http://127.0.0.1:9099/", "secret": "HOOK_TOKEN"},  # pragma: allowlist secret
}


def run(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, input=text, text=True, capture_output=True, check=False)


@pytest.fixture
def rules(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "rules.yml"
    path.write_text(rules_of(Alerts()))
    return path


def test_prometheus_takes_the_rules(rules: pathlib.Path) -> None:
    done = run("promtool", "check", "rules", str(rules))
    assert (done.returncode, "SUCCESS" in done.stdout) == (0, True), done.stdout + done.stderr


def test_every_alert_has_a_case() -> None:
    assert set(CASES) == set(KNOWN)


def test_every_limit_of_the_registry_is_used() -> None:
    files = pathlib.Path(alerts_of.__globals__["FILES"])
    texts = "".join(path.read_text() for path in files.glob("*.yml"))
    shown = set(re.findall(r"\$\{(\w+)\}", texts))
    assert set(Alerts.model_fields) - {"rule_files"} <= shown


def test_no_text_has_a_limit_that_does_not_exist(rules: pathlib.Path) -> None:
    assert "${" not in rules.read_text()


def fires(rules: pathlib.Path, name: str, series: dict[str, str], at: int) -> list[int]:
    """[how many fire] after so many minutes, by promtool; [] for none."""
    for count in (0, 1):
        samples = [{"labels": f'{{alertname="{name}"}}', "value": count}] if count else []
        expression = f'count by (alertname) (ALERTS{{alertname="{name}",alertstate="firing"}})'
        test = {
            "interval": "1m",
            "input_series": [{"series": one, "values": str(values)} for one, values in series.items()],
            "promql_expr_test": [{"expr": expression, "eval_time": f"{at}m", "exp_samples": samples}],
        }
        path = rules.with_name("test.yml")
        path.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [test]}))
        done = run("promtool", "test", "rules", str(path))
        if done.returncode == 0:
            return [count] if count else []
    raise AssertionError(done.stdout + done.stderr)


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires(rules: pathlib.Path, name: str) -> None:
    assert fires(rules, name, CASES[name]["fires"], CASES[name].get("at", 90)) == [1]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "quiet" in case])
def test_an_alert_does_not_fire(rules: pathlib.Path, name: str) -> None:
    assert fires(rules, name, CASES[name]["quiet"], CASES[name].get("at", 90)) == []


@pytest.fixture
def routes(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(alertmanager_config(Monitoring.model_validate({"receivers": RECEIVERS}).receivers))
    return path


def test_alertmanager_takes_its_configuration_with_every_kind_of_receiver(routes: pathlib.Path) -> None:
    done = run("amtool", "check-config", str(routes))
    assert (done.returncode, "SUCCESS" in done.stdout) == (0, True), done.stdout + done.stderr


def test_alertmanager_takes_it_without_a_receiver(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(alertmanager_config({}))
    assert run("amtool", "check-config", str(path)).returncode == 0


@pytest.mark.parametrize(
    ("labels", "who"),
    [
        (("severity=critical", "alertname=EngineDown"), "hook,night,team"),
        (("severity=warning", "alertname=CacheFull"), "hook,team"),
        (("severity=info", "alertname=ClientLimited"), "mail"),
        (("severity=info", "alertname=Watchdog"), "nobody"),
        (("severity=info", "alertname=ChangeRuns"), "nobody"),
    ],
)
def test_who_is_told(routes: pathlib.Path, labels: tuple[str, ...], who: str) -> None:
    words = ("amtool", "config", "routes", "test", f"--config.file={routes}", f"--verify.receivers={who}", *labels)
    done = run(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_secret_is_in_the_configuration_but_its_file(routes: pathlib.Path) -> None:
    files = re.findall(r"\w+_file: (\S+)", routes.read_text())
    names = sorted(path.strip('"').rpartition("/")[2] for path in files)
    assert names == ["hook.key", "mail.key", "night.key", "team.key"]


def test_a_cause_names_alerts_that_exist_and_silences_none_of_another_host() -> None:
    """An inhibition compares the host: of an alert without that label it would silence nothing."""
    alerts = {alert.name: alert for found in alerts_of(Alerts()).values() for alert in found}
    for cause, names in CAUSES.items():
        assert cause in alerts
        for name in names if names != (".+",) else ():
            assert all("host" in labels for labels in re.findall(r"by \(([^)]*)\)", alerts[name].when)), name


def test_a_change_silences_alerts_that_exist_and_only_of_what_it_touches() -> None:
    alerts = {alert.name: alert for found in alerts_of(Alerts()).values() for alert in found}
    assert CHANGE in alerts
    for units, names, equal in CHANGES:
        assert set(names) <= set(alerts)
        assert units != ".+" or "unit" in equal
        assert {"host", "provider"} & set(equal)


def test_the_questions_are_json_and_never_kept() -> None:
    modules = yaml.safe_load(blackbox_config({"m": "chat", "e": "embedding"}, {"p": ["m.1"]}))["modules"]
    for name in ("question m", "question e"):
        body = yaml.safe_load(modules[name]["http"]["body"])
        assert body["cache"] == {"no-cache": True, "no-store": True}
