"""The gateway here, the engine there."""

import base64
import copy
import json
import os
import subprocess

import pytest
from fleet import Client, play, registry, wait

# What gateway1's own edge offers of gpu1, and what gpu1's edge offers to other hosts.
RELAY, DOOR = "http://127.103.114.98:8080", ("fd00:41::12", 4443)
# Prints what crosses the network interface of a host, as Base64, until some words are among it.
SNIFF = """
import base64, socket, sys, time
seen, last, end = b"", sys.argv[1].encode(), time.monotonic() + 60
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
wire.settimeout(0.2)
print("ready", flush=True)
while last not in seen and time.monotonic() < end:
    try:
        packet, (interface, *_) = wire.recvfrom(65535)
    except TimeoutError:
        continue
    seen += packet if interface != "lo" else b""
print(base64.b64encode(seen).decode())
"""
# What a record with data begins with (RFC 8446, section 5.2).
TLS_RECORD = b"\x17\x03\x03"
# Sends some words over the network as they are.
SEND = (
    "import socket, sys; wire = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); "
    "wire.sendto(sys.argv[1].encode(), (sys.argv[2], 9))"
)


def test_the_gateway_answers_with_the_engine_of_the_other_host(client):
    answer = client.ask(text="from afar")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-litellm-model-api-base"] == f"{RELAY}/v1"


def test_the_engine_listens_on_loopback_and_its_edge_on_the_address_of_the_plan(machines):
    lines = machines["gpu1"].run("ss -Hltnp").splitlines()
    # 127.0.0.11 is Docker's own name service inside a container.
    listeners = [line.split() for line in lines if "127.0.0.11:" not in line]
    found = sorted((words[3], "haproxy" in words[5]) for words in listeners)
    assert found == [
        ("127.0.0.2:6379", True),
        ("127.0.0.2:8080", True),
        ("[fd00:41::12]:4443", True),
    ]


def test_the_cache_of_the_other_host_answers_repeats(client, machines):
    assert 0 < client.cached(machines["gpu1"]) <= 3600


def test_who_reads_the_network_between_the_hosts_reads_neither_prompts_nor_keys(client, machines):
    """Words sent as they are come last: they show that the reader sees what crosses, and end its work."""
    engine, cache = (("llama-cpp.env", "LLAMA_API_KEY"), ("redis.conf", "requirepass"))
    keys = [machines["gpu1"].secret(*place) for place in (engine, cache)]
    marker, plain = (f"{word}-{os.urandom(8).hex()}" for word in ("marker", "plain"))
    sniffer = subprocess.Popen(
        ["docker", "exec", machines["gpu1"].container, "python3", "-c", SNIFF, plain], stdout=subprocess.PIPE, text=True
    )
    assert sniffer.stdout.readline() == "ready\n"
    assert client.ask(text=marker).status_code == 200
    assert 0 < client.cached(machines["gpu1"]) <= 3600
    machines["gateway1"].run(f"python3 -c '{SEND}' {plain} {DOOR[0]}")
    seen = base64.b64decode(sniffer.communicate(timeout=90)[0])
    assert plain.encode() in seen, "the reader does not see what crosses the network"
    # A question and its answer, one look into the cache, one entry there: four records at least.
    assert seen.count(TLS_RECORD) >= 4
    for secret in (marker, *keys):
        assert secret and secret.encode() not in seen, f"{secret[:6]}… crossed the network as it is"


def test_a_host_that_is_no_member_is_refused_with_the_right_key_too(machines):
    key = machines["gpu1"].secret("llama-cpp.env", "LLAMA_API_KEY")
    assert "lab-tiny" in machines["gateway1"].fetch(f"{RELAY}/v1/models", key).stdout
    for url in ("https://[fd00:41::12]:4443/v1/models", "http://[fd00:41::12]:4443/v1/models"):
        refused = machines["outsider"].fetch(url, key)
        assert refused.rc != 0
        assert any(word in refused.stderr.lower() for word in ("reset", "closed", "eof")), refused.stderr


def test_a_process_on_a_member_is_refused_without_the_identity_of_the_fleet(machines):
    """Its address is right, and so is its key: who may log in to a gateway is not yet the gateway."""
    key = machines["gpu1"].secret("llama-cpp.env", "LLAMA_API_KEY")
    script = (
        "import socket, ssl, sys; c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = 0; "
        "s = c.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2])), 5), "
        "server_hostname='llama_cpp_native.fleet.internal'); "
        "s.sendall(('GET /v1/models HTTP/1.0\\r\\nAuthorization: Bearer %s\\r\\n\\r\\n' % sys.argv[3]).encode()); "
        "print(s.recv(4096))"
    )
    asked = machines["gateway1"].host.run("setpriv --reuid nobody python3 -c %s %s %s %s", script, *map(str, DOOR), key)
    assert asked.rc != 0
    assert "certificate required" in asked.stderr.lower(), asked.stderr
    shown = machines["gateway1"].host.run("setpriv --reuid nobody --clear-groups cat /run/ai-backend-edge/fleet.pem")
    assert (shown.rc, "Permission denied" in shown.stderr) == (1, True)


def test_the_identity_of_the_fleet_is_replaced_on_every_host(client, machines):
    def identities():
        return {machines[name].run("sha256sum < /run/ai-backend-edge/fleet.pem") for name in ("gateway1", "gpu1")}

    (before,) = identities()
    run = play("rotate", "-e", "secret=AI_BACKEND_FLEET_IDENTITY")
    assert run.code == 0, run.output
    (after,) = identities()
    assert after != before
    # While the hosts had different ones the engine may have got a short pause.
    wait(client.answers, 30)
    assert play("deploy").changed == 0


def test_clients_of_both_families_are_answered(client):
    """`bind: "::"` is all of IPv6 and IPv4."""
    both = {"ai_backend_gateway": {**registry("gateway"), "bind": "::"}}
    assert play("deploy", extra=both).code == 0
    wait(client.answers, 10)
    six = Client("[fd00:41::11]")
    wait(six.answers, 10)
    assert six.models() == client.models()
    assert play("deploy").code == 0
    wait(client.answers, 10)


def test_a_host_that_runs_nothing_of_ours_is_left_alone(machines):
    assert not machines["outsider"].host.file("/opt/ai-backend").exists


def test_the_other_host_restarting_is_survived(machines, client):
    machines["gpu1"].reboot()
    # The breaker opens after three failures and closes after its cooldown; a fresh question may meet it.
    wait(lambda: machines["gpu1"].host.run("systemctl is-active ai-backend-edge.service").rc == 0, 60)
    wait(client.answers, 330)


def test_a_limit_to_one_host_changes_nothing_there():
    for host in ("gateway1", "gpu1"):
        run = play("deploy", "--limit", host)
        assert (run.code, run.changed) == (0, 0), run.output


def test_the_live_checks_find_nothing_and_ask_the_other_host_as_the_gateway_does(machines):
    run = play("validate", "--tags", "live")
    assert run.code == 0, run.output
    assert "no findings on gpu1, gateway1" in run.output
    machines["gpu1"].run("systemctl stop ai-backend-edge.service")
    try:
        run = play("validate", "--tags", "live")
    finally:
        machines["gpu1"].run("systemctl start ai-backend-edge.service")
    assert run.code != 0
    words = " ".join(run.output.split())
    assert (
        f"gateway1: ai_backend_providers.llama_cpp_native: 'llama_cpp_native' on gpu1 at {RELAY}/health answers 503"
        in words
    )
    assert "gateway1: ai_backend_cache: the cache on gpu1: redis on port 6379 ends the connection" in words
    for service in ("llama_cpp_native", "redis"):
        assert f"gpu1: ai_backend_ports.services.{service}: nobody listens on port" in words
    wait(lambda: machines["gpu1"].settled(), 30)


def test_the_table_shows_what_the_edge_publishes_beside_its_service():
    run = play("ports", "-e", "ai_backend_ports_required=true")
    assert run.code == 0, run.output
    shown = [line.split()[1:6] for line in run.output.splitlines() if line.split()[2:3] == ["8080"]]
    # That of the engine's host, and the gateway's own one, for the engine there.
    assert [(verdict, unit) for verdict, _port, _service, unit, _pid in shown] == [("managed", "ai-backend-edge")] * 2
    (engine,) = [line for line in run.output.splitlines() if "/run/ai-backend/llama-cpp@" in line]
    assert engine.split()[1:4] == [
        "managed",
        "llama-cpp@llama_cpp_native",
        "ai-backend-llama-cpp@llama_cpp_native",
    ]


def newest(machine):
    """Number and content of a host's newest generation."""
    folder = "/var/lib/ai-backend/generations"
    number = max(int(name.partition(".")[0]) for name in machine.run(f"ls {folder}").split())
    return number, json.loads(machine.run(f"cat {folder}/{number}.json"))


def running(machines):
    """The release of the gateway, and that of the engine."""
    gateway = machines["gateway1"]
    return gateway.release(f"litellm@{gateway.slot()}"), machines["gpu1"].release("llama-cpp@llama_cpp_native")


# A second engine of ours on the engine's host.
SECOND = {
    "type": "llama_cpp",
    "hosts": "llama_cpp",
    "models": [{"name": "second-tiny", "source": "tiny"}],
}


def test_a_fleet_goes_back_as_one_generation(client, machines):
    """The first change touches the gateway's host alone, the second both: the hosts' numbers are not the same."""
    first = running(machines)
    begin, engine_begin = (newest(machines[name])[0] for name in ("gateway1", "gpu1"))
    changed = {"ai_backend_gateway": {**registry("gateway"), "breaker": {"failures": 4, "cooldown_seconds": 120}}}
    assert play("deploy", extra=changed).code == 0
    second = running(machines)
    assert (second[0] != first[0], second[1] == first[1]) == (True, True)
    assert newest(machines["gpu1"])[0] == engine_begin
    changed["ai_backend_providers"] = copy.deepcopy(registry("providers"))
    changed["ai_backend_providers"]["llama_cpp_native"]["models"][0]["context_length"] = 1024
    changed["ai_backend_providers"]["second"] = SECOND
    changed["ai_backend_ports"] = copy.deepcopy(registry("ports"))
    changed["ai_backend_ports"]["services"]["second"] = {"port": 8085, "category": "engines"}
    assert play("deploy", extra=changed).code == 0
    assert running(machines)[1] != first[1]
    assert client.answers(model="second-tiny")

    # Its engine goes, on a host that comes first: but not before the gateway has stopped to name it.
    # Then the default route answers to its name.
    with client.asking(model="second-tiny"):
        back = play("rollback")
    assert back.code == 0, back.output
    assert "second-tiny" not in client.models()
    assert running(machines) == second
    for name in ("gateway1", "gpu1"):
        number, content = newest(machines[name])
        assert (number, content["complete"], content["restores"]) == (
            begin + 3,
            True,
            {"gateway1": begin + 1, "gpu1": engine_begin}[name],
        )
    assert "outsider runs nothing managed" not in back.output, "whoever is not ours is not asked"
    further = play("rollback")
    assert further.code == 0, further.output
    assert running(machines) == first
    assert play("deploy").changed == 0
    wait(client.answers, 10)


def test_status_covers_every_host():
    run = play("status")
    assert run.code == 0, run.output
    assert "gpu1" in run.output
    assert "llama-cpp@llama_cpp_native" in run.output
    assert "(nothing managed)" not in run.output, "whoever is not ours is not asked"


@pytest.fixture
def gone(tmp_path):
    """A member of ours and a stranger whom ssh does not reach, as a further inventory."""
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nexit 255\n")
    ssh.chmod(0o755)
    host = {"ansible_connection": "ssh", "ansible_ssh_executable": str(ssh)}
    hosts = {"all": {"hosts": {"away": host, "stranger": host}, "children": {"vllm": {"hosts": {"away": {}}}}}}
    (tmp_path / "gone.yml").write_text(json.dumps(hosts))
    return "-i", str(tmp_path / "gone.yml")


def test_a_way_back_goes_on_without_a_host_that_is_gone_and_names_it(client, machines, gone):
    before = running(machines)
    number, _content = newest(machines["gateway1"])
    changed = {"ai_backend_gateway": {**registry("gateway"), "breaker": {"failures": 5, "cooldown_seconds": 120}}}
    assert play("deploy", extra=changed).code == 0
    assert running(machines) != before
    shown = play("status", *gone)
    assert (shown.code, "stranger can't" in shown.output) == (2, False), shown.output
    assert "away can't be reached" in shown.output
    assert "unreachable" in shown.output
    back = play("rollback", *gone, extra={"ai_backend_generation": number})
    assert back.code == 2, back.output
    said = " ".join(back.output.split())
    assert f"rollback -e ai_backend_generation={number} --limit away" in said
    assert running(machines) == before
    assert play("deploy").changed == 0
    wait(client.answers, 10)
