"""Whether the real LiteLLM asks whom `explain` says, in that order. Prints the disagreements, then the counts.

Registries are generated from a seed, rendered, and given to the locked LiteLLM (ask_litellm.py); each is asked for
names of every kind while some of its providers fail. Where several share the traffic, explain says which set one is
taken from, and LiteLLM's choice is followed from there.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm import config as litellm_config  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm.simulation import Deployment, Router, asks  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import Fleet, fleet_of  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.preview.explain import explain, host_of, router_at  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from registries import ADDRESSES, GROUPS, KINDS, PORTS, cases_of, registries  # noqa: E402

CASES_EACH = 25

Plain = dict[str, Any]
Asked = tuple[str, str, str]


def gateway(dice: random.Random) -> Plain:
    return {"breaker": {"failures": dice.choice([1, 2, 3, 3, 3, 5])}}


def said(router: Router, case: Plain, really: Sequence[Asked]) -> tuple[list[Asked], bool]:
    """Whom explain says is asked, with LiteLLM's choice wherever explain leaves it one, and whether one answers."""
    chosen = iter(really)

    def choose(one_of: Sequence[Deployment]) -> Deployment:
        step = next(chosen, None)
        return next((deployment for deployment in one_of if line(deployment) == step), one_of[0])

    told = asks(router, case["model"], case["down"], choose, case["words"])
    return [line(ask.deployment) for ask in told], any(ask.answered for ask in told)


def line(deployment: Deployment) -> Asked:
    return deployment.provider, host_of(deployment), deployment.model


def check(fleet: Fleet, router: Router, case: Plain, outcome: Plain) -> str:
    """What differs between LiteLLM and explain; empty when they agree."""
    really: list[Asked] = [(provider, host, model) for provider, host, model in outcome["asked"]]
    told, answered = said(router, case, really)
    if told != really:
        return f"explain says {told}, LiteLLM asked {really}"
    if answered != outcome["answered"]:
        return f"explain says answered: {answered}, LiteLLM: {outcome['answered']}"
    whole = explain(fleet, case["model"], case["down"], case["words"])
    first = whole["asked"][0]["one_of"] if whole["asked"] else []
    if bool(really) != bool(first) or (really and really[0][0] not in first):
        return f"explain asks one of {first} first, LiteLLM asked {really}"
    # A prompt that fits nowhere reaches nobody, whatever the rule.
    if bool(whole["rule"]) != bool(really) and not (case["words"] > 1 and not told):
        return f"explain found the rule {whole['rule']}, LiteLLM asked {really}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="the Python that has LiteLLM")
    parser.add_argument("--cases", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=20261)
    parser.add_argument("--show", type=int, default=10, help="disagreements to print")
    options = parser.parse_args()
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # lives as long as the process
    litellm = subprocess.Popen(
        [options.python, str(HERE / "ask_litellm.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    if litellm.stdin is None or litellm.stdout is None:
        raise RuntimeError("no pipes")
    began, cases, wrong, answered, made = time.monotonic(), 0, 0, 0, 0.0
    lengths: Counter[int] = Counter()
    words: Counter[str] = Counter()
    for number, registry in enumerate(registries(options.seed, KINDS, ADDRESSES, PORTS, gateway)):
        if cases >= options.cases:
            break
        fleet = fleet_of(registry, GROUPS, ADDRESSES)
        config = litellm_config.build(registry, fleet.reach.endpoints["one"], None)
        router, seed = router_at(fleet, "one"), options.seed + number
        todo = cases_of(registry, seed, CASES_EACH)
        litellm.stdin.write(json.dumps({"config": config, "cases": todo, "seed": seed}) + "\n")
        litellm.stdin.flush()
        answer = litellm.stdout.readline()
        if not answer:
            errors.seek(0)
            sys.exit(f"LiteLLM ended at registry {number}\n{errors.read()[-2000:]}")
        result = json.loads(answer)
        made += result["router_seconds"]
        for case, outcome in zip(todo, result["outcomes"], strict=True):
            cases += 1
            answered += outcome["answered"]
            lengths[len(outcome["asked"])] += 1
            words[
                registry.routes.groups[case["model"]].strategy if case["model"] in registry.routes.groups else ""
            ] += 1
            words["a long prompt"] += case["words"] > 1
            difference = check(fleet, router, case, outcome)
            if difference:
                wrong += 1
                if wrong <= options.show:
                    print(f"registry {number}, {case['model']} with {case['down']} down: {difference}")
                    names = {d.provider for d in router.deployments(case["model"])}
                    print(f"    chain {router.chain(case['model'])}, providers {sorted(names)}")
    litellm.stdin.close()
    litellm.wait(timeout=30)
    spread = ", ".join(f"{count} with {length}" for length, count in sorted(lengths.items()))
    print(f"requests to engines a case: {spread}")
    print("cases of: " + ", ".join(f"{count} {word}" for word, count in sorted(words.items()) if word))
    print(f"contract_answered: {answered} cases")
    print(f"contract_router_seconds: {made:.1f} s")
    print(f"contract_seconds: {time.monotonic() - began:.1f} s")
    print(f"contract_cases: {cases} cases")
    print(f"contract_disagreements: {wrong} cases")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
