# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prove on a live host that monitoring measures, records and tells; the host's releases name all, so no registry."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from ..host.layout import Layout, linked_release, read_json, read_text, service_of
from ..host.secret_files import secret, values_of
from ..host.waiting import wait_until
from ..probes.asking import ProbeError, shorten
from ..releases.releases import gateway_of, manifest_of
from .verified import (
    FAILED,
    OK,
    TEST_ALERT,
    Line,
    dashboard_lines,
    delivery_lines,
    kinds_of,
    record_of,
    rule_lines,
    samples,
    sent,
    series_lines,
    target_lines,
)

# (URL, headers, body) -> (status, text). Raises ProbeError where nobody answers.
Ask: TypeAlias = Callable[[str, Mapping[str, str], object], "tuple[int, str]"]
# Where the edge offers pages to this host, without TLS.
PAGES = "127.0.0.2"
# How long the test alert lasts where nobody ends it.
ALERT_SECONDS = 300
# Bytes of the end of the record in which the test request must be.
TAIL = 4 << 20


def ask(url: str, headers: Mapping[str, str], body: object = None) -> tuple[int, str]:
    """One request. A certificate is not checked: the host asks itself."""
    parts = urlsplit(url)
    where, port = parts.hostname or "", parts.port
    connection = http.client.HTTPConnection(where, port, timeout=60)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(where, port, timeout=60, context=context)
    data = None if body is None else json.dumps(body).encode("utf-8")
    every = {**headers, **({"Content-Type": "application/json"} if data else {})}
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET" if data is None else "POST", path, data, every)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ProbeError(f"{parts.scheme}://{parts.netloc} does not answer: {error or type(error).__name__}") from error
    finally:
        connection.close()


class Verification:
    """The checks of one host. patience: seconds until a delivery or a record must be there. model: what the test
    request asks; empty for the list of models."""

    def __init__(self, layout: Layout, host: str, patience: float, model: str = "", asks: Ask = ask) -> None:
        self.layout, self.host, self.patience, self.model, self.asks = layout, host, patience, model, asks

    def lines(self, send: bool = True) -> list[Line]:
        """All that this host has: none where it has neither monitoring nor a gateway. send: also alert and request."""
        found: list[Line] = []
        checks = {"targets": self._prometheus, "dashboards": self._grafana}
        for check, run in {**checks, **({"alert": self._alert, "request": self._request} if send else {})}.items():
            try:
                found += run()
            except (ProbeError, OSError, KeyError, TypeError, ValueError) as error:
                words = str(error) if isinstance(error, ProbeError) else f"{type(error).__name__}: {error}"
                found.append(Line(check, "could not be looked at", FAILED, words))
        return found

    def _port(self, instance: str) -> int:
        """Port of an instance on loopback; 0 where this host has none."""
        manifest = manifest_of(self.layout, instance)
        return int(manifest["ports"].get(instance, 0)) if manifest else 0

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> str:
        status, text = self.asks(url, headers or {}, None)
        if status != 200:
            raise ProbeError(f"GET {url} answered {status}: {shorten(text)}")
        return text

    def _prometheus(self) -> list[Line]:
        port = self._port("prometheus")
        if not port:
            return []
        api = f"http://127.0.0.1:{port}/api/v1"
        found: dict[str, Any] = {}

        def look() -> bool:
            """Whether everything was looked at once: a Prometheus that just started knows nothing yet."""
            found["targets"] = json.loads(self._get(f"{api}/targets?state=active"))["data"]["activeTargets"]
            found["rules"] = json.loads(self._get(f"{api}/rules"))["data"]["groups"]
            health = [one["health"] for one in found["targets"]]
            health += [rule["health"] for group in found["rules"] for rule in group["rules"]]
            return "unknown" not in health

        wait_until(look, self.patience)
        query = quote("ai_backend_engine_asleep == 1")
        sleepers = json.loads(self._get(f"{api}/query?query={query}"))["data"]["result"]
        asleep = [(one["metric"].get("host", ""), one["metric"].get("provider", "")) for one in sleepers]
        status = json.loads(self._get(f"{api}/status/tsdb"))["data"]
        return [*target_lines(found["targets"], asleep), *rule_lines(found["rules"]), *series_lines(status)]

    def _grafana(self) -> list[Line]:
        port = self._port("grafana")
        if not port:
            return []
        password = self._password("grafana")
        sign_in = base64.b64encode(f"admin:{password}".encode()).decode()
        text = self._get(
            f"http://{PAGES}:{port}/api/search?type=dash-db&limit=1000", {"Authorization": f"Basic {sign_in}"}
        )
        return dashboard_lines(dict(self._dashboards("grafana")), [one["uid"] for one in json.loads(text)])

    def _password(self, instance: str) -> str:
        """The only secret of a service, or the one that is named as a password."""
        manifest: Mapping[str, Any] = manifest_of(self.layout, instance) or {}
        for file in manifest.get("secrets", []):
            text = read_text(os.path.join(self.layout.secrets, file)) or ""
            for name, value in values_of(file, text, ["PASSWORD"]).items():
                if name.upper().endswith("PASSWORD"):
                    return value
        raise ProbeError(f"{instance} has no secret file with its password")

    def _dashboards(self, instance: str) -> Iterator[tuple[str, str]]:
        """(uid, title) of each dashboard of a release."""
        release = self.layout.release(service_of(instance), linked_release(self.layout, instance))
        for folder, _folders, names in os.walk(release):
            for name in names:
                content = read_json(os.path.join(folder, name)) if name.endswith(".json") else None
                if isinstance(content, dict) and "panels" in content and content.get("uid"):
                    yield str(content["uid"]), str(content.get("title", name))

    def _alert(self) -> list[Line]:
        port = self._port("alertmanager")
        if not port:
            return []
        base, run = f"http://127.0.0.1:{port}", uuid.uuid4().hex[:12]
        before = sent(self._get(f"{base}/metrics"))
        kinds = kinds_of(json.loads(self._get(f"{base}/api/v2/status"))["config"]["original"])
        self._post_alert(base, run, ALERT_SECONDS)
        lines: list[Line] = []
        try:
            receivers = {name: kinds.get(name, []) for name in self._receivers(base, run)}

            def told() -> bool:
                lines[:] = delivery_lines(receivers, before, sent(self._get(f"{base}/metrics")))
                return all(one.result == OK for one in lines)

            if set(receivers) - {"nobody"}:
                wait_until(told, self.patience)
            else:
                told()
        finally:
            self._post_alert(base, run, 0)
        return lines

    def _post_alert(self, base: str, run: str, seconds: int) -> None:
        """Begin the test alert; with 0 seconds end it."""
        now = time.time()
        alert = {
            "labels": {"alertname": TEST_ALERT, "severity": "warning", "host": self.host, "run": run},
            "annotations": {
                "summary": f"This is a test of the way of alerts from {self.host}",
                "description": "playbooks/verify_observability.yml sends it and ends it. There is nothing to do.",
                "command": "ansible-playbook playbooks/verify_observability.yml",
                "runbook": "none",
            },
            "startsAt": moment(now - 1),
            "endsAt": moment(now + seconds),
        }
        status, text = self.asks(f"{base}/api/v2/alerts", {}, [alert])
        if status != 200:
            raise ProbeError(f"Alertmanager took no alert: {status} {shorten(text)}")

    def _receivers(self, base: str, run: str) -> list[str]:
        """Those that Alertmanager itself routes the test alert to."""
        text = self._get(f"{base}/api/v2/alerts?filter={quote(f'run={chr(34)}{run}{chr(34)}')}")
        found = [receiver["name"] for alert in json.loads(text) for receiver in alert["receivers"]]
        silenced = [one for alert in json.loads(text) for one in alert["status"]["silencedBy"]]
        if silenced:
            raise ProbeError(f"a silence holds the test alert back: {', '.join(silenced)}")
        return sorted(set(found))

    def _request(self) -> list[Line]:
        gateway, exporter = gateway_of(self.layout), self._port("exporter")
        endpoint = endpoint_of(self.layout)
        if gateway is None or not exporter or not endpoint:
            return []
        key = next(probe["key"] for probe in gateway["probes"] if probe.get("key"))
        identifier = f"verify-{uuid.uuid4().hex[:12]}"
        before = self._recorded(exporter)
        headers = {"Authorization": f"Bearer {secret(self.layout, key)}", "x-request-id": identifier}
        path, body = question(self.model)
        status, text = self.asks(f"{endpoint}{path}", headers, body)
        what = f"{path} with x-request-id {identifier}"
        if status != 200:
            return [Line("request", what, FAILED, f"the endpoint answered {status}: {shorten(text)}")]
        return [Line("request", what, OK, "it was answered"), *self._traces(exporter, identifier, before)]

    def _traces(self, exporter: int, identifier: str, before: float) -> list[Line]:
        """Whether a request is in the record, and whether it was counted."""
        found: dict[str, Any] = {}

        def recorded() -> bool:
            found["record"] = record_of(tail(self.layout.records), identifier)
            return found["record"] is not None

        def counted() -> bool:
            found["count"] = self._recorded(exporter) - before
            return bool(found["count"] >= 1)

        there = wait_until(recorded, min(self.patience, 15))
        record = found["record"] or {}
        told = f"status {record.get('status')}, {record.get('duration_ms')} ms" if there else "it is not there"
        rose = wait_until(counted, min(self.patience, 15))
        return [
            Line("record", self.layout.records, OK if there else FAILED, told),
            Line("count", "ai_backend_records_total", OK if rose else FAILED, f"it rose by {found['count']:.0f}"),
        ]

    def _recorded(self, exporter: int) -> float:
        return sum(samples(self._get(f"http://127.0.0.1:{exporter}/metrics"), "ai_backend_records_total").values())


def question(model: str) -> tuple[str, object]:
    """(path, body) of the test request. Without a model it asks for the list of models, which wakes none."""
    if not model:
        return "/v1/models", None
    message = {"role": "user", "content": "Answer with one word: ready?"}
    return "/v1/chat/completions", {"model": model, "messages": [message], "max_tokens": 8}


def endpoint_of(layout: Layout) -> str:
    """The endpoint of this host's gateway as the edge's release has it; empty where there is none."""
    text = read_text(os.path.join(layout.release("edge", linked_release(layout, "edge")), "files", "haproxy.cfg")) or ""
    match = re.search(r"^frontend gateway\n(?:\s+#.*\n)*\s+bind (\S+):(\d+)(.*)$", text, re.MULTILINE)
    if match is None:
        return ""
    address = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(match[1], match[1])  # noqa: S104
    return f"{'https' if ' ssl ' in match[3] else 'http'}://{address}:{match[2]}"


def tail(path: str) -> Iterator[str]:
    """The last lines of the record, those of the file before it too: it may just have been renamed."""
    for name in (f"{path}.1", path):
        try:
            with open(name, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
                yield from file.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            continue


def moment(seconds: float) -> str:
    """A time as Alertmanager reads it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
