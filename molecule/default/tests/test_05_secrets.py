"""A secret is where it must be and nowhere else."""

import shlex

from fleet import play, wait

SENTINELS = {
    "LITELLM_MASTER_KEY": "sk-sentinel-master-5f0c7a",
    "REDIS_PASSWORD": "sentinel-redis-91ab3e",
    "AI_BACKEND_ENGINE_KEY": "sentinel-engine-77d2c4",
}


def test_given_secrets_appear_nowhere_but_in_their_files(gateway, client, tmp_path):
    cache = tmp_path / "facts"
    run = play_with_sentinels(tmp_path, cache)
    assert run.code == 0, run.output
    for name, value in SENTINELS.items():
        assert value not in run.output, name
        for path in cache.rglob("*") if cache.exists() else []:
            assert value not in path.read_text(), (name, path)
        assert value not in gateway.run("ps axww -o args"), name
        pattern = shlex.quote(value)
        where = "/etc /opt/ai-backend /var/lib/ai-backend /var/log /tmp /run /root"
        readable = gateway.run(f"grep -rlsF {pattern} --exclude-dir=credentials {where} || true").split()
        assert all(path.startswith("/etc/ai-backend/secrets/") for path in readable), readable
        assert gateway.run("find /etc/ai-backend/secrets -type f ! -perm 600").strip() == ""
        shown = gateway.run("systemctl show 'ai-backend-*' --property=Environment,ExecStart")
        assert value not in shown, name
    client.http.headers["Authorization"] = f"Bearer {SENTINELS['LITELLM_MASTER_KEY']}"
    assert client.answers()


def play_with_sentinels(tmp_path, cache):
    """Secrets as a user gives them: in a variables file, here in place of a vault."""
    given = tmp_path / "secrets.yml"
    lines = [f"  {name}: {value}\n" for name, value in SENTINELS.items()]
    given.write_text("ai_backend_secrets:\n" + "".join(lines))
    given.chmod(0o600)
    return play(
        "deploy",
        "-vvv",
        "--diff",
        "-e",
        f"@{given}",
        ANSIBLE_CACHE_PLUGIN="ansible.builtin.jsonfile",
        ANSIBLE_CACHE_PLUGIN_CONNECTION=str(cache),
    )


def test_the_secrets_before_come_back_and_every_service_takes_them(gateway, client):
    earlier = "/etc/ai-backend/secrets/of-an-earlier-generation.env"
    gateway.run(f"install -m 600 /dev/null {earlier}")
    run = play("deploy")
    assert run.code == 0, run.output
    assert gateway.host.file(earlier).exists, "a deploy deletes no secret: a way back may need it"
    client.http.headers["Authorization"] = f"Bearer {client.key}"
    wait(client.answers, 10)
    assert play("deploy").changed == 0
