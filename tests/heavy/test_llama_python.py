"""The server of llama-cpp-python, built on a host from its lock, and asked as a client asks, through the gateway."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import httpx
import pytest

import llama_python
from toolcache import ROOT

HERE = pathlib.Path(__file__).resolve().parent
HOST, URL = "lab-ai-backend-heavy-cpu1", "http://198.18.64.11:4000"
SOCKET = "/run/ai-backend/llama-cpp-python@small/http.sock"
UNIT = "ai-backend-llama-cpp-python@small.service"
RECAP = re.compile(r"^cpu1 +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def play(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of this checkout against the host."""
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(HERE / "python_inventory")]
    return subprocess.run(
        [*command, path, *arguments], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )


def done(path: str, *arguments: str) -> tuple[int, str]:
    """(how many tasks changed something, what was printed) of a playbook that succeeds."""
    run = play(path, *arguments)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    found = RECAP.search(run.stdout)
    return (int(found[1]) if found else 0), run.stdout


def on_host(command: str) -> str:
    run = subprocess.run(["docker", "exec", HOST, "bash", "-c", command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def asked(path: str) -> str:
    """Status of an answer of the server itself, without a key; empty if it does not answer."""
    code = (
        "import socket, http.client; c = http.client.HTTPConnection('localhost'); "
        f"c.sock = socket.socket(socket.AF_UNIX); c.sock.connect('{SOCKET}'); "
        f"c.request('GET', '{path}'); print(c.getresponse().status)"
    )
    argv = ["docker", "exec", HOST, "/usr/bin/python3", "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def report(text: str) -> None:
    print(f"\n{text}", file=sys.stderr)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The gateway of the deployed host."""
    folder = tmp_path_factory.mktemp("heavy")
    os.environ["AI_BACKEND_LLAMA_PYTHON_PACKAGES"] = str(llama_python.packages("trixie"))
    os.environ["AI_BACKEND_HEAVY_FOLDER"] = str(folder)
    done("molecule/shared/destroy.yml")
    done("molecule/shared/create.yml")
    start = time.monotonic()
    _changed, output = done("playbooks/deploy.yml")
    report(f"first deploy with two servers, and the build: {time.monotonic() - start:.0f} s")
    assert re.search(r"\[\d+/\d+\]", output), "the build shows how far it is"
    key = (folder / "secrets" / "LITELLM_MASTER_KEY").read_text().strip()
    with httpx.Client(base_url=URL, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=120) as found:
        yield found
    done("molecule/shared/destroy.yml")


def chat(client: httpx.Client, **more: object) -> httpx.Response:
    body = {"model": "lab-tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}
    return client.post("/v1/chat/completions", json=body | more)


def test_it_answers(client: httpx.Client) -> None:
    answer = chat(client)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["completion_tokens"] > 0


def test_an_answer_is_streamed(client: httpx.Client) -> None:
    body = {"model": "lab-tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8, "stream": True}
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert answer.status_code == 200
    assert lines[-1] == "data: [DONE]"


def test_vectors(client: httpx.Client) -> None:
    answer = client.post("/v1/embeddings", json={"model": "lab-vectors", "input": ["one", "two"]})
    assert answer.status_code == 200, answer.text
    assert [len(entry["embedding"]) for entry in answer.json()["data"]] == [64, 64]


def test_what_it_can_not_do_is_refused_before_it_is_asked(client: httpx.Client) -> None:
    for answer in (chat(client, tools=[TOOL]), chat(client, model="lab-vectors")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ability_missing")


def test_a_question_that_is_too_long_is_the_clients_mistake(client: httpx.Client) -> None:
    assert chat(client, messages=[{"role": "user", "content": "x" * 5000}]).status_code == 400
    assert chat(client).status_code == 200


def test_it_is_reached_only_through_the_edge(client: httpx.Client) -> None:
    outside = [line.split()[3] for line in on_host("ss -Hltn").splitlines() if not line.split()[3].startswith("127.")]
    assert outside == ["0.0.0.0:4000"]
    assert (asked("/v1/models"), asked("/health")) == ("401", "200")


def test_its_key_is_in_no_readable_file_and_no_list_of_processes(client: httpx.Client) -> None:
    key = (
        on_host("sed -n 's/^LLAMA_CPP_PYTHON_API_KEY=//p' /etc/ai-backend/secrets/llama-cpp-python.env")
        .strip()
        .strip('"')
    )
    assert len(key) > 20
    assert on_host(f"grep -rlF -- '{key}' /opt/ai-backend/releases /etc/systemd /run/ai-backend || true") == ""
    assert on_host("stat -c %a /etc/ai-backend/secrets/llama-cpp-python.env").strip() == "600"
    assert key not in on_host("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_it_takes_one_thread_less_than_the_host_has_cores(client: httpx.Client) -> None:
    settings = json.loads(on_host("cat /opt/ai-backend/instances/llama-cpp-python@small/files/server.json"))["model"]
    cores = int(on_host("nproc"))
    assert settings["n_threads"] == settings["n_threads_batch"] == max(cores - 1, 1)
    memory = on_host(f"systemctl show -p MainPID --value {UNIT} | xargs -I@ grep VmRSS /proc/@/status").split()[1]
    report(f"memory of a server: {int(memory) // 1024} MB")


def test_a_second_run_changes_nothing(client: httpx.Client) -> None:
    assert done("playbooks/deploy.yml")[0] == 0


def test_a_release_that_does_not_start_is_rolled_back(client: httpx.Client) -> None:
    """The same registry with a file that is no model."""
    on_host("echo nonsense > /var/lib/ai-backend/models/odd.gguf")
    providers = {
        "small": {
            "type": "llama_cpp",
            "server": "python",
            "hosts": "llama_cpp",
            "models": [{"name": "lab-tiny", "path": "/var/lib/ai-backend/models/odd.gguf"}],
        }
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"ai_backend_providers": providers, "llama_cpp_python_timeout": 20}, file)
        file.flush()
        run = play("playbooks/deploy.yml", "-e", f"@{file.name}")
    assert run.returncode != 0
    assert chat(client).status_code == 200


def test_it_starts_again_after_a_crash(client: httpx.Client) -> None:
    start = time.monotonic()
    on_host(f"systemctl kill --signal=KILL {UNIT}")
    deadline = start + 60
    while time.monotonic() < deadline:
        if asked("/health") == "200":
            break
        time.sleep(0.2)
    report(f"from a crash to its health: {time.monotonic() - start:.1f} s")
    assert chat(client).status_code == 200
