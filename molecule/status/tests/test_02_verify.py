"""The proof that monitoring works, on a host where it does and on one where it does not."""

import json

import pytest
from fleet import play, wait


def verified(tmp_path, **extra):
    """(the run, its report)."""
    path = tmp_path / "report.json"
    done = play("verify_observability", extra={"ai_backend_output_file": str(path), **extra})
    return done, json.loads(path.read_text())


def test_all_that_works_is_shown_and_the_alert_is_over(gateway, receiver, tmp_path):
    done, report = verified(tmp_path, model="lab-tiny")
    assert done.code == 0, done.output
    assert report["ok"] and report["wrong"] == []
    checks = [row["check"] for row in report["rows"]]
    assert {"targets", "rules", "alert", "request", "record", "count"} < set(checks)
    assert checks.count("series") == 10

    def ended():
        """Every alert of a run, as the receiver was told of it last."""
        lines = [json.loads(line) for line in gateway.run("cat /root/received.jsonl").splitlines()]
        alerts = [alert for line in lines for alert in line["alerts"]]
        last = {alert["labels"]["run"]: alert["status"] for alert in alerts if "run" in alert["labels"]}
        return set(last.values()) == {"resolved"}

    wait(ended, 150)


def test_it_works_with_a_broken_registry(receiver, tmp_path):
    done, report = verified(tmp_path, ai_backend_providers="nonsense")
    assert done.code == 0, done.output
    assert report["ok"]


@pytest.mark.usefixtures("receiver")
def test_a_target_that_is_down_is_named(gateway, tmp_path):
    gateway.run("systemctl stop ai-backend-redis-exporter")
    try:
        query = "http://127.0.0.1:9090/api/v1/query?query=up%7Bjob%3D%22redis%22%7D%20%3D%3D%200"
        wait(lambda: "9121" in gateway.fetch(query, "").stdout, 40)
        done, report = verified(tmp_path)
    finally:
        gateway.run("systemctl start ai-backend-redis-exporter")
        wait(lambda: "9121" not in gateway.fetch(query, "").stdout, 40)
    assert done.code != 0
    (reason,) = report["wrong"]
    assert reason.startswith("gpu1: target redis gpu1:9121: ") and "connection refused" in reason
    # The reason is wrapped in the output.
    assert "gpu1: target redis gpu1:9121" in done.output


def test_a_receiver_that_is_gone_is_named(gateway, receiver, tmp_path):
    gateway.run(f"systemctl stop {receiver}")
    done, report = verified(tmp_path, verify_observability_timeout=75)
    assert done.code != 0
    (reason,) = report["wrong"]
    assert reason.startswith("gpu1: alert checks (webhook): ")
