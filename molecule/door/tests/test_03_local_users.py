"""Who has an account on the host and is not root: nothing to read, nothing to stop, nothing to take the place of."""

import pytest
from fleet import wait

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
question = urllib.request.Request("http://127.0.0.2:8080/v1/chat/completions", body, headers)
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
    done = gateway.host.run(f"{AS_NOBODY} redis-cli -h 127.0.0.2 ping")
    assert "NOAUTH" in done.stdout + done.stderr


# Writes down all that is sent to a port.
THIEF = """
import socket, sys
taken = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _peer = taken.accept()
    print(connection.recv(65536), flush=True)
    connection.close()
"""


@pytest.mark.parametrize(("service", "port"), [("llama-cpp@llama_cpp_native", 8080), ("redis", 6379)])
def test_who_takes_the_port_of_a_service_that_is_down_is_sent_nothing(gateway, client, service, port):
    thief = f"thief-{port}"
    start = f"systemd-run --quiet --unit={thief} --property=User=nobody python3 -c %s {port}"
    got = f"journalctl --unit {thief}.service --output cat _TRANSPORT=stdout"
    gateway.run(f"systemctl stop ai-backend-{service}.service")
    try:
        assert gateway.host.run(start, THIEF).rc == 0
        wait(lambda: "127.0.0.1" in gateway.run(f"ss -Hltn sport = :{port}"), 10)
        asked = client.ask(text="is this for me")
        assert asked.status_code == (200 if service == "redis" else 503), asked.text
        assert gateway.run(got) == ""
        # That the thief does write down what it is sent:
        gateway.fetch(f"http://127.0.0.1:{port}/", "a-key")
        assert "Bearer a-key" in gateway.run(got)
    finally:
        gateway.host.run(f"systemctl stop {thief}.service")
        gateway.run(f"systemctl start ai-backend-{service}.service")
    wait(client.answers, 30)
