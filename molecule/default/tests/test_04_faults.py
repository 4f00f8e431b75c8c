"""Faults a night brings: the cache goes, the host loses power at the worst moment."""

import concurrent.futures
import copy
import re

import pytest
from fleet import play, registry, wait

COOLDOWNS = "/var/lib/ai-backend/litellm/cooldowns"


def test_without_redis_requests_go_on_and_the_cache_comes_back_with_it(gateway, client):
    gateway.run("systemctl stop ai-backend-redis.service")
    try:
        assert all(client.answers() for _ in range(5))
    finally:
        gateway.run("systemctl start ai-backend-redis.service")

    wait(lambda: client.cached(gateway) > 0, 20)


def test_an_engine_that_nobody_stands_in_for_is_asked_again_soon_after_it_is_up(gateway, client):
    unit = "ai-backend-llama-cpp@llama_cpp_native.service"
    gateway.run(f"systemctl stop {unit}")
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            # Each waits at the edge for the engine, which may only be restarting.
            codes = list(clients.map(lambda number: client.ask(text=f"waits {number}").status_code, range(8)))
        assert 200 not in codes
        answer = client.ask(text="is it out")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
        # It lasts five seconds, which is less than a play.
        gateway.run(f'sed -i \'s/"until": [0-9.]*/"until": 9999999999/\' {COOLDOWNS}/*.json')
        # Ansible folds a long line at its blanks.
        shown = " ".join(play("status").output.split())
        assert re.search(r"on gpu1 out of rotation for \d+ s - 503 llama_cpp_native is not up", shown), shown
    finally:
        gateway.run(f"rm -f {COOLDOWNS}/*.json; systemctl start {unit}")
    wait(client.answers, 15)


# llama-server as it is while it loads a model.
LOADING = """
import http.server, os, shutil, socket, socketserver
class Loading(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(503, "Loading model")
    do_POST = do_GET
    def address_string(self):
        return "the edge"
place = "/run/ai-backend/llama-cpp@llama_cpp_native"
os.mkdir(place)
shutil.chown(place, group="ai-backend-edge")
os.chmod(place, 0o750)
os.umask(0)
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    pass
Server(place + "/http.sock", Loading).serve_forever()
"""


def test_a_request_waits_while_the_only_engine_loads_its_model(gateway, client):
    unit = "ai-backend-llama-cpp@llama_cpp_native.service"
    gateway.run(f"systemctl stop {unit} && systemd-run --unit=loading python3 -c '{LOADING}'")
    with concurrent.futures.ThreadPoolExecutor() as clients:
        asked = clients.submit(client.ask, text="is it loaded")
        wait(lambda: gateway.run("journalctl -u loading.service --output cat").count("GET /health") >= 8, 20)
        assert not asked.done()
        gateway.run("systemctl stop loading.service && rm -r /run/ai-backend/llama-cpp@llama_cpp_native")
        gateway.run(f"systemctl start {unit}")
        assert asked.result().status_code == 200


def test_after_a_reboot_the_active_slot_serves_and_no_other(gateway, client):
    slot = gateway.slot()
    gateway.reboot()
    wait(client.answers, 90)
    running = [unit for unit in gateway.pids() if "litellm" in unit]
    assert running == [f"ai-backend-litellm@{slot}.service"]


def test_a_reboot_before_the_commit_leaves_the_old_slot_serving(gateway, client):
    """The candidate runs and was proven; power goes before the rename."""
    slot = gateway.slot()
    other = gateway.other_slot()
    link = gateway.run(f"readlink /opt/ai-backend/instances/litellm@{slot}").strip()
    gateway.run(f"ln -sfn {link} /opt/ai-backend/instances/litellm@{other}")
    gateway.run(f"mkdir -p /etc/systemd/system/ai-backend-litellm@{other}.service.d")
    gateway.run(f"cp {link}/release.conf /etc/systemd/system/ai-backend-litellm@{other}.service.d/")
    gateway.run(f"systemctl daemon-reload && systemctl start ai-backend-litellm@{other}.service")
    gateway.reboot()
    wait(client.answers, 90)
    assert [unit for unit in gateway.pids() if "litellm" in unit] == [f"ai-backend-litellm@{slot}.service"]


def test_a_reboot_between_commit_and_drain_brings_up_the_new_slot_alone(gateway, client):
    """The rename has happened; power goes before HAProxy was told and the old slot stopped."""
    other = gateway.other_slot()
    gateway.run(f"systemctl start ai-backend-litellm@{other}.service")
    gateway.run(f"printf 'active {other}\\n' > /etc/ai-backend/litellm/active-slot")
    gateway.reboot()
    wait(client.answers, 90)
    assert [unit for unit in gateway.pids() if "litellm" in unit] == [f"ai-backend-litellm@{other}.service"]
    run = play("deploy")
    assert (run.code, run.changed) == (0, 0), run.output


def test_a_candidate_left_running_by_a_dead_run_is_stopped_by_the_next(gateway, client):
    slot = gateway.slot()
    other = gateway.other_slot()
    gateway.run(f"systemctl start ai-backend-litellm@{other}.service")
    run = play("deploy")
    assert run.code == 0, run.output
    assert [unit for unit in gateway.pids() if "litellm" in unit] == [f"ai-backend-litellm@{slot}.service"]
    assert client.answers()


def test_an_edge_that_routes_elsewhere_than_the_file_says_is_mended(gateway, client):
    other = gateway.other_slot()
    path = "/etc/ai-backend/litellm/active-slot"
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/ai-backend-edge/admin.sock'); "
        f"s.sendall(b'set map {path} active {other}\\n'); s.recv(100)"
    )
    gateway.run(f'python3 -c "{script}"')
    assert not client.answers()
    run = play("deploy")
    assert (run.code, run.changed > 0) == (0, True), run.output
    assert client.answers()


def test_a_change_of_the_registry_is_committed_without_a_lost_request(gateway, client):
    slot = gateway.slot()
    changed = copy.deepcopy(registry("gateway"))
    changed["breaker"] = {"failures": 4, "cooldown_seconds": 120}
    with client.asking() as answers:
        run = play("deploy", extra={"ai_backend_gateway": changed})
        assert run.code == 0, run.output
        assert gateway.slot() != slot
        assert play("deploy").code == 0
        assert gateway.slot() == slot
    assert len(answers) > 30


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"llama_cpp_archive_url": "file:///nope.tgz", "llama_cpp_archive_sha256": "0" * 64}, "/nope.tgz isn't on the"),
        ({"llama_cpp_archive_url": "", "llama_cpp_archive_sha256": ""}, "which needs llama_cpp_archive_url"),
        ({"llama_cpp_install": "package", "llama_cpp_package": "no-such-engine"}, "has no package no-such-engine"),
    ],
)
def test_check_mode_says_what_would_stop_an_install(gateway, extra, words):
    run = play("deploy", "--check", "--tags", "llama_cpp", extra=extra)
    assert run.code != 0
    assert words in run.output
