"""One host watches all of them, and is told once of one that is away."""

import subprocess

import pytest
from fleet import play, wait
from watching import Watch

# Half a minute until it is sure, two looks, one evaluation, and Alertmanager's wait.
SECONDS = 30 + 45
# What the other host does without it: its engine was the only one for some names.
WITH_IT = {"ModelSilent", "ProviderCooling", "ProviderFails", "RequestsFail"}


@pytest.fixture(scope="module")
def watch(gateway):
    found = Watch(gateway)
    found.listen()
    return found


def jobs(watch, host):
    return {one["labels"]["job"] for one in watch.targets() if one["labels"]["host"] == host}


def test_every_host_is_looked_at(watch):
    wait(lambda: jobs(watch, "gpu1") and all(one["health"] == "up" for one in watch.targets()), 150)
    assert jobs(watch, "gpu1") == {"ai-backend", "alloy", "edge", "llama-cpp", "models", "node", "probe", "redis"}
    assert jobs(watch, "gateway1") >= {"ai-backend", "alertmanager", "edge", "node", "probe", "prometheus", "question"}
    assert jobs(watch, "gateway1") >= {"alloy", "grafana", "loki"}
    assert jobs(watch, "outsider") == set()


def test_each_rule_is_evaluated_by_the_prometheus_of_this_release(watch):
    def ill():
        groups = watch.get("http://127.0.0.1:9090/api/v1/rules")["data"]["groups"]
        return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"]

    wait(lambda: not ill(), 60)


def test_a_second_deploy_changes_nothing():
    run = play("deploy")
    assert run.code == 0
    assert "changed=0" in run.output
    assert "changed=1" not in run.output


def test_a_host_that_is_away_is_told_once(watch):
    """What else of it is not there follows from that."""
    since = watch.now()
    subprocess.run(["docker", "pause", "lab-ai-backend-cluster-gpu1"], check=True)
    try:
        wait(lambda: ("HostDown", "firing") in watch.received(since), SECONDS)
        wait(lambda: watch.firing() >= {"EngineDown", "HostDown", "TargetDown"}, 120)
        rang = {name for name, state in watch.received(since) if state == "firing"}
        assert rang <= {"HostDown", *WITH_IT}
    finally:
        subprocess.run(["docker", "unpause", "lab-ai-backend-cluster-gpu1"], check=True)
    wait(lambda: ("HostDown", "resolved") in watch.received(since), 300)
