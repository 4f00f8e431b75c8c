"""The way back where something is wrong: with releases, generations, the registry, or what is asked for."""

import os
import subprocess

import pytest
from fleet import INVENTORY, play, registry
from generations import ENGINE, GENERATIONS, bad_change, configuration, newest, numbered


@pytest.fixture(scope="module")
def bad(gateway):
    """The number of a generation with another release of each service; the host is back on the one before."""
    run = play("deploy", extra=bad_change())
    assert run.code == 0, run.output
    number = newest(gateway)["number"]
    run = play("rollback")
    assert run.code == 0, run.output
    return number


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
