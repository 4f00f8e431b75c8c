"""What every scenario's checks stand on: the playbooks as an operator runs them, the endpoint as a client sees it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import testinfra
import yaml

PROJECT = Path(__file__).resolve().parents[2]
SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
INVENTORY = SCENARIO / "inventory"
HOSTS = yaml.safe_load((INVENTORY / "hosts.yml").read_text())["all"]
REGISTRY = INVENTORY / "group_vars" / "all"
RECAP = re.compile(r"^(\S+) +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


@dataclass
class Run:
    """One run of a playbook."""

    code: int
    output: str

    @property
    def changed(self) -> int:
        """Changed tasks over all hosts, from the recap."""
        recap = RECAP.findall(self.output)
        assert recap, f"no recap in: {self.output}"
        return sum(int(found[2]) for found in recap)


def command(playbook: str, *arguments: str, extra: dict[str, Any] | None = None) -> list[str]:
    """What an operator types to run a playbook of this checkout against the scenario's hosts."""
    words = ["ansible-playbook", "-i", str(INVENTORY), str(PROJECT / "playbooks" / f"{playbook}.yml"), *arguments]
    return [*words, "-e", json.dumps(extra)] if extra else words


def play(playbook: str, *arguments: str, extra: dict[str, Any] | None = None, **environment: str) -> Run:
    """Run a playbook of this checkout against the scenario's hosts; `extra` are extra variables."""
    done = subprocess.run(
        command(playbook, *arguments, extra=extra),
        cwd=PROJECT,
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return Run(done.returncode, done.stdout + done.stderr)


def registry(part: str) -> dict[str, Any]:
    """One variable of the scenario's registry, by the name of its file."""
    content: dict[str, Any] = yaml.safe_load((REGISTRY / f"{part}.yml").read_text())[f"ai_backend_{part}"]
    return content


# A second engine of ours on the host, which answers when the first one does not.
SECOND = {
    "type": "llama_cpp",
    "base_url": "http://127.0.0.1:8085",
    "models": [{"name": "second-tiny", "source": "tiny"}],
}


def two_engines(context_length: int = 2048) -> dict[str, Any]:
    """The scenario's registry with a second engine that answers for the first, as variables of a run."""
    providers, routing = registry("providers"), registry("routing")
    providers["second"] = SECOND
    providers["llama_cpp_native"]["models"][0]["context_length"] = context_length
    routing["fallback_chains"] = {"lab-tiny": ["second-tiny"]}
    return {"ai_backend_providers": providers, "ai_backend_routing": routing}


class Machine:
    """A host, looked at from inside."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.container = HOSTS["hosts"][name]["ansible_host"]
        self.address = HOSTS["hosts"][name]["container_address"]
        self.host = testinfra.get_host(f"docker://{self.container}")

    def run(self, command: str) -> str:
        """Standard output of a shell command that must succeed."""
        done = self.host.run(command)
        assert done.rc == 0, f"{command}: {done.stdout}{done.stderr}"
        return str(done.stdout)

    @contextlib.contextmanager
    def without_socket(self, slot: str) -> Iterator[None]:
        """A slot of the gateway can't make its socket, because its folder is not its own."""
        folder = f"/run/ai-backend/litellm@{slot}"
        self.run(f"mkdir -p {folder} && mount -t tmpfs -o ro tmpfs {folder}")
        try:
            yield
        finally:
            self.run(f"umount {folder}")

    @contextlib.contextmanager
    def without_network(self) -> Iterator[None]:
        """The host has its loopback and nothing else; the playbook reaches it through docker exec."""
        network = HOSTS["vars"]["container_network"]
        subprocess.run(["docker", "network", "disconnect", network, self.container], check=True)
        try:
            yield
        finally:
            connect = ["docker", "network", "connect", "--ip", self.address, network, self.container]
            subprocess.run(connect, check=True)

    def pids(self) -> dict[str, str]:
        """Main process of every running unit of ours."""
        units = self.run(
            "systemctl list-units 'ai-backend-*' --state=running --plain --no-legend | cut -d' ' -f1"
        ).split()
        return {unit: self.run(f"systemctl show -p MainPID --value {unit}").strip() for unit in units}

    def slot(self) -> str:
        """The slot that the commit point names."""
        return self.run("cat /etc/ai-backend/litellm/active-slot").split()[1]

    def other_slot(self) -> str:
        """The slot that a candidate boots in."""
        return {"blue": "green", "green": "blue"}[self.slot()]

    def release(self, instance: str) -> str:
        """The release an instance is linked to."""
        return self.run(f"basename $(readlink /opt/ai-backend/instances/{instance})").strip()

    def secret(self, file: str, name: str) -> str:
        """A value of one of the host's secret files."""
        (line,) = [
            line for line in self.run(f"cat /etc/ai-backend/secrets/{file}").splitlines() if line.startswith(name)
        ]
        return line[len(name) + 1 :].strip('"')

    def fetch(self, url: str, key: str) -> testinfra.backend.base.CommandResult:
        """A GET from this host, as one of its own processes would do it."""
        script = (
            "import sys, urllib.request as r; "
            "q = r.Request(sys.argv[1], headers={'Authorization': 'Bearer ' + sys.argv[2]}); "
            "print(r.urlopen(q, timeout=5).read().decode())"
        )
        return self.host.run("python3 -c %s %s %s", script, url, key)

    def tokens(self, port: int = 8080) -> float:
        """Tokens that the engine on a port says it has produced."""
        metrics = self.fetch(f"http://127.0.0.2:{port}/metrics", self.secret("llama-cpp.env", "LLAMA_API_KEY")).stdout
        return float(re.search(r"^llamacpp:tokens_predicted_total (\S+)", metrics, re.MULTILINE)[1])

    def settled(self) -> bool:
        """Whether no unit of ours is on its way up or down, or failed."""
        states = "activating,deactivating,failed,reloading"
        waiting = f"systemctl list-units 'ai-backend-*' --state={states} --no-legend --plain"
        return not self.host.run(waiting).stdout.strip()

    def reboot(self) -> None:
        """Power off hard and on again."""
        booted = "systemctl show --property UserspaceTimestampMonotonic"
        before = self.run(booted)
        subprocess.run(["docker", "kill", self.container], check=True, capture_output=True)
        subprocess.run(["docker", "start", self.container], check=True, capture_output=True)
        wait(lambda: self.host.run("systemctl is-system-running").stdout.strip() in ("running", "degraded"), 60)
        assert self.run(booted) != before, "the host was not restarted"


def wait(condition: Callable[[], Any], seconds: float) -> Any:
    """Poll until something holds, and return it; fail with its last value after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {value!r}"
        time.sleep(0.3)
    return value


def put_program(machine: Machine, name: str) -> None:
    """Copy a program of molecule/shared/programs to /root of a host."""
    text = (Path(__file__).parent / "programs" / f"{name}.py").read_text()
    machine.run(f"cat > /root/{name}.py <<'END'\n{text}\nEND")


class Client:
    """A user of the endpoint."""

    def __init__(self, address: str) -> None:
        folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets"
        self.key = (folder / "LITELLM_MASTER_KEY").read_text().strip()
        self.base = f"http://{address}:4000"
        self.http = httpx.Client(base_url=self.base, timeout=60, headers={"Authorization": f"Bearer {self.key}"})

    def models(self) -> list[str]:
        """Names that the endpoint lists."""
        answer = self.http.get("/v1/models")
        assert answer.status_code == 200, answer.text
        return sorted(entry["id"] for entry in answer.json()["data"])

    def ask(self, model: str = "lab-tiny", text: str = "hello", **more: Any) -> httpx.Response:
        """One chat request."""
        body = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": text}], **more}
        return self.http.post("/v1/chat/completions", json=body)

    def cached(self, redis: Machine) -> int:
        """Seconds that Redis will keep an answer, once it has one: 20 s are given.

        An answer is written to the cache after it is sent, and a Redis that failed is skipped for five seconds.
        """
        return wait(lambda: self._kept(redis), 20)

    def _kept(self, redis: Machine) -> int:
        """Ask something new twice; seconds that Redis will keep the answer, 0 where it has none.

        The header alone proves nothing: the gateway also remembers in its own memory.
        """
        text = os.urandom(8).hex()
        first, again = self.ask(text=text), self.ask(text=text)
        assert "x-litellm-cache-key" not in first.headers
        if again.json()["choices"] != first.json()["choices"]:
            return 0
        key = again.headers["x-litellm-cache-key"]
        assert key.startswith("litellm:")
        password = redis.secret("redis.conf", "requirepass")
        ttl = redis.run(f"REDISCLI_AUTH={password} redis-cli -h 127.0.0.2 --user gateway -n 1 ttl {key}")
        return max(int(ttl), 0)

    def answers(self, **more: Any) -> bool:
        """Whether a fresh question gets an answer now."""
        try:
            return self.ask(text=os.urandom(8).hex(), **more).status_code == 200
        except httpx.TransportError:
            return False

    @contextlib.contextmanager
    def asking(self, **more: Any) -> Iterator[list[bool]]:
        """Ask something new three times a second meanwhile, of a model if named; the list says which were answered.

        Leaving it fails when one was lost, or when there were too few to say anything.
        """
        over, answers = threading.Event(), []

        def ask() -> None:
            while not over.wait(0.3):
                answers.append(self.answers(**more))

        user = threading.Thread(target=ask)
        user.start()
        try:
            yield answers
        finally:
            over.set()
            user.join()
        assert len(answers) > 10, f"only {len(answers)} requests were made"
        assert all(answers), f"{answers.count(False)} of {len(answers)} requests were lost"
