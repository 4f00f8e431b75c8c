"""Who has an account on the host and is not root: nothing to read, nothing to stop, nothing to take the place of."""

import pytest

AS_NOBODY = "runuser -u nobody -- "


@pytest.mark.parametrize("place", ["secrets", "secrets/litellm.env", "secrets/redis.conf"])
def test_secrets_are_closed(gateway, place):
    done = gateway.host.run(f"{AS_NOBODY} cat /etc/ai-backend/{place}")
    assert done.rc != 0
    assert "Permission denied" in done.stderr


def test_the_environment_and_memory_of_a_service_are_closed(gateway):
    for unit, pid in gateway.pids().items():
        done = gateway.host.run(f"{AS_NOBODY} cat /proc/{pid}/environ")
        assert done.rc != 0, unit
        assert gateway.run(f"systemctl show -p LimitCORE --value {unit}").strip() == "0"


def test_nobody_can_hold_the_lock_of_a_deploy(gateway):
    locks = gateway.run("find /run /var/lib/ai-backend /etc/ai-backend -name '*lock*' 2>/dev/null || :").split()
    ours = [path for path in locks if "ai-backend" in path]
    for path in ours:
        done = gateway.host.run(f"{AS_NOBODY} flock --nonblock {path} true")
        assert done.rc != 0, path


def test_nobody_changes_what_runs(gateway):
    for place in (
        "/opt/ai-backend",
        "/opt/ai-backend/instances",
        "/opt/ai-backend/releases",
        "/etc/ai-backend",
        "/run/ai-backend",
    ):
        done = gateway.host.run(f"{AS_NOBODY} touch {place}/mine")
        assert done.rc != 0, place


def test_nobody_asks_the_gateway_past_the_edge_or_redis_and_engine_without_a_key(gateway):
    """Ports of loopback are open to every user; without a key they tell nothing."""
    ask = f"{AS_NOBODY} python3 -c \"import urllib.request as r; print(r.urlopen('%s', timeout=5).read())\""
    for url in ("http://127.0.0.1:8080/v1/models", "http://127.0.0.1:8080/props"):
        done = gateway.host.run(ask % url)
        assert "401" in done.stderr or "lab-tiny" not in done.stdout, url
    done = gateway.host.run(f"{AS_NOBODY} redis-cli -h 127.0.0.1 ping")
    assert "NOAUTH" in done.stdout + done.stderr
