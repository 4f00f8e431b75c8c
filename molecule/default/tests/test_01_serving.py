"""What a client gets from a host with the registry as it ships."""

import json
import re

import httpx
import pytest
from fleet import play
from openai import OpenAI


def test_the_models_of_the_plan_are_listed_and_no_others(client):
    # llama3.1:8b and qwen-coder-vllm: their providers are off, the chain's end stands in.
    assert client.models() == ["code_generation", "lab-tiny", "llama3.1:8b", "qwen-coder-vllm"]


def test_a_plain_and_a_streamed_answer_through_the_openai_client(client):
    openai = OpenAI(base_url=f"{client.base}/v1", api_key=client.key)
    question = [{"role": "user", "content": "say something"}]
    plain = openai.chat.completions.create(model="lab-tiny", messages=question, max_tokens=8)
    assert plain.model == "lab-tiny"
    assert plain.usage.completion_tokens > 0
    chunks = list(openai.chat.completions.create(model="lab-tiny", messages=question, max_tokens=8, stream=True))
    assert len(chunks) > 1
    assert chunks[-1].choices[0].finish_reason in ("length", "stop")


def test_the_engine_that_was_asked_for_did_the_work(client, gateway):
    before = gateway.tokens()
    answer = client.ask(text="count me", max_tokens=7, ignore_eos=True)
    assert answer.json()["model"] == "lab-tiny"
    assert answer.headers["x-litellm-model-api-base"] == "http://127.0.0.2:8080/v1"
    assert gateway.tokens() - before >= answer.json()["usage"]["completion_tokens"] > 0


def test_a_capability_is_a_model_that_answers(client):
    answer = client.ask(model="code_generation")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-litellm-model-api-base"] == "http://127.0.0.2:8080/v1"


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/chat/completions"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic c2stOng="}])
def test_without_the_right_key_there_is_401(client, path, headers):
    method = "POST" if "chat" in path else "GET"
    body = {"model": "lab-tiny", "messages": [{"role": "user", "content": "x"}]} if method == "POST" else None
    answer = httpx.request(method, client.base + path, headers=headers, json=body)
    assert answer.status_code == 401, answer.text


def test_what_is_for_operators_is_there_on_the_host_alone(client, gateway):
    for path in ("/model/info", "/health"):
        answer = client.http.get(path)
        assert answer.status_code == 404, answer.text
        assert answer.json()["error"]["code"] == "404"
    assert "lab-tiny" in gateway.fetch("http://127.0.0.1:4000/model/info", client.key).stdout
    assert "401" in gateway.fetch("http://127.0.0.1:4000/model/info", "wrong").stderr


def test_a_repeated_question_is_answered_from_redis(client, gateway):
    assert 0 < client.cached(gateway) <= 3600


def test_a_body_larger_than_the_limit_is_refused_at_the_edge_also_if_its_length_is_unknown(client):
    assert client.ask(text="x" * 10_500_000).status_code == 413
    question = {"model": "lab-tiny", "max_tokens": 5, "messages": [{"role": "user", "content": "in pieces"}]}
    pieces = iter([json.dumps(question).encode()])
    assert client.http.post("/v1/chat/completions", content=pieces).status_code == 200
    endless = client.http.post("/v1/chat/completions", content=iter([b"{", *[b" " * 1_000_000] * 11]))
    assert endless.status_code == 413


def test_the_edge_sets_the_host_itself_whatever_a_client_sends(client, gateway):
    answer = client.http.get("/v1/models", headers={"Host": "evil.example"})
    assert answer.status_code == 200
    assert "http-request set-header Host" in gateway.run("cat /opt/ai-backend/instances/edge/files/haproxy.cfg")


def test_only_the_edge_listens_off_loopback(gateway):
    open_to_others = [
        line.split()
        for line in gateway.run("ss -Hltnp").splitlines()
        if not line.split()[3].startswith(("127.", "[::1]"))
    ]
    assert [(words[3], "haproxy" in words[5]) for words in open_to_others] == [("0.0.0.0:4000", True)]


def test_the_user_of_gateways_can_not_change_redis_and_nobody_else_can_log_in(gateway):
    login = f"REDISCLI_AUTH={gateway.secret('redis.conf', 'requirepass')} redis-cli -h 127.0.0.2 --no-auth-warning"
    for command in ("config get dir", "acl list", "flushall", "shutdown nosave", "replicaof no one"):
        answer = gateway.run(f"{login} --user gateway {command}")
        assert answer.startswith("NOPERM"), (command, answer)
    assert gateway.run(f"{login} --user gateway ping").strip() == "PONG"
    assert "NOAUTH" in gateway.run(f"{login} ping")


# What a local user tries: to take the place of a process that listens there, and to reach it.
INTRUDER = """
import socket, sys
for attempt in ("bind", "connect"):
    try:
        getattr(socket.socket(socket.AF_UNIX), attempt)(sys.argv[1])
        print(attempt, "works")
    except OSError as error:
        print(attempt, error.strerror)
"""


def test_a_local_user_can_neither_take_the_place_of_a_service_nor_reach_it(gateway):
    for socket in (f"litellm@{gateway.slot()}/http.sock", "llama-cpp@llama_cpp_native/http.sock", "redis/redis.sock"):
        path = f"/run/ai-backend/{socket}"
        assert gateway.run(f"stat -c %F {path}").strip() == "socket"
        tried = gateway.host.run("runuser -u nobody -- python3 -c %s %s", INTRUDER, path)
        assert tried.stdout.splitlines() == ["bind Permission denied", "connect Permission denied"], socket
    # The idle slot's folder does not exist, and only root makes one.
    tried = gateway.host.run("runuser -u nobody -- mkdir /run/ai-backend/litellm@%s", gateway.other_slot())
    assert "Permission denied" in tried.stderr


def test_every_service_runs_as_its_own_user_in_a_hardened_unit(gateway):
    for unit, pid in gateway.pids().items():
        user = gateway.run(f"ps -o user:32= -p {pid}").strip()
        assert unit.startswith(user), (unit, user)
        exposure = gateway.run(f"systemd-analyze security --no-pager {unit} | tail -1")
        assert float(re.search(r": (\d+\.\d+) ", exposure)[1]) <= 2.0, (unit, exposure)


def test_the_generation_is_complete_and_names_what_runs(gateway):
    numbers = sorted(int(name.partition(".")[0]) for name in gateway.run("ls /var/lib/ai-backend/generations").split())
    generation = json.loads(gateway.run(f"cat /var/lib/ai-backend/generations/{numbers[-1]}.json"))
    assert generation["complete"]
    slot = gateway.slot()
    assert generation["slots"] == {"litellm": slot}
    for instance in ("redis", "edge", "llama-cpp@llama_cpp_native", f"litellm@{slot}"):
        assert generation["instances"][instance]["release"] == gateway.release(instance)


def test_a_verb_asks_one_provider_directly_and_through_the_gateway():
    run = play("provider", "-e", "verb=test", "-e", "provider=llama_cpp_native")
    assert (run.code, run.changed) == (0, 0), run.output
    said = " ".join(run.output.split())
    assert "llama_cpp_native answers and has its models; through the gateway code_generation, lab-tiny," in said
