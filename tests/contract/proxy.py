"""Whether the real LiteLLM proxy, as a host runs it, asks whom `explain` says, in that order.

Each registry is rendered to the file a gateway gets (a second host's address is on loopback) and booted as a process
with the auth module beside it; the engines of the registry are recording servers on loopback that answer, or fail with
500, 429, a closed port or a hang. A closed port records nothing: there the rest of the order, and whether the client
got an answer, must be one that explain allows.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".cache" / "collections"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from engines import Asked, Engines  # noqa: E402
from registries import ADDRESSES, GROUPS, KINDS, PORTS, SECRETS, cases_of, registries  # noqa: E402

from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm.simulation import (  # noqa: E402
    Ask,
    Deployment,
    Router,
    asks,
    router_of,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.explain import host_of  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry  # noqa: E402

Plain = dict[str, Any]

LOOPBACK = {"one": "127.0.0.1", "two": "127.0.0.2"}
ROLE = ROOT / "roles" / "litellm"
MASTER_KEY = "sk-" + "contract"
BOOT_SECONDS = 180
# A hang costs this long; an answer under load must not.
TIMEOUT_SECONDS = 2
# Failures a breaker never reaches, and cooldowns that a case waits for, so that no case leaves the next one anything.
NEVER, COOLDOWN_SECONDS = 1000, 2
WAYS = ["500"] * 5 + ["429"] * 3 + ["refused"] * 2
# Accounts of one case that are compared before it counts as a disagreement.
LIMIT = 5000


def free_port() -> int:
    """A port that is free on both hosts' addresses."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind((LOOPBACK["one"], 0))
            port: int = first.getsockname()[1]
            try:
                second.bind((LOOPBACK["two"], port))
            except OSError:
                continue
            return port


def kinds() -> dict[str, Plain]:
    """The providers of the registries, all on loopback."""
    found = {}
    for name, kind in KINDS.items():
        path = "/v1" if kind["type"] in ("openai", "anthropic", "openai_compatible") else ""
        here = {} if "hosts" in kind else {"base_url": f"http://127.0.0.1:{free_port()}{path}"}
        found[name] = {**kind, **here}
    return found


class Proxy:
    """A LiteLLM proxy as roles/litellm starts it."""

    def __init__(self, python: str, config: str, clients: Plain, folder: pathlib.Path) -> None:
        self.port, self.log = free_port(), folder / "log"
        (folder / "config.yaml").write_text(config)
        (folder / "clients.json").write_text(json.dumps(clients))
        for file in (ROLE / "files").glob("ai_backend_*.py"):
            shutil.copy(file, folder)
        role = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__litellm_environment"]
        environment = {key: value for key, value in role.items() if "{{" not in value}
        secrets = {"LITELLM_MASTER_KEY": MASTER_KEY, "AI_BACKEND_ENGINE_KEY": "engine", **SECRETS}
        options = f"--config config.yaml --host 127.0.0.1 --port {self.port} --num_workers 1"
        self.process = subprocess.Popen(
            [python, "-m", "litellm.proxy.proxy_cli", *options.split()],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **environment, **secrets, "HOME": str(folder), "NO_PROXY": "*"},
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> None:
        """Until it is ready."""
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.request("GET", "/health/readiness", None, MASTER_KEY) == 200:
                    return
            except OSError:
                time.sleep(0.3)
        raise RuntimeError(f"LiteLLM did not start: {self.log.read_text()[-3000:]}")

    def ask(self, model: str, words: int, key: str = MASTER_KEY) -> int:
        """The status of one request of a client."""
        body = {"model": model, "messages": [{"role": "user", "content": "hello " * words}]}
        return self.request("POST", "/v1/chat/completions", body, key)

    def request(self, method: str, path: str, body: object, key: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)


def line(deployment: Deployment) -> Asked:
    return deployment.provider, host_of(deployment), deployment.model


def tellings(router: Router, case: Plain) -> Iterator[list[Ask]]:
    """Every way a request may go: each choice that LiteLLM is left with, made in every way."""
    scripts: list[list[int]] = [[]]
    while scripts:
        script = scripts.pop()
        made: list[int] = []
        wide: list[int] = []

        def choose(
            one_of: Sequence[Deployment], script: list[int] = script, made: list[int] = made, wide: list[int] = wide
        ) -> Deployment:
            made.append(script[len(made)] if len(made) < len(script) else 0)
            wide.append(len(one_of))
            return one_of[made[-1]]

        yield asks(router, case["model"], case["failing"], choose, case["words"])
        for number in range(len(script), len(made)):
            scripts += [[*made[:number], other] for other in range(1, wide[number])]


def agrees(router: Router, case: Plain, really: Sequence[Asked], answered: bool) -> bool:
    """Whether what happened is a way the request may go."""
    unseen = {provider for provider, how in case["failing"].items() if how == "refused"}
    for number, told in enumerate(tellings(router, case)):
        seen = [line(ask.deployment) for ask in told if ask.deployment.provider not in unseen]
        if seen == list(really) and answered == any(ask.answered for ask in told):
            return True
        if number >= LIMIT:
            break
    return False


def with_ways(cases: list[Plain], seed: int, low: bool) -> Iterator[Plain]:
    """The cases, each provider that is down failing in its own way."""
    dice = random.Random(seed)
    for case in cases:
        failing = {provider: dice.choice(WAYS) for provider in case["down"]}
        if failing and not low and dice.random() < 0.06:
            failing[dice.choice(sorted(failing))] = "hang"
        yield {**case, "failing": failing, "key": dice.random() > 0.03}


class Count:
    """What was seen."""

    def __init__(self) -> None:
        self.cases = self.wrong = self.answered = self.waits = 0
        self.lengths: Counter[int] = Counter()
        self.ways: Counter[str] = Counter()


def run_cases(proxy: Proxy, engines: Engines, router: Router, cases: Iterator[Plain], low: bool, count: Count) -> None:
    """Ask, compare, count."""
    for case in cases:
        engines.fail(case["failing"])
        if not case["key"]:
            status = proxy.ask(case["model"], case["words"], "sk-" + "wrong")
            agreed = (status, engines.asked) == (401, [])
        else:
            status = proxy.ask(case["model"], case["words"])
            agreed = agrees(router, case, engines.asked, status == 200)
        count.cases += 1
        count.answered += status == 200
        count.lengths[len(engines.asked)] += 1
        for provider, how in case["failing"].items():
            count.ways[how] += provider in {asked[0] for asked in engines.asked}
        if not agreed:
            count.wrong += 1
            print(f"{case['model']} with {case['failing']} failing, {case['words']} words: {status}, {engines.asked}")
            told = next(tellings(router, case))
            print(f"    explain says, or another choice: {[line(ask.deployment) for ask in told]}", flush=True)
        if low and (case["failing"] or status != 200):
            # Longer than a deployment is out and its failures are remembered.
            count.waits += 1
            time.sleep(COOLDOWN_SECONDS + 0.3)


def boot(python: str, registry: Registry, seed: int, number: int, low: bool, count: Count) -> None:
    """One registry: render, boot, ask."""
    # What the plan hands to the role, but that host 'two' is on loopback too.
    (served_by,) = (row for row in fleet_of(registry, GROUPS, ADDRESSES).rows["one"] if row["stage"] == "gateway")
    text = served_by["config"]["config"].replace(ADDRESSES["two"], LOOPBACK["two"])
    config = yaml.safe_load(text)
    rows = {urlsplit(row["litellm_params"]["api_base"]).netloc: row for row in config["model_list"]}
    router = router_of(config)
    served = {}
    for netloc, row in rows.items():
        (found,) = (d for group in router.groups.values() for d in group if d.id == row["model_info"]["id"])
        served[netloc] = (found.provider, host_of(found))
    engines = Engines(served)
    with tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(python, text, served_by["config"]["clients"], pathlib.Path(folder))
        try:
            proxy.wait()
            # The first requests of a process take seconds.
            for name in registry.routes.names[:2]:
                proxy.ask(name, 1)
                proxy.ask(name, 1)
            cases = with_ways(cases_of(registry, seed, number), seed, low)
            run_cases(proxy, engines, router, cases, low, count)
        finally:
            proxy.stop()
            engines.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="the Python that has LiteLLM")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--each", type=int, default=90, help="cases of one boot")
    parser.add_argument("--seed", type=int, default=20262)
    options = parser.parse_args()
    began, count, boots = time.monotonic(), Count(), 0
    ports = {name: free_port() for name in PORTS}
    lows: list[bool] = []

    def gateway(dice: random.Random) -> Plain:
        lows.append(dice.random() < 0.15)
        failures = dice.choice([1, 2, 3]) if lows[-1] else NEVER
        timeouts = {"request_seconds": TIMEOUT_SECONDS, "stream_gap_seconds": TIMEOUT_SECONDS}
        return {"breaker": {"failures": failures, "cooldown_seconds": COOLDOWN_SECONDS}, "timeouts": timeouts}

    for registry in registries(options.seed, kinds(), ADDRESSES, ports, gateway):
        if count.cases >= options.cases:
            break
        boots += 1
        low = lows[-1]
        boot(options.python, registry, options.seed + boots, options.each // (3 if low else 1), low, count)
        print(f"boot {boots}: {count.cases} cases, {time.monotonic() - began:.0f} s", flush=True)
    spread = ", ".join(f"{number} with {length}" for length, number in sorted(count.lengths.items()))
    print(f"requests to engines a case: {spread}")
    print("providers that failed when they were asked: " + ", ".join(f"{n} {how}" for how, n in count.ways.items()))
    print(f"contract_proxy_answered: {count.answered} cases")
    print(f"contract_proxy_waits: {count.waits} cases")
    print(f"contract_proxy_boots: {boots} processes")
    print(f"contract_proxy_seconds: {time.monotonic() - began:.1f} s")
    print(f"contract_proxy_cases: {count.cases} cases")
    print(f"contract_proxy_disagreements: {count.wrong} cases")
    sys.exit(count.wrong > 0)


if __name__ == "__main__":
    main()
