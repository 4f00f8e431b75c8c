"""An engine that must restart lets others answer meanwhile, and says so where there is nobody."""

import copy
import re

from fleet import play, registry, two_engines, wait


def engine_pid(gateway):
    return gateway.pids()["ai-backend-llama-cpp@llama_cpp_native.service"]


def test_an_engine_with_a_companion_restarts_and_nobody_notices(gateway, client):
    run = play("deploy", extra=two_engines())
    assert run.code == 0, run.output
    before = engine_pid(gateway)
    with client.asking():
        run = play("reload", extra=two_engines(context_length=1024))
    assert run.code == 0, run.output
    assert engine_pid(gateway) != before
    # Other names have that engine alone.
    (said,) = re.findall(r"WARNING\]: ([^]]*) pause while", " ".join(run.output.split()))
    assert "code_generation" in said
    assert "lab-tiny" not in said
    run = play("reload", extra=two_engines(context_length=1024))
    assert (run.code, run.changed) == (0, 0), run.output


def test_an_engine_that_was_left_out_of_rotation_is_let_back_in(gateway, client):
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/ai-backend-edge/admin.sock'); "
        "s.sendall(b'set server llama_cpp_native/local state drain\\n'); s.recv(100)"
    )
    gateway.run(f'python3 -c "{script}"')
    answer = client.ask(text="who is there")
    assert (answer.status_code, answer.json()["model"]) == (200, "second-tiny")
    before = engine_pid(gateway)
    run = play("deploy", extra=two_engines(context_length=1024))
    assert (run.code, run.changed > 0) == (0, True), run.output
    assert engine_pid(gateway) == before
    # The gateway's breaker may have opened meanwhile; the engine itself answers through the edge again.
    key = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    assert "lab-tiny" in gateway.fetch("http://127.0.0.2:8080/v1/models", key).stdout


def test_an_engine_that_leaves_the_registry_goes_after_the_gateway_that_asked_it(gateway, client):
    with client.asking():
        run = play("reload", extra={"ai_backend_confirm": True})
    assert run.code == 0, run.output
    assert "ai-backend-llama-cpp@second.service" not in gateway.pids()
    assert "8085" not in gateway.run("ss -Hltn")
    run = play("deploy")
    assert (run.code, run.changed) == (0, 0), run.output


def test_where_nobody_else_answers_the_pause_is_said_beforehand(gateway, client):
    providers = copy.deepcopy(registry("providers"))
    providers["llama_cpp_native"]["models"][0]["context_length"] = 1024
    run = play("reload", "--check", extra={"ai_backend_providers": providers})
    assert "lab-tiny" in run.output
    assert "no other engine answers them" in " ".join(run.output.split())
    wait(client.answers, 20)
