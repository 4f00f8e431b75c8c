"""vLLM's unit, health, measurements and way back, with a stand-in that starts as vLLM does and computes nothing.

`make test-heavy` does the same with the real one.
"""

import copy
import json
import re
import subprocess

import pytest
import vllm_stand_in
from fleet import play, registry, wait
from tiny_vllm_model import model_files

UNIT = "ai-backend-vllm@coder.service"
PORT = 8003
FOLDER = "/srv/vllm-coder"


@pytest.fixture(scope="module")
def stand_in(gateway, tmp_path_factory):
    """Its wheel and its model are on the host; the variables of a run with its lock."""
    wheels, model = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("model")
    lock = vllm_stand_in.write(wheels)
    for name, content in model_files().items():
        (model / name).write_bytes(content)
    gateway.run(f"rm -rf {FOLDER} /mnt/vllm")
    for folder, there in ((wheels, "/mnt/vllm"), (model, FOLDER)):
        subprocess.run(["docker", "cp", "-q", str(folder), f"{gateway.container}:{there}"], check=True)
        gateway.run(f"chmod -R a+rX {there}")
    return {
        "vllm_backend": "cpu",
        "vllm_lock": str(lock),
        "ai_backend_download_environment": {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/mnt/wheelhouse /mnt/vllm"},
    }


def with_vllm(stand_in, **more):
    """The scenario's registry with vLLM, which llama.cpp stands in for."""
    providers, routing = copy.deepcopy(registry("providers")), copy.deepcopy(registry("routing"))
    model = {"name": "coder", "path": FOLDER, "context_length": 512}
    providers["coder"] = {"type": "vllm", "base_url": f"http://127.0.0.1:{PORT}", "models": [model], **more}
    routing["fallback_chains"] = {"coder": ["llama_cpp_native"]}
    return {**stand_in, "ai_backend_providers": providers, "ai_backend_routing": routing}


def from_vllm(answer):
    return answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"] == "hello"


def test_it_is_installed_from_its_lock_and_answers_through_the_gateway(client, gateway, stand_in):
    run = play("deploy", extra=with_vllm(stand_in))
    assert run.code == 0, run.output
    assert from_vllm(client.ask("coder"))
    assert play("deploy", extra=with_vllm(stand_in)).changed == 0
    assert gateway.run(f"systemctl is-enabled {UNIT}").strip() == "enabled"


def test_an_answer_is_streamed(client):
    body = {"model": "coder", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    with client.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    assert "".join(json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines[:-1]) == "hello"


def test_its_edge_gives_health_and_measurements_and_asks_for_the_key(gateway):
    key = gateway.secret("vllm.env", "VLLM_API_KEY")
    assert gateway.fetch(f"http://127.0.0.2:{PORT}/health", "").rc == 0
    assert "vllm:num_requests_running" in gateway.fetch(f"http://127.0.0.2:{PORT}/metrics", key).stdout
    assert "coder" in gateway.fetch(f"http://127.0.0.2:{PORT}/v1/models", key).stdout
    assert "401" in gateway.fetch(f"http://127.0.0.2:{PORT}/v1/models", "sk-wrong").stderr


def test_it_runs_as_its_own_user_with_its_key_in_no_list_of_processes(gateway):
    process = gateway.run(f"systemctl show -p MainPID --value {UNIT}").strip()
    assert gateway.run(f"ps -o user= -p {process}").strip().startswith("ai-back")
    assert gateway.secret("vllm.env", "VLLM_API_KEY") not in gateway.run("ps -ef")
    assert f":{PORT} " not in "\n".join(
        line for line in gateway.run("ss -Hltn").splitlines() if "127.0.0.2" not in line
    ), "it listens on a socket, its edge on the port"


def test_it_is_killed_and_no_request_is_lost(client, gateway):
    with client.asking(model="coder"):
        gateway.run(f"systemctl kill -s KILL {UNIT}")
        wait(lambda: gateway.host.run(f"systemctl is-active {UNIT}").stdout.strip() == "active", 60)
        wait(lambda: from_vllm(client.ask("coder", text="again")), 60)


def test_a_flag_that_its_parser_does_not_know_is_refused_before_the_switch(client, gateway, stand_in):
    before = gateway.pids()
    run = play("deploy", extra=with_vllm(stand_in, extra={"max-num-seq": 4}))
    assert run.code != 0
    words = re.sub(r"\s+", " ", run.output)
    assert "unrecognized arguments: --max-num-seq (did you mean --max-num-seqs?)" in words
    assert "Nothing was switched" in words
    assert gateway.pids() == before
    assert from_vllm(client.ask("coder", text="still"))


def test_a_release_that_does_not_start_is_rolled_back(client, gateway, stand_in):
    before = gateway.release("vllm@coder")
    gateway.run(f"mv {FOLDER}/model.safetensors /srv/kept && head -c 1000 /srv/kept > {FOLDER}/model.safetensors")
    try:
        run = play("deploy", extra={**with_vllm(stand_in, extra={"seed": 7}), "vllm_timeout": 20})
        assert run.code != 0
        assert gateway.release("vllm@coder") == before
    finally:
        gateway.run(f"mv /srv/kept {FOLDER}/model.safetensors && chmod a+r {FOLDER}/model.safetensors")
    gateway.run(f"systemctl restart {UNIT}")
    wait(lambda: from_vllm(client.ask("coder", text="after")), 60)


def test_a_registry_without_it_retires_it(client, gateway):
    assert play("deploy").code == 0
    assert gateway.host.run(f"systemctl is-active {UNIT}").stdout.strip() != "active"
    assert "coder" not in client.models()
    assert gateway.run(f"ls {FOLDER}"), "a user's model stays"
