"""A deploy that has nothing to do does nothing, and says so."""

import json
import subprocess
from collections import Counter

from fleet import HOSTS, play

# What runs on the controller alone, or only includes something.
LOCAL = {"assert", "debug", "fail", "group_by", "include_role", "include_tasks", "set_fact", "validate_argument_spec"}


def test_check_on_a_converged_host_finds_nothing():
    run = play("deploy", "--check", "--diff")
    assert run.code == 0, run.output
    assert run.changed == 0, run.output


def test_a_second_deploy_changes_nothing_restarts_nothing_and_needs_no_network(gateway):
    before = gateway.pids()
    network = HOSTS["vars"]["container_network"]
    subprocess.run(["docker", "network", "disconnect", network, gateway.container], check=True)
    try:
        run = play("deploy", "--diff")
    finally:
        connect = ["docker", "network", "connect", "--ip", gateway.address, network, gateway.container]
        subprocess.run(connect, check=True)
    assert run.code == 0, run.output
    assert run.changed == 0, run.output
    assert gateway.pids() == before


def test_a_run_without_change_costs_three_remote_tasks_a_host_however_many_services_it_has():
    # The JSON callback names each task's action and what the module was given.
    run = play("deploy", ANSIBLE_STDOUT_CALLBACK="ansible.posix.json", ANSIBLE_JSON_INDENT="0")
    assert run.code == 0, run.output
    report = json.loads(run.output[run.output.index("{") :])
    remote = Counter(
        result["action"]
        for play_ in report["plays"]
        for task in play_["tasks"]
        for result in task["hosts"].values()
        if not result.get("skipped") and result.get("asked", True) and result["action"].rpartition(".")[2] not in LOCAL
    )
    assert remote == {"lab.ai_backend.host": 1, "lab.ai_backend.secrets": 1, "lab.ai_backend.generation": 1}


def test_status_shows_every_service_its_release_and_its_models(gateway):
    run = play("status")
    assert run.code == 0, run.output
    for instance in ("redis", "edge", "llama-cpp@llama_cpp_native", f"litellm@{gateway.slot()}"):
        (line,) = [line for line in run.output.splitlines() if instance in line]
        assert gateway.release(instance) in line
        assert " ok" in line
    assert "lab-tiny" in run.output


def test_status_works_with_a_registry_that_is_broken():
    run = play("status", extra={"ai_backend_providers": {"nonsense": 1}})
    assert run.code == 0, run.output
    assert "llama-cpp@llama_cpp_native" in run.output
