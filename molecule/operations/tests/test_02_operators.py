"""More than one person deploys: who lacks the secrets replaces none, and a key changes without a lost request."""

import os
import shutil
from pathlib import Path

import pytest
from fleet import play, two_engines, wait

SECRETS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets"
WAYS = ("ai_backend_secrets", "copy the folder", "ai_backend_secrets_from_hosts=true", "rotate.yml -e secret=")


@pytest.fixture
def colleague(tmp_path):
    """A checkout on another machine: the same inventory, a folder without secrets."""
    return {"host_secrets_folder": str(tmp_path / "secrets")}


def on_host(gateway):
    """What the host's secret files hold, and when they were written."""
    return gateway.run("cd /etc/ai-backend/secrets && sha256sum * && stat -c '%n %Y' *")


@pytest.mark.parametrize("mode", [["--check", "--diff"], []])
def test_a_colleague_without_the_secrets_is_stopped_before_anything_is_changed(gateway, colleague, mode):
    held, pids = on_host(gateway), gateway.pids()
    run = play("deploy", *mode, extra=colleague)
    assert (run.code, run.changed) == (2, 0), run.output
    said = " ".join(run.output.split())
    assert all(way in said for way in WAYS), run.output
    assert not Path(colleague["host_secrets_folder"]).exists()
    assert (on_host(gateway), gateway.pids()) == (held, pids)


def test_check_mode_reads_nothing_back_and_finds_nothing_to_change(colleague):
    run = play("deploy", "--check", extra={**colleague, "ai_backend_secrets_from_hosts": True})
    assert (run.code, run.changed) == (0, 0), run.output
    assert not Path(colleague["host_secrets_folder"]).exists()


def test_a_colleague_may_read_the_secrets_back_and_then_changes_nothing(gateway, colleague, tmp_path):
    held, pids, facts = on_host(gateway), gateway.pids(), tmp_path / "facts"
    cache = {"ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(facts)}
    run = play("deploy", "-vvvv", "--diff", extra={**colleague, "ai_backend_secrets_from_hosts": True}, **cache)
    assert run.code == 0, run.output
    shown = run.output + "".join(path.read_text() for path in facts.glob("*"))
    for mine in SECRETS.iterdir():
        theirs = Path(colleague["host_secrets_folder"]) / mine.name
        assert theirs.read_text() == mine.read_text()
        assert theirs.stat().st_mode & 0o777 == 0o600
        assert mine.read_text().strip() not in shown, mine.name
    assert (on_host(gateway), gateway.pids()) == (held, pids)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """The folder of a colleague who has read the secrets back before the rotations that follow."""
    folder = tmp_path_factory.mktemp("earlier") / "secrets"
    shutil.copytree(SECRETS, folder)
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    return folder


@pytest.mark.usefixtures("earlier")
def test_a_new_key_of_the_clients_counts_beside_the_old_one_until_its_time_is_over(gateway, client, tmp_path):
    shutil.copy(SECRETS / "LITELLM_MASTER_KEY", tmp_path / "old")
    with client.asking():
        run = play("rotate", "-vvv", extra={"secret": "LITELLM_MASTER_KEY", "ai_backend_rotate_grace_hours": 0.05})
        assert run.code == 0, run.output
    old, new = client.key, (SECRETS / "LITELLM_MASTER_KEY").read_text().strip()
    assert old != new
    assert not [name for name in (old, new) if name in run.output]
    assert client.ask(text="old").status_code == 200
    run = play("rotate", extra={"secret": "LITELLM_MASTER_KEY"})
    assert run.code == 2, "a second rotation would end the first key early"
    wait(lambda: client.ask(text="is it over").status_code == 401, 240)
    client.http.headers["Authorization"] = f"Bearer {new}"
    assert client.answers()
    pids = gateway.pids()
    assert play("deploy").code == 0
    assert gateway.pids() == pids
    assert "litellm-before.env" not in gateway.run("ls /etc/ai-backend/secrets")
    assert play("deploy").changed == 0


def test_a_colleague_with_the_key_of_before_does_not_bring_it_back(gateway, earlier):
    held = on_host(gateway)
    run = play("deploy", extra={"host_secrets_folder": str(earlier)})
    assert run.code == 2, run.output
    assert "LITELLM_MASTER_KEY in" in run.output
    assert "is older than its rotation by another controller" in " ".join(run.output.split())
    assert on_host(gateway) == held


def test_a_new_password_of_the_cache_costs_no_request(gateway, client):
    client.http.headers["Authorization"] = f"Bearer {(SECRETS / 'LITELLM_MASTER_KEY').read_text().strip()}"
    before = gateway.secret("redis.conf", "requirepass")
    with client.asking():
        run = play("rotate", extra={"secret": "REDIS_PASSWORD"})
        assert run.code == 0, run.output
    assert gateway.secret("redis.conf", "requirepass") != before
    assert client.cached(gateway) > 0
    assert play("deploy").changed == 0


def test_a_new_key_of_the_engines_costs_no_request(gateway, client):
    second = two_engines()
    run = play("deploy", extra=second)
    assert run.code == 0, run.output
    before, pids = gateway.secret("llama-cpp.env", "LLAMA_API_KEY"), gateway.pids()
    with client.asking():
        run = play("rotate", "-vvv", extra={**second, "secret": "AI_BACKEND_ENGINE_KEY"})
        assert run.code == 0, run.output
    after = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    assert (after, after == before) == ((SECRETS / "AI_BACKEND_ENGINE_KEY").read_text().strip(), False)
    assert not [key for key in (before, after) if key in run.output]
    assert "llama-cpp-before.env" not in on_host(gateway)
    for port in (8080, 8085):
        url = f"http://127.0.0.2:{port}/v1/models"
        assert (gateway.fetch(url, after).rc, gateway.fetch(url, before).rc) == (0, 1)
    assert {unit for unit, pid in gateway.pids().items() if pids.get(unit) != pid} >= {
        f"ai-backend-llama-cpp@{provider}.service" for provider in ("llama_cpp_native", "second")
    }
    assert play("deploy", extra=second).changed == 0
    run = play("deploy", extra={"ai_backend_confirm": True})
    assert run.code == 0, run.output


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", ""])
def test_what_is_not_ours_to_make_is_not_rotated(gateway, name):
    held = on_host(gateway)
    run = play("rotate", extra={"secret": name})
    assert (run.code, run.changed) == (2, 0), run.output
    assert on_host(gateway) == held
