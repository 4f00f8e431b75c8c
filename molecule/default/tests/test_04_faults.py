"""Faults a night brings: the cache goes, the engine, the power."""

import concurrent.futures
import re

from fleet import play, wait

COOLDOWNS = "/var/lib/ai-backend/litellm/cooldowns"


def test_without_redis_requests_go_on_and_the_cache_comes_back_with_it(gateway, client):
    gateway.run("systemctl stop ai-backend-redis.service")
    try:
        assert all(client.answers() for _ in range(5))
    finally:
        gateway.run("systemctl start ai-backend-redis.service")

    assert client.cached(gateway) > 0


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
