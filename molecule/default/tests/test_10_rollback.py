"""The way back, in eight steps: save, change, break, detect, restore, verify configuration, service and traffic.

The change is one that every check and every probe lets through, and that clients can't live with: the usual one.
"""

import copy
import json
import os
import subprocess

import pytest
from fleet import INVENTORY, play, registry, wait

GENERATIONS = "/var/lib/ai-backend/generations"
KEPT = "/var/lib/ai-backend/models /etc/ai-backend/secrets"
ENGINE = "llama-cpp@llama_cpp_native"
# A question longer than the bad change lets through, and no longer than the engine can take.
LONG = "word " * 220


def bad_change():
    """A limit at the edge that is too low; another breaker of the gateway, context of the engine, size of the cache."""
    gateway, providers, cache = (copy.deepcopy(registry(part)) for part in ("gateway", "providers", "cache"))
    gateway["max_body_bytes"] = 1024
    gateway["breaker"] = {"failures": 4, "cooldown_seconds": 120}
    providers["llama_cpp_native"]["models"][0]["context_length"] = 1024
    cache["maxmemory"] = "64mb"
    return {"ai_backend_gateway": gateway, "ai_backend_providers": providers, "ai_backend_cache": cache}


def configuration(machine):
    """Checksums of every file that the services run from, whatever the slot."""
    links = [f"/opt/ai-backend/instances/{name}" for name in ("redis", "edge", ENGINE, f"litellm@{machine.slot()}")]
    return machine.run(
        f"for link in {' '.join(links)}; do (cd -P $link && find . -type f | sort | xargs sha256sum); done"
    )


def belongings(machine):
    """Checksums of what belongs to the user."""
    return machine.run(f"find {KEPT} -type f | sort | xargs sha256sum")


def newest(machine):
    """The newest generation's content."""
    numbers = sorted(int(name.partition(".")[0]) for name in machine.run(f"ls {GENERATIONS}").split())
    return numbered(machine, numbers[-1])


def numbered(machine, number):
    """The content of a generation."""
    return json.loads(machine.run(f"cat {GENERATIONS}/{number}.json"))


@pytest.fixture(scope="module")
def good(gateway):
    """Step 1, save: nothing has to be done for it, a deploy leaves a generation behind."""
    run = play("deploy")
    assert run.code == 0, run.output
    listed = play("rollback", extra={"ai_backend_list": True})
    assert (listed.code, listed.changed) == (0, 0), listed.output
    saved = newest(gateway)
    (row,) = [line for line in listed.output.splitlines() if f" {saved['number']}  {saved['created']}" in line]
    assert "  yes  " in row
    # What an earlier check had refused in that generation may be named behind it.
    assert row.rstrip(" '").endswith(("yes", "yes,"))
    return {"number": saved["number"], "configuration": configuration(gateway), "belongings": belongings(gateway)}


@pytest.fixture(scope="module")
def bad(gateway, good):
    """Step 2, change: it goes through all gates. Its number."""
    run = play("deploy", extra=bad_change())
    assert run.code == 0, run.output
    assert newest(gateway)["complete"]
    assert configuration(gateway) != good["configuration"]
    return newest(gateway)["number"]


def test_steps_3_and_4_clients_are_hurt_and_the_list_says_by_what(bad, gateway, client):
    assert (client.ask().status_code, client.ask(text=LONG).status_code) == (200, 413)
    status = play("status")
    assert status.code == 0
    assert "down" not in status.output
    listed = gateway.run("ai-backend-rollback --list").splitlines()
    assert listed[1].split() == [
        str(bad),
        newest(gateway)["created"],
        "yes",
        "edge,litellm,llama-cpp@llama_cpp_native,redis",
        "yes",
    ]
    before = gateway.pids()
    looked = play("rollback", "--check")
    assert looked.code == 0, looked.output
    for line in ("-  allowed_fails: 4", "+  allowed_fails: 3", "redis: release", f"{ENGINE}: release", "edge: release"):
        assert line in looked.output
    assert (gateway.pids(), newest(gateway)["number"]) == (before, bad)


def test_step_5_all_services_are_restored_with_the_network_off(bad, good, gateway):
    with gateway.without_network():
        run = play("rollback")
    assert run.code == 0, run.output
    assert f"gpu1 runs what it ran at generation {good['number']} (now generation {bad + 1})." in run.output
    assert "The registry on disk is newer than the hosts" in run.output
    assert "+  allowed_fails: 3" in run.output
    made = newest(gateway)
    assert (made["number"], made["complete"], made["restores"]) == (bad + 1, True, good["number"])


def test_step_6_the_configuration_is_the_one_that_was_saved_to_the_byte(good, gateway):
    assert configuration(gateway) == good["configuration"]
    assert belongings(gateway) == good["belongings"]


def test_step_7_every_service_runs_on_it(gateway):
    status = play("status")
    for instance in ("redis", "edge", ENGINE, f"litellm@{gateway.slot()}"):
        (line,) = [line for line in status.output.splitlines() if f" {instance} " in line]
        assert gateway.release(instance) in line
        assert " ok" in line


def test_step_8_clients_are_answered_again_by_the_engine(gateway, client):
    before = gateway.tokens()
    assert [client.ask(text=f"{index} {LONG}").status_code for index in range(4)] == [200] * 4
    assert gateway.tokens() > before
    assert play("deploy").changed == 0


def test_there_and_back_a_client_loses_no_request(bad, good, gateway, client):
    """There by tag and playbook, back by the command on the host, which a second one can't disturb."""
    slot, engine = gateway.slot(), gateway.pids()[f"ai-backend-{ENGINE}.service"]
    with client.asking():
        run = play("rollback", "--tags", "redis,edge,litellm", extra={"ai_backend_generation": bad})
        assert run.code == 0, run.output
        assert gateway.slot() != slot
        assert configuration(gateway) != good["configuration"]
        command = ["docker", "exec", gateway.container, "ai-backend-rollback", "--to", str(good["number"])]
        services = ["--service", "redis", "--service", "edge", "--service", "litellm"]
        first = subprocess.Popen([*command, *services], stdout=subprocess.PIPE, text=True)
        assert "edge: release" in first.stdout.readline()
        second = gateway.host.run("ai-backend-rollback --to %s", str(bad))
        assert second.rc == 1
        assert "this host is being changed by" in second.stderr
        rest = first.communicate(timeout=120)[0]
        assert first.returncode == 0, rest
    assert f"(now generation {newest(gateway)['number']})" in rest
    assert configuration(gateway) == good["configuration"]
    assert gateway.slot() == slot
    assert gateway.pids()[f"ai-backend-{ENGINE}.service"] == engine


def test_tags_choose_services_and_nothing_else_moves(bad, gateway):
    for arguments, moved in (
        (("--tags", "redis,edge"), {"redis", "edge"}),
        (("--tags", "llama_cpp"), {ENGINE}),
        (("--skip-tags", "redis,edge,llama_cpp"), {"litellm"}),
    ):
        run = play("rollback", "--check", *arguments, extra={"ai_backend_generation": bad})
        assert run.code == 0, run.output
        named = {name for name in ("redis", "edge", ENGINE, "litellm") if f"{name}: release" in run.output}
        assert named == moved, run.output
    run = play("rollback", "--tags", "nginx")
    assert run.code != 0
    assert "No generation has the service nginx (there is edge, litellm, llama-cpp, redis)" in " ".join(
        run.output.split()
    )


def test_a_generation_nobody_has_is_refused(gateway):
    run = play("rollback", extra={"ai_backend_generation": 4711})
    assert run.code != 0
    assert "No host has a generation 4711." in run.output


@pytest.mark.parametrize("fault", ["damaged", "gone"])
def test_a_release_that_is_damaged_or_gone_is_refused_before_anything_moves(bad, gateway, fault):
    release = numbered(gateway, bad)["instances"]["edge"]["release"]
    folder = f"/opt/ai-backend/releases/edge/{release}"
    gateway.run(f"cp -a {folder} /root/aside")
    gateway.run(f"rm -r {folder}" if fault == "gone" else f"sed -i s/4000/4001/ {folder}/files/haproxy.cfg")
    before = gateway.pids(), newest(gateway)["number"], configuration(gateway)
    try:
        run = play("rollback", extra={"ai_backend_generation": bad})
        by_hand = gateway.host.run("ai-backend-rollback --to %s", str(bad))
        listed = gateway.run("ai-backend-rollback --list")
    finally:
        gateway.run(f"rm -rf {folder} && mv /root/aside {folder}")
    for code, words in ((run.code, run.output), (by_hand.rc, by_hand.stderr)):
        assert code != 0
        assert f"release {release} of edge is" in " ".join(words.split())
        assert "A deploy of the registry it came from" in " ".join(words.split())
    assert f"release {release} of edge is" in listed
    assert (gateway.pids(), newest(gateway)["number"], configuration(gateway)) == before


def test_the_last_ten_generations_can_be_restored_also_with_the_newest_lost(gateway):
    number = newest(gateway)["number"]
    with gateway.without_network():
        for lost in (False, True):
            if lost:
                gateway.run(f"mv {GENERATIONS}/{number}.json /root/")
            listed = [line.split() for line in gateway.run("ai-backend-rollback --list").splitlines()[1:]]
            complete = [words[0] for words in listed if words[2] == "yes"][:10]
            assert len(complete) >= 3
            try:
                for each in complete:
                    gateway.run(f"ai-backend-rollback --check --to {each}")
            finally:
                if lost:
                    gateway.run(f"mv /root/{number}.json {GENERATIONS}/")


def test_a_damaged_generation_file_ends_nothing_in_a_traceback(gateway, client):
    number = newest(gateway)["number"]
    gateway.run(f"cp {GENERATIONS}/{number}.json /root/ && truncate -s 40 {GENERATIONS}/{number}.json")
    changed = {"ai_backend_gateway": {**registry("gateway"), "requests_per_minute": 601}}
    try:
        status, deploy = play("status"), play("deploy", "--tags", "edge", extra=changed)
        listed = play("rollback", extra={"ai_backend_list": True})
        back = play("rollback", extra={"ai_backend_generation": number})
        again = play("deploy")
    finally:
        gateway.run(f"mv /root/{number}.json {GENERATIONS}/")
    runs = (status, deploy, listed, back, again)
    assert [run.code == 0 for run in runs] == [True, True, True, False, True], [run.output for run in runs]
    words = [" ".join(run.output.split()) for run in runs]
    assert f"generation {number} can't be read" in words[0]
    assert "until then no old release is deleted" in words[1]
    assert "its file is damaged" in words[2]
    assert f"generation {number} can't be read; choose another one" in words[3]
    assert not any("Traceback" in each for each in words)
    assert client.answers()


def test_it_works_when_the_registry_cannot_be_parsed(gateway, tmp_path):
    """Ansible itself stops at group_vars it can't read, before any playbook runs: it must be told not to read them."""
    (tmp_path / "hosts.yml").write_text((INVENTORY / "hosts.yml").read_text())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("ai_backend_providers: [\n")
    stopped = play("rollback", "-i", str(tmp_path), extra={"ai_backend_list": True})
    assert stopped.code != 0
    assert "YAML parsing failed" in stopped.output
    for arguments, environment in (
        (("-i", str(tmp_path)), {"ANSIBLE_VARS_ENABLED": ""}),
        (
            (
                "-i",
                f"{gateway.name},",
                "-e",
                f"ansible_connection=community.docker.docker ansible_host={gateway.container}",
            ),
            {},
        ),
    ):
        run = rollback_from(arguments, environment)
        assert run.returncode == 0, run.stdout + run.stderr
        assert "nothing had to change" in run.stdout or "would run what" in run.stdout


def rollback_from(arguments, environment):
    """The verb from another inventory than the scenario's."""
    command = ["ansible-playbook", *arguments, "lab.ai_backend.rollback", "--check"]
    variables = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)


def test_the_host_is_left_as_the_registry_says(good, gateway, client):
    run = play("deploy")
    assert (run.code, run.changed) == (0, 0), run.output
    assert configuration(gateway) == good["configuration"]
    wait(client.answers, 20)
