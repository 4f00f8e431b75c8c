"""Prometheus, Alertmanager and a receiver of the host, as its operator sees them."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

from fleet import Machine, put_program, wait

PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"


class Watch:
    """What watches a host."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def get(self, url: str) -> Any:
        done = self.machine.fetch(url, "")
        assert done.rc == 0, f"{url}: {done.stderr}"
        return json.loads(done.stdout)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now."""
        found = self.get(f"{PROMETHEUS}/api/v1/query?query={quote(expression)}")
        assert found["status"] == "success", found
        return list(found["data"]["result"])

    def value(self, expression: str) -> float:
        """The one value of an expression."""
        (series,) = self.query(expression)
        return float(series["value"][1])

    def targets(self) -> list[dict[str, Any]]:
        return list(self.get(f"{PROMETHEUS}/api/v1/targets")["data"]["activeTargets"])

    def firing(self, severity: str = "") -> set[str]:
        """Names of the alerts that fire."""
        alerts = self.get(f"{PROMETHEUS}/api/v1/alerts")["data"]["alerts"]
        return {
            one["labels"]["alertname"]
            for one in alerts
            if one["state"] == "firing" and severity in ("", one["labels"]["severity"])
        }

    def listen(self) -> None:
        """Start the receiver of alerts, and the engine that the checks make ill."""
        for name in ("receiver", "flaky_engine", "impostor", "flood"):
            put_program(self.machine, name)
        self.machine.run("echo well > /root/flaky; systemctl is-active -q checks-flaky || "
                         "systemd-run -q --unit checks-flaky python3 /root/flaky_engine.py")  # fmt: skip
        self.machine.run("touch /root/received.jsonl; systemctl is-active -q checks-receiver || "
                         "systemd-run -q --unit checks-receiver python3 /root/receiver.py")  # fmt: skip

    def received(self, since: float) -> list[tuple[str, str]]:
        """(alert, its state) of all that was received since a moment, in order."""
        found = []
        for line in self.machine.run("cat /root/received.jsonl").splitlines():
            for alert in json.loads(line)["alerts"]:
                began = alert["startsAt"] if alert["status"] == "firing" else alert["endsAt"]
                if moment(began) >= since - 1:
                    found.append((alert["labels"]["alertname"], alert["status"]))
        return found

    def now(self) -> float:
        return float(self.machine.run("date +%s.%N"))


def moment(text: str) -> float:
    """Seconds since 1970 of a time as Go writes it."""
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def quiet(watch: Watch, seconds: float = 900) -> None:
    """Wait until nothing fires but the watchdog."""
    wait(lambda: watch.firing() <= {"Watchdog"}, seconds)
