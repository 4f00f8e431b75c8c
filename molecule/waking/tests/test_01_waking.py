"""Engines that are not always in memory: three models, of which the host has one at a time.

First a request wakes them, then a playbook loads them.
"""

import concurrent.futures
import copy
import os
import re
import time

import pytest
from fleet import play, registry, wait

MODELS = {"apple": 8091, "birch": 8092, "cedar": 8093}
LEAST = 1


def engines(**common):
    """Three engines with a model each."""
    return {
        name: {
            "type": "llama_cpp",
            "base_url": f"http://127.0.0.1:{port}",
            "models": [{"name": f"{name}-tiny", "source": "tiny"}],
            "exclusive_group": "card0",
            **common,
        }
        for name, port in MODELS.items()
    }


def deployed(**common):
    providers = {**copy.deepcopy(registry("providers")), **engines(**common)}
    run = play("deploy", extra={"ai_backend_providers": providers})
    assert run.code == 0, run.output
    return {"ai_backend_providers": providers}


def awake(gateway):
    """The engines of the group that run now."""
    running = gateway.run("systemctl list-units 'ai-backend-llama-cpp@*' --state=active --plain --no-legend")
    return [name for name in MODELS if f"@{name}.service" in running]


def starts(gateway, name):
    """How often systemd has started an engine."""
    words = f"journalctl --unit ai-backend-llama-cpp@{name} --output cat | grep -c '^Started ' || true"
    return int(gateway.run(words))


def row_of(instance):
    """Its line of the status table."""
    (line,) = (line for line in play("status").output.splitlines() if f"llama-cpp@{instance} " in line)
    return line


@pytest.fixture(scope="module", autouse=True)
def _afterwards():
    yield
    run = play("deploy")
    assert run.code == 0, run.output


@pytest.fixture(scope="module")
def on_request(gateway):
    return deployed(wake="on_request", sleep_after="5s", min_resident=f"{LEAST}s")


@pytest.fixture(scope="module")
def by_hand(gateway):
    return deployed()


@pytest.mark.usefixtures("on_request")
def test_a_request_wakes_its_engine_and_another_takes_its_place(client, gateway):
    for name in ("apple", "birch", "apple"):
        answer = client.ask(model=f"{name}-tiny", text=os.urandom(8).hex())
        assert (answer.status_code, answer.json()["model"]) == (200, f"{name}-tiny"), answer.text
        assert awake(gateway) == [name]


@pytest.mark.usefixtures("on_request")
def test_who_is_not_asked_sleeps_and_no_look_wakes_it(client, gateway):
    assert client.ask(model="apple-tiny", text=os.urandom(8).hex()).status_code == 200
    wait(lambda: awake(gateway) == [], 20)
    before = [starts(gateway, name) for name in MODELS]
    assert re.search(r" asleep +\d+s ", row_of("apple"))
    # What the gateway's host asks of its engines.
    run = play(
        "validate",
        "--tags",
        "all,live",
        extra={
            "ai_backend_providers": {
                **registry("providers"),
                **engines(wake="on_request", sleep_after="5s", min_resident=f"{LEAST}s"),
            }
        },
    )
    assert run.code == 0, run.output
    key = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    assert "HTTP Error 503" in gateway.fetch("http://127.0.0.2:8091/metrics", key).stderr
    assert (awake(gateway), [starts(gateway, name) for name in MODELS]) == ([], before)


@pytest.mark.usefixtures("on_request")
def test_two_hundred_questions_over_three_models_are_all_answered_by_the_model_asked_for(client, gateway):
    before = sum(starts(gateway, name) for name in MODELS)
    wanted = [f"{list(MODELS)[number // 4 % 3]}-tiny" for number in range(200)]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda model: client.ask(model=model, text=os.urandom(8).hex()), wanted))
    took = time.monotonic() - began
    assert [(answer.status_code, answer.json().get("model")) for answer in answers] == [(200, name) for name in wanted]
    # One that was just woken stays for a moment: nobody thrashes.
    assert sum(starts(gateway, name) for name in MODELS) - before <= took / LEAST + 2


@pytest.mark.usefixtures("on_request")
@pytest.mark.parametrize("killed", ["llama-server.bin.*birch", "systemd-socket-proxyd.*birch"], ids=["engine", "proxy"])
def test_a_killed_part_costs_no_answer(client, gateway, killed):
    assert client.ask(model="birch-tiny", text=os.urandom(8).hex()).status_code == 200
    gateway.run(f"systemctl kill --signal=KILL --kill-whom=main {unit_killed(killed)}")
    answer = client.ask(model="birch-tiny", text=os.urandom(8).hex())
    assert (answer.status_code, answer.json()["model"]) == (200, "birch-tiny"), answer.text
    answer = client.ask(model="cedar-tiny", text=os.urandom(8).hex())
    assert (answer.status_code, answer.json()["model"]) == (200, "cedar-tiny"), answer.text


def unit_killed(what):
    return "ai-backend-llama-cpp-wake@birch.service" if "proxy" in what else "ai-backend-llama-cpp@birch.service"


@pytest.mark.usefixtures("on_request")
def test_a_host_that_loses_power_while_one_takes_the_place_of_another_serves_again(client, gateway):
    assert client.ask(model="apple-tiny", text=os.urandom(8).hex()).status_code == 200
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        asked = clients.submit(client.answers, model="cedar-tiny")
        time.sleep(LEAST)
        gateway.reboot()
        asked.result()
    wait(lambda: client.answers(model="lab-tiny"), 90)
    for name in MODELS:
        wait(lambda model=f"{name}-tiny": client.answers(model=model), 30)


def test_a_second_deploy_changes_nothing_and_wakes_nobody(client, gateway, on_request):
    wait(lambda: awake(gateway) == [], 30)
    run = play("deploy", extra=on_request)
    assert (run.code, run.changed, awake(gateway)) == (0, 0, []), run.output


def test_a_release_is_proven_also_if_its_engine_sleeps(client, gateway, on_request):
    wait(lambda: awake(gateway) == [], 30)
    providers = copy.deepcopy(on_request["ai_backend_providers"])
    providers["birch"]["models"][0]["options"] = {"context_length": 1024}
    woken = starts(gateway, "birch")
    run = play("deploy", extra={"ai_backend_providers": providers})
    assert run.code == 0, run.output
    assert starts(gateway, "birch") == woken + 1


def test_requests_wait_while_a_bad_release_is_tried_refused_and_undone(client, gateway, on_request):
    providers = copy.deepcopy(on_request["ai_backend_providers"])
    before = gateway.release("llama-cpp@birch")
    providers["birch"]["models"][0]["environment"] = {"LLAMA_ARG_NUMA": "nowhere"}
    # Its requests wait while it is tried, refused and restored.
    with client.asking(model="birch-tiny"):
        run = play("deploy", extra={"ai_backend_providers": providers})
    assert run.code != 0
    assert f"Release {before} serves as before" in run.output


@pytest.mark.usefixtures("by_hand")
def test_the_first_of_a_group_is_loaded_and_the_others_name_the_verb(client, gateway):
    assert (awake(gateway), "not loaded" in row_of("birch")) == (["apple"], True)
    assert client.ask(model="apple-tiny", text=os.urandom(8).hex()).json()["model"] == "apple-tiny"
    answer = client.ask(model="birch-tiny")
    assert answer.status_code == 503
    assert "playbooks/switch.yml -e model=birch-tiny loads it" in answer.text


def test_a_playbook_loads_another_one_and_a_reboot_keeps_it(client, gateway, by_hand):
    run = play("switch", "--check", extra={**by_hand, "model": "birch-tiny"})
    assert (run.code, run.changed, awake(gateway)) == (0, 1, ["apple"]), run.output
    run = play("switch", extra={**by_hand, "model": "birch-tiny"})
    assert (run.code, run.changed, awake(gateway)) == (0, 1, ["birch"]), run.output
    assert client.ask(model="birch-tiny", text=os.urandom(8).hex()).json()["model"] == "birch-tiny"
    again = play("switch", extra={**by_hand, "model": "birch-tiny"})
    assert (again.code, again.changed) == (0, 0), again.output
    run = play("deploy", extra=by_hand)
    assert (run.code, run.changed, awake(gateway)) == (0, 0, ["birch"]), run.output
    gateway.reboot()
    wait(lambda: client.answers(model="birch-tiny"), 90)
    assert awake(gateway) == ["birch"]


def test_one_that_does_not_start_brings_back_the_one_before(client, gateway, by_hand):
    model = "/var/lib/ai-backend/models/cedar-tiny.gguf"
    gateway.run(f"mv {model} {model}.away")
    run = play("switch", extra={**by_hand, "model": "cedar-tiny"})
    assert run.code != 0
    assert f"needs {model}, which isn't there" in " ".join(run.output.split())
    gateway.run(f"head -c 1000 {model}.away > {model}")
    try:
        run = play("switch", extra={**by_hand, "model": "cedar-tiny", "load_timeout": 20})
        assert run.code != 0
        assert "llama-cpp@birch is loaded again and answers" in " ".join(run.output.split())
        assert awake(gateway) == ["birch"]
        assert client.ask(model="birch-tiny", text=os.urandom(8).hex()).status_code == 200
    finally:
        gateway.run(f"mv {model}.away {model}")


def test_a_name_that_cannot_be_loaded_is_answered_with_those_that_can(by_hand):
    run = play("switch", extra={**by_hand, "model": "cedar-tinny"})
    assert run.code != 0
    assert "did you mean 'cedar-tiny'" in " ".join(run.output.split())
