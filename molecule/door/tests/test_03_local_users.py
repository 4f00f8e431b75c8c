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
    locks = gateway.run("find /run/ai-backend-change -type f").split()
    assert locks
    for path in locks:
        done = gateway.host.run(f"{AS_NOBODY} flock --nonblock {path} true")
        assert "Permission denied" in done.stderr, (path, done.stderr)
        assert gateway.host.run(f"flock --nonblock {path} true").rc == 0, path


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


# Prints the status of a chat of the engine, with the key of the first argument.
ASK = """
import json, sys, urllib.error, urllib.request
body = json.dumps({"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}).encode()
headers = {"Authorization": "Bearer " + sys.argv[1], "Content-Type": "application/json"}
question = urllib.request.Request("http://127.0.0.1:8080/v1/chat/completions", body, headers)
try:
    print(urllib.request.urlopen(question, timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def test_the_ports_of_loopback_that_every_user_reaches_need_a_key(gateway):
    right = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    for key, status in (("", "401"), ("wrong", "401"), (right, "200")):
        asked = gateway.host.run(f"{AS_NOBODY} python3 -c %s %s", ASK, key)
        assert asked.stdout.strip() == status, asked.stderr
    done = gateway.host.run(f"{AS_NOBODY} redis-cli -h 127.0.0.1 ping")
    assert "NOAUTH" in done.stdout + done.stderr
