# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What answers of Prometheus, Alertmanager and Grafana prove: lines of a report, made from plain data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

OK, FAILED, EXCEPTED = "ok", "failed", "excepted"
# The name of the alert that is sent to prove that alerts arrive.
TEST_ALERT = "VerifyObservability"
NOBODY = "nobody"
MOST_SERIES = 10
# The detail of a line that stands for several others.
BELOW = "see below"
# A sample of the exposition format: name, labels, value.
SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")


class Line(NamedTuple):
    """A line of the report. result: ok, failed, or excepted (not well, and that is right)."""

    check: str
    what: str
    result: str
    detail: str = ""


def target_lines(targets: Sequence[Mapping[str, Any]], asleep: Iterable[tuple[str, str]]) -> list[Line]:
    """A line for all targets, and one for each that is not up. asleep: (host, provider) of engines that sleep."""
    sleeping, lines = set(asleep), []
    for target in sorted(targets, key=lambda one: str(sorted(one["labels"].items()))):
        labels = target["labels"]
        where = f"{labels.get('job', '?')} {labels.get('instance', target.get('scrapeUrl', '?'))}"
        if target["health"] == "up":
            continue
        if (labels.get("host", ""), labels.get("provider", "")) in sleeping:
            lines.append(Line("target", where, EXCEPTED, f"{labels['provider']} is asleep"))
        else:
            lines.append(Line("target", where, FAILED, target.get("lastError") or f"it is {target['health']}"))
    if not targets:
        return [Line("targets", "none", FAILED, "Prometheus reads nothing")]
    return [_whole("targets", f"{len(targets) - len(lines)} of {len(targets)} are up", lines), *lines]


def _whole(check: str, words: str, lines: Iterable[Line]) -> Line:
    """The line that stands for those of single things."""
    wrong = any(one.result == FAILED for one in lines)
    return Line(check, words, FAILED if wrong else OK, BELOW if wrong else "")


def rule_lines(groups: Sequence[Mapping[str, Any]]) -> list[Line]:
    """A line for each rule that is not evaluated, and one for all."""
    rules = [(group["name"], rule) for group in groups for rule in group["rules"]]
    wrong = [
        Line("rule", f"{group}: {rule['name']}", FAILED, rule.get("lastError") or f"its health is {rule['health']}")
        for group, rule in rules
        if rule["health"] != "ok"
    ]
    words = f"{len(rules) - len(wrong)} of {len(rules)} in {len(groups)} groups are evaluated"
    if not rules:
        return [Line("rules", words, FAILED, "Prometheus has no rules")]
    return [_whole("rules", words, wrong), *wrong]


def dashboard_lines(wanted: Mapping[str, str], found: Iterable[str]) -> list[Line]:
    """wanted: {uid: title} of the release. found: uids that Grafana has."""
    there = set(found)
    wrong = [
        Line("dashboard", title, FAILED, "Grafana has not loaded it")
        for uid, title in sorted(wanted.items(), key=lambda pair: pair[1])
        if uid not in there
    ]
    if not wanted:
        return [Line("dashboards", "none", FAILED, "the release of Grafana has no dashboards")]
    words = f"{len(wanted) - len(wrong)} of {len(wanted)} are loaded"
    return [_whole("dashboards", words, wrong), *wrong]


def series_lines(status: Mapping[str, Any]) -> list[Line]:
    """The measurements with most series, of Prometheus's own counts."""
    counts = status["seriesCountByMetricName"][:MOST_SERIES]
    return [Line("series", one["name"], OK, str(one["value"])) for one in counts]


def samples(text: str, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """{labels: value} of a measurement in the text of an exporter."""
    found = {}
    for line in text.splitlines():
        match = SAMPLE.fullmatch(line)
        if match and match["name"] == name:
            labels = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match["labels"] or "")
            found[tuple(labels)] = float(match["value"])
    return found


def by_integration(text: str, name: str) -> dict[str, float]:
    """{kind of receiver: sum} of a measurement of Alertmanager."""
    found: dict[str, float] = {}
    for labels, value in samples(text, name).items():
        kind = dict(labels).get("integration", "")
        found[kind] = found.get(kind, 0) + value
    return found


class Sent(NamedTuple):
    """What Alertmanager has sent by kind of receiver: attempts that arrived, and notifications that it gave up."""

    arrived: Mapping[str, float]
    given_up: Mapping[str, float]


def sent(text: str) -> Sent:
    """From Alertmanager's measurements. A notification counts as soon as it is tried; that a try arrived, the requests
    tell."""
    tried = by_integration(text, "alertmanager_notification_requests_total")
    failed = by_integration(text, "alertmanager_notification_requests_failed_total")
    arrived = {kind: count - failed.get(kind, 0) for kind, count in tried.items()}
    return Sent(arrived, by_integration(text, "alertmanager_notifications_failed_total"))


def kinds_of(config: str) -> dict[str, list[str]]:
    """{receiver: its kinds} of the configuration that Alertmanager shows."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in config.partition("\nreceivers:")[2].splitlines():
        if match := re.match(r"\s*- name: (.+)", line):
            name = match[1].strip("\"'")
            found[name] = []
        elif (match := re.match(r"\s+(\w+)_configs:", line)) and name:
            found[name].append(match[1])
        elif line and not line.startswith((" ", "-")):
            break
    return found


def delivery_lines(receivers: Mapping[str, Sequence[str]], before: Sent, after: Sent) -> list[Line]:
    """A line for each receiver that the test alert goes to. receivers: {name: kinds}.

    Alertmanager counts by kind: of two receivers of a kind, both must have got something.
    """
    named = {name: kinds for name, kinds in receivers.items() if name != NOBODY}
    if not named:
        return [Line("alert", TEST_ALERT, FAILED, "no receiver gets warnings: nobody would be told of one")]
    wanted: dict[str, int] = {}
    for kind in (kind for kinds in named.values() for kind in kinds):
        wanted[kind] = wanted.get(kind, 0) + 1
    lines = []
    for name, kinds in sorted(named.items()):
        short = [kind for kind in kinds if _more(before.arrived, after.arrived, kind) < wanted[kind]]
        lost = [kind for kind in kinds if _more(before.given_up, after.given_up, kind) > 0]
        why = "it has no way to be told" if not kinds else ""
        why = f"nothing arrived: journalctl -u ai-backend-alertmanager tells why ({', '.join(short)})" if short else why
        why = f"Alertmanager gave up ({', '.join(lost)})" if lost else why
        lines.append(Line("alert", f"{name} ({', '.join(kinds)})", FAILED if why else OK, why or "it was told"))
    return lines


def _more(before: Mapping[str, float], after: Mapping[str, float], kind: str) -> float:
    return after.get(kind, 0) - before.get(kind, 0)


def record_of(lines: Iterable[str], identifier: str) -> dict[str, Any] | None:
    """The line of the record with this identifier."""
    for line in lines:
        if identifier in line:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and record.get("id") == identifier:
                return record
    return None


def reasons(host: str, lines: Iterable[Line]) -> list[str]:
    """Why it failed, a sentence each."""
    return [
        f"{host}: {one.check} {one.what}" + (f": {one.detail}" if one.detail else "")
        for one in lines
        if one.result == FAILED and one.detail != BELOW
    ]
