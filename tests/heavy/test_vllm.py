"""The real vLLM on a host without a card: deployed from its lock, and asked as a client asks, through the gateway.

The model is tiny and random, so shapes, counts and refusals are tested, and no text.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from toolcache import ROOT
from wheelhouse import PYTHONS

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = ROOT / "tests" / "tools"
HOST, URL = "lab-ai-backend-heavy-gpu1", "http://198.18.60.11:4000"
LOCK = ROOT / "roles/vllm/files/vllm-cpu.lock"
RECAP = re.compile(r"^gpu1 +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)
PROVIDERS = yaml.safe_load((HERE / "inventory/group_vars/all/providers.yml").read_text())["ai_backend_providers"]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def play(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of this checkout against the host."""
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(HERE / "inventory")]
    return subprocess.run(
        [*command, path, *arguments], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )


def done(path: str, *arguments: str) -> int:
    """Run a playbook that succeeds. Returns how many tasks changed something."""
    run = play(path, *arguments)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    found = RECAP.search(run.stdout)
    return int(found[1]) if found else 0


def on_host(command: str) -> str:
    run = subprocess.run(["docker", "exec", HOST, "bash", "-c", command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def asked(connection: str, path: str) -> str:
    """Status and text of an answer to a request on the host."""
    code = f"import socket; from http.client import HTTPConnection; c = {connection}; c.request('GET', '{path}'); "
    return on_host(f'/usr/bin/python3 -c "{code} a = c.getresponse(); print(a.status, a.read().decode())"')


def with_extra(**extra: Any) -> tuple[str, str]:
    """The registry with further flags for one server, as variables of a run."""
    providers = {**PROVIDERS, "coder": {**PROVIDERS["coder"], "extra": extra}}
    return "-e", json.dumps({"ai_backend_providers": providers})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The gateway of the deployed host."""
    folder = tmp_path_factory.mktemp("heavy")
    subprocess.run([sys.executable, TOOLS / "tiny_vllm_model.py", folder / "models"], check=True)
    environment = {**os.environ, "SUITES": "bookworm"}
    tool = [sys.executable, TOOLS / "wheelhouse.py", LOCK]
    wheels = subprocess.run(tool, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    os.environ |= {"AI_BACKEND_VLLM_WHEELHOUSE": wheels, "AI_BACKEND_HEAVY_FOLDER": str(folder)}
    # Others of the machine enter no temporary folder of root, and the servers of the host are others.
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)
    done("molecule/shared/destroy.yml")
    done("molecule/shared/create.yml")
    start = time.monotonic()
    done("playbooks/deploy.yml")
    print(f"\nfirst deploy with two servers: {time.monotonic() - start:.0f} s", file=sys.stderr)
    key = (folder / "secrets" / "LITELLM_MASTER_KEY").read_text().strip()
    with httpx.Client(base_url=URL, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=120) as found:
        yield found
    done("molecule/shared/destroy.yml")


def chat(client: httpx.Client, model: str, **more: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8, "temperature": 0}
    return client.post("/v1/chat/completions", json=body | more)


def test_the_lock_is_for_the_python_of_the_host(client: httpx.Client) -> None:
    assert on_host("/usr/bin/python3 --version").split()[1] == PYTHONS["bookworm"]


@pytest.mark.parametrize("model", ["coder", "coder-sql"])
def test_the_model_and_its_adapter_answer(client: httpx.Client, model: str) -> None:
    answer = chat(client, model)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["completion_tokens"] > 0


def test_the_adapter_is_another_model(client: httpx.Client) -> None:
    texts = [chat(client, name).json()["choices"][0]["message"]["content"] for name in ("coder", "coder-sql", "coder")]
    assert texts[0] != texts[1]
    assert texts[0] == texts[2]


def test_an_answer_is_streamed(client: httpx.Client) -> None:
    body = {"model": "coder", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8, "stream": True}
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert answer.status_code == 200
    assert lines[-1] == "data: [DONE]"
    assert len(lines) > 2


def test_a_server_for_embeddings_answers_with_vectors(client: httpx.Client) -> None:
    answer = client.post("/v1/embeddings", json={"model": "vectors", "input": ["one", "two"]})
    assert answer.status_code == 200, answer.text
    vectors = [entry["embedding"] for entry in answer.json()["data"]]
    assert [len(vector) for vector in vectors] == [128, 128]
    assert vectors[0] != vectors[1]


def test_what_a_server_was_not_started_for_is_refused_before_it_is_asked(client: httpx.Client) -> None:
    assert chat(client, "vectors").status_code == 400
    assert client.post("/v1/embeddings", json={"model": "coder", "input": "x"}).status_code == 400
    assert chat(client, "coder", tools=[TOOL]).status_code == 200


def test_a_context_that_is_too_long_is_the_clients_mistake(client: httpx.Client) -> None:
    answer = chat(client, "coder", messages=[{"role": "user", "content": "x" * 3000}])
    assert answer.status_code == 400, answer.text


def test_a_schema_decides_what_the_model_may_write(client: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["b", "c"]}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {**schema, "additionalProperties": False}}}
    answer = chat(client, "coder", response_format=form, max_tokens=64)
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.json()["choices"][0]["message"]["content"])["a"] in ("b", "c")


def test_nothing_listens_off_loopback(client: httpx.Client) -> None:
    listening = on_host("ss -Hltnp").splitlines()
    foreign = [line for line in listening if "haproxy" not in line and not re.search(r"\s(127\.|\[::1\])", line)]
    assert foreign == []


def test_the_edge_has_only_what_needs_the_key_its_health_and_its_measurements(client: httpx.Client) -> None:
    def answer(path: str) -> tuple[str, str]:
        status, _blank, text = asked("HTTPConnection('127.0.0.2', 8001)", path).partition(" ")
        return status, text

    closed = ("/invocations", "/docs", "/tokenize", "/version")
    assert (answer("/health")[0], answer("/v1/models")[0]) == ("200", "401")
    assert {path: answer(path)[0] for path in closed} == dict.fromkeys(closed, "404")
    assert "vllm:num_requests_running" in answer("/metrics")[1]


def test_it_leaves_a_core_and_sends_nothing(client: httpx.Client) -> None:
    pid = on_host("systemctl show -P MainPID ai-backend-vllm@coder").strip()
    given = dict(line.split("=", 1) for line in on_host(f"tr '\\0' '\\n' < /proc/{pid}/environ").splitlines() if line)
    assert given["OMP_NUM_THREADS"] == str(max((os.cpu_count() or 1) - 1, 1))
    assert (given["HF_HUB_OFFLINE"], given["VLLM_NO_USAGE_STATS"]) == ("1", "1")
    assert "VLLM_API_KEY" not in on_host(f"tr '\\0' ' ' < /proc/{pid}/cmdline")


def test_a_second_deploy_changes_nothing(client: httpx.Client) -> None:
    assert done("playbooks/deploy.yml") == 0


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"max-num-sequences": 4}, "unrecognized arguments: --max-num-sequences (did you mean --max-num-seqs?)"),
        ({"block-size": "large"}, "argument --block-size"),
    ],
)
def test_its_parser_refuses_a_wrong_flag_before_the_switch(
    client: httpx.Client, extra: dict[str, Any], words: str
) -> None:
    before = on_host("readlink /opt/ai-backend/instances/vllm@coder; systemctl show -P MainPID ai-backend-vllm@coder")
    run = play("playbooks/deploy.yml", *with_extra(**extra))
    said = " ".join((run.stdout + run.stderr).split())
    assert run.returncode != 0
    assert words in said
    assert "Nothing was switched" in said
    after = on_host("readlink /opt/ai-backend/instances/vllm@coder; systemctl show -P MainPID ai-backend-vllm@coder")
    assert after == before
    assert chat(client, "coder").status_code == 200


def test_a_release_that_can_not_start_is_rolled_back(client: httpx.Client) -> None:
    """vLLM's parser knows the flag, and the model's weights do not fit it."""
    variables = json.loads(with_extra(**{"load-format": "bitsandbytes"})[1]) | {"vllm_timeout": 90}
    run = play("playbooks/deploy.yml", "-e", json.dumps(variables))
    assert run.returncode != 0
    assert chat(client, "coder").status_code == 200


def test_a_killed_server_comes_back(client: httpx.Client) -> None:
    on_host("systemctl kill -s KILL ai-backend-vllm@vectors")
    end = time.monotonic() + 180
    while client.post("/v1/embeddings", json={"model": "vectors", "input": "one"}).status_code != 200:
        assert time.monotonic() < end
        time.sleep(1)
