"""What only a host can tell: who listens, who answers, what is really there. Everything is put back as it was."""

import copy
import json
import os
import pty
import select
import signal
import time
from contextlib import contextmanager

import pytest
from fleet import INVENTORY, PROJECT, play, registry, wait

LISTEN = "python3 -m http.server --bind 127.0.0.1"


def look(**extra):
    """Exit code, and findings as a program reads them."""
    run = play("validate", "--tags", "live", extra=extra, ANSIBLE_STDOUT_CALLBACK="lab.ai_backend.findings")
    document = json.loads(run.output[run.output.index("{") : run.output.rindex("}") + 1])
    found = [row for row in document["findings"] if "host" in row]
    return run.code, [(row["check"], row["severity"], row["path"]) for row in found], found


@contextmanager
def listener(machine, port, unit=""):
    """Somebody who listens: a process of nobody's, or one of a unit."""
    start = (
        f"systemd-run --quiet --unit={unit} {LISTEN} {port}" if unit else f"setsid {LISTEN} {port} >/dev/null 2>&1 &"
    )
    machine.run(start)
    # The edge may have the same port at another address.
    there = f"ss -Hltn src 127.0.0.1:{port}"
    wait(lambda: machine.run(there).strip(), 10)
    try:
        yield
    finally:
        machine.host.run(f"systemctl stop {unit}" if unit else f"pkill -f '[h]ttp.server.*{port}'")
        wait(lambda: not machine.run(there).strip(), 10)


@contextmanager
def stopped(machine, unit):
    """A unit of ours that is not up."""
    machine.run(f"systemctl stop {unit}")
    try:
        yield
    finally:
        machine.run(f"systemctl start {unit}")


def holds(machine, port):
    """Whether somebody listens on a port of the host."""
    return bool(machine.host.run(f"ss -Hltn sport = :{port}").stdout.strip())


def test_on_a_host_as_deployed_nothing_is_found_and_nothing_changes(gateway):
    before = gateway.pids()
    code, found, _rows = look()
    assert (code, found) == (0, [])
    run = play("validate", "--tags", "live", "--check")
    assert (run.code, run.changed) == (0, 0), run.output
    assert "no findings on gpu1" in run.output
    assert gateway.pids() == before


def test_a_gateway_that_other_hosts_reach_without_tls_is_a_warning():
    gateway = {**registry("gateway"), "trusted_proxies": []}
    code, found, _rows = look(ai_backend_gateway=gateway)
    assert (code, found) == (0, [("secrets", "warning", "ai_backend_gateway.tls_certificate")])


def test_without_the_tag_no_host_is_looked_at():
    run = play("validate")
    assert run.code == 0, run.output
    assert "lab.ai_backend.look" not in run.output


def test_a_stopped_cache_is_critical_for_its_port_and_its_password(gateway):
    with stopped(gateway, "ai-backend-redis.service"):
        code, found, _rows = look()
    assert code != 0
    assert found == [
        ("ports", "critical", "ai_backend_ports.services.redis"),
        ("cache", "critical", "ai_backend_cache"),
    ]


def test_a_stopped_engine_is_critical_for_its_port_and_its_health(gateway):
    with stopped(gateway, "ai-backend-llama-cpp@llama_cpp_native.service"):
        code, found, _rows = look()
    assert code != 0
    assert found == [
        ("references", "critical", "ai_backend_providers.llama_cpp_native"),
        ("ports", "critical", "ai_backend_ports.services.llama_cpp_native"),
    ]


def test_a_model_the_engine_lacks_is_critical_where_it_is_declared():
    providers = copy.deepcopy(registry("providers"))
    providers["llama_cpp_native"]["models"][0]["name"] = "lab-tinny"
    routing = copy.deepcopy(registry("routing"))
    routing["capability_routing"]["code_generation"][1]["model"] = "lab-tinny"
    code, found, rows = look(ai_backend_providers=providers, ai_backend_routing=routing)
    assert code != 0
    assert found == [("references", "critical", "ai_backend_providers.llama_cpp_native.models[0]")]
    assert "did you mean 'lab-tiny'?" in rows[0]["hint"]


def test_an_unmanaged_engine_that_is_not_there_is_critical():
    providers = copy.deepcopy(registry("providers"))
    providers["vllm"]["status"] = "active"
    code, found, _rows = look(ai_backend_providers=providers)
    assert (code != 0, found) == (True, [("references", "critical", "ai_backend_providers.vllm")])


@pytest.mark.parametrize("damage", ["generation", "release"])
def test_a_way_back_that_is_damaged_is_critical(gateway, damage):
    newest = gateway.run("ls /var/lib/ai-backend/generations | sort -n | tail -1").strip()
    path = f"/var/lib/ai-backend/generations/{newest}"
    if damage == "release":
        path = f"/opt/ai-backend/releases/redis/{gateway.release('redis')}/files/redis.conf"
    gateway.run(f"cp -a {path} /root/kept && echo '{{' >> {path}")
    try:
        code, found, _rows = look()
    finally:
        gateway.run(f"cp -a /root/kept {path} && rm /root/kept")
    assert (code != 0, found) == (True, [("generations", "critical", "host.gpu1")])


def test_a_stranger_on_a_port_of_ours_is_named_and_not_sent_our_password(gateway):
    with stopped(gateway, "ai-backend-redis.service"), listener(gateway, 6379, "somebody.service"):
        code, found, rows = look()
        shown = play("ports", "-e", "ai_backend_ports_required=true")
    assert code != 0
    redis = ("ports", "critical", "ai_backend_ports.services.redis")
    # The second one is that its socket is silent.
    assert found == [redis, redis, ("cache", "critical", "ai_backend_cache")]
    assert "python3" in rows[0]["message"]
    assert "somebody.service" in rows[0]["message"]
    assert "another process listens" in rows[2]["message"]
    (line,) = [line for line in shown.output.splitlines() if "foreign" in line]
    assert line.split()[1:4] == ["foreign", "6379", "redis"]
    assert "somebody" in line
    assert "grafana" not in shown.output


def test_the_table_has_a_line_for_each_port_of_the_registry_and_each_listener(gateway):
    run = play("ports")
    assert run.code == 0, run.output
    assert run.changed == 0, run.output
    slot = gateway.slot()
    for port, verdict, unit in (
        ("4000", "managed", "ai-backend-edge"),
        # The edge has the ports of Redis and of the engine.
        ("6379", "managed", "ai-backend-edge"),
        ("8080", "managed", "ai-backend-edge"),
        ("3000", "free", ""),
        ("9080", "reserved", ""),
    ):
        lines = [line for line in run.output.splitlines() if line.split()[1:3] == [verdict, port]]
        assert any(unit in line for line in lines), port
    # They have sockets, which every user would have to be root to take.
    for verdict, of in (
        ("managed", f"litellm@{slot}"),
        ("idle", f"litellm@{gateway.other_slot()}"),
        ("managed", "llama-cpp@llama_cpp_native"),
        ("managed", "redis"),
    ):
        (line,) = [line for line in run.output.splitlines() if f" ai-backend-{of} " in f"{line} "]
        assert line.split()[1:3] == [verdict, of]
    (line,) = [line for line in run.output.splitlines() if "redis-server" in line]
    assert f" {gateway.pids()['ai-backend-redis.service']} " in line


def test_one_port_can_be_asked_for_and_one_that_is_nobodys_is_refused():
    run = play("ports", "-e", "port=8001")
    assert run.code == 0, run.output
    assert "vllm" in run.output
    assert "grafana" not in run.output.partition("VERDICT")[2]
    run = play("ports", "-e", "port=8765")
    assert run.code != 0
    assert "port 8765 is not in the registry" in run.output


FIX = ("-e", "port=8001", "-e", "ai_backend_ports_fix=true")


def test_nothing_is_stopped_without_a_word(gateway):
    """No terminal, no confirmation; false is false also as an extra variable, and a check is only a look."""
    with listener(gateway, 8001):
        assert play("ports", "-e", "port=8001", "-e", "ai_backend_ports_fix=false").code == 0
        refused = play("ports", *FIX, "-e", "ai_backend_confirm=false")
        assert refused.code != 0
        assert "nobody confirmed it" in refused.output
        shown = play("ports", *FIX, "--check")
        assert (shown.code, shown.changed) == (0, 1), shown.output
        assert "would end python3" in shown.output
        assert holds(gateway, 8001)


def test_a_process_is_ended_once_it_was_confirmed(gateway):
    with listener(gateway, 8001):
        run = play("ports", *FIX, "-e", "ai_backend_confirm=true")
        assert (run.code, run.changed) == (0, 1), run.output
        assert "port 8001 is free: python3" in run.output
        assert not holds(gateway, 8001)
        again = play("ports", *FIX, "-e", "ai_backend_confirm=true")
        assert (again.code, again.changed) == (0, 0), again.output


def test_a_unit_is_stopped_as_a_unit_and_said_to_stay_enabled(gateway):
    unit = "/etc/systemd/system/somebody.service"
    text = f"[Service]\\nExecStart=/usr/bin/{LISTEN} 8001\\nRestart=always\\n[Install]\\nWantedBy=multi-user.target\\n"
    gateway.run(
        f"printf '{text}' > {unit} && systemctl daemon-reload && systemctl enable --quiet --now somebody.service"
    )
    try:
        wait(lambda: holds(gateway, 8001), 10)
        run = play("ports", *FIX, "-e", "ai_backend_confirm=true")
        words = " ".join(run.output.split())
        assert (run.code, run.changed) == (0, 1), run.output
        assert "unit somebody.service was stopped" in words
        assert "`systemctl disable somebody.service` keeps it off" in words
        assert gateway.host.run("systemctl is-active somebody.service").stdout.strip() == "inactive"
        assert not holds(gateway, 8001)
    finally:
        gateway.run(f"systemctl disable --quiet --now somebody.service; rm {unit}; systemctl daemon-reload")


def test_one_that_ignores_the_signal_is_left_alive_and_said(gateway):
    deaf = (
        "import signal, socket; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "s = socket.create_server(('127.0.0.1', 8001)); signal.pause()"
    )
    gateway.run(f'setsid python3 -c "{deaf}" >/dev/null 2>&1 &')
    wait(lambda: holds(gateway, 8001), 10)
    try:
        run = play("ports", *FIX, "-e", "ai_backend_confirm=true", "-e", "ports_timeout=1")
        assert run.code != 0
        assert "still listens after 1 s" in " ".join(run.output.split())
        assert holds(gateway, 8001)
    finally:
        gateway.run("pkill -KILL -f '[s]ignal.pause'")
        wait(lambda: not holds(gateway, 8001), 10)


def test_one_of_ours_is_never_stopped(gateway, client):
    """Neither where it should listen nor on a port that the registry says is another's."""
    before = gateway.pids()
    run = play("ports", "-e", "ai_backend_ports_fix=true", "-e", "ai_backend_confirm=true")
    assert (run.code, run.changed) == (0, 0), run.output
    ports = copy.deepcopy(registry("ports"))
    ports["services"]["openwebui"] = {"port": 6379, "category": "cache"}
    ports["services"]["redis"]["port"] = 6380
    moved = {"ai_backend_ports": ports, "ai_backend_ports_fix": True, "ai_backend_confirm": True}
    run = play("ports", extra=moved)
    assert (run.code, run.changed) == (0, 0), run.output
    assert "misplaced" in run.output
    assert gateway.pids() == before
    assert client.answers()


def answered(word):
    """Exit code and output of the fix at a terminal where somebody answers."""
    command = ["ansible-playbook", "-i", str(INVENTORY), str(PROJECT / "playbooks" / "ports.yml"), *FIX]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(PROJECT)
        os.execvpe(command[0], command, {**os.environ, "ANSIBLE_FORCE_COLOR": "0"})  # noqa: S606 - no shell
    seen, end = b"", time.monotonic() + 120
    while time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break  # how Linux tells that nobody is at the other end of a terminal any more
        elif b"(yes/no)" in seen:
            # Typed only once nothing more comes: Ansible throws away what was typed before it reads.
            os.write(terminal, f"{word}\r".encode())
    else:
        os.kill(child, signal.SIGTERM)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()


def test_at_a_terminal_the_question_names_what_goes_and_no_is_no(gateway):
    with listener(gateway, 8001):
        code, output = answered("no")
        assert code != 0
        assert "gpu1: port 8001 of vllm: end python3 (pid" in output
        assert holds(gateway, 8001)
        code, output = answered("yes")
        assert code == 0, output
        assert not holds(gateway, 8001)
