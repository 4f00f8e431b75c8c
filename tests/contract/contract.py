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
from collections.abc import Iterator, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.plugin_utils import litellm_config  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.explain import explain, host_of, router_at  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.failover import Deployment, Router, asks  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings import RegistryError  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan import Placement  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry import Registry, load  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
GROUPS = {"gateway": ["one"], "gpu": ["one", "two"], "single": ["two"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}
CASES_EACH = 25

Plain = dict[str, Any]
Asked = tuple[str, str, str]

KINDS: dict[str, Plain] = {
    "alpha": {"type": "ollama", "managed": False, "base_url": "http://10.9.9.1:11434"},
    "beta": {"type": "vllm", "managed": False, "base_url": "http://10.9.9.2:8001"},
    "gamma": {"type": "openai"},
    "delta": {"type": "anthropic"},
    "epsilon": {"type": "openai_compatible", "base_url": "https://llm.example.com/v1"},
    "zeta": {"type": "llama_cpp", "hosts": "gpu"},
    "eta": {"type": "llama_cpp", "hosts": "single"},
    "theta": {"type": "llama_cpp", "server": "python", "managed": False, "base_url": "http://10.9.9.8:8000"},
    "iota": {"type": "ollama_cloud"},
}
ONE_MODEL = ("zeta", "eta", "theta")
MODELS = ["m1", "m2", "m3", "org/m4", "m5:7b", "qwen-coder", "m7-mini", "llama3.1:8b"]
ALIASES = ["alias1", "alias2", "qwen-alias"]
CAPABILITIES = ["code", "chat"]
GLOBS = ["qwen*", "m*", "*-mini", "org/*", "llama*:8b", "q*-x*", "*"]
STRANGERS = ["nobody", "qwen-9b", "a-mini", "a-mini-large", "org/x", "llama9:8b", "qq-xx", "m99", "llama9:8b-more"]
STRATEGIES = [
    "weighted",
    "weighted",
    "simple_shuffle",
    "least_loaded",
    "priority",
    "fastest",
    "usage_based",
    "cost_based",
]


def raw_registry(dice: random.Random) -> Plain:
    """A registry of random rules; not every one is sound."""
    names = dice.sample(sorted(KINDS), dice.randint(2, 7))
    providers: Plain = {}
    for name in names:
        models = dice.sample(MODELS, 1 if name in ONE_MODEL else dice.randint(1, 3))
        providers[name] = {**KINDS[name], "models": models, "default_model": models[0]}
        if dice.random() < 0.12:
            providers[name]["status"] = dice.choice(["inactive", "deprecated"])
    declared = sorted({model for provider in providers.values() for model in provider["models"]})
    aliases = dice.sample(ALIASES, dice.randint(0, 3))
    capabilities = dice.sample(CAPABILITIES, dice.randint(0, 2))
    everything = [*names, *declared, *aliases]

    def chain(name: str) -> list[str]:
        others = [item for item in everything if item != name]
        return dice.sample(others, min(len(others), dice.choice([0, 0, 1, 1, 2, 3, 4])))

    def members(name: str, with_provider: bool) -> Plain:
        strategy, chosen = dice.choice(STRATEGIES), dice.sample(names, dice.randint(1, min(4, len(names))))
        rows: list[Plain] = [{"provider": provider} for provider in chosen]
        if not with_provider:
            rows = [
                {"model": model}
                if dice.random() < 0.5
                else {"provider": provider, "model": providers[provider]["models"][0]}
                for provider, model in zip(chosen, dice.sample(declared, len(declared)), strict=False)
            ]
        if strategy == "weighted":
            rows = [{**row, "weight": dice.choice([1, 0.3, 5])} for row in rows]
        return {"strategy": strategy, "fallback_chain": chain(name), "rows": rows}

    exact: Plain = {}
    pools: Plain = {}
    for name in [*declared, *aliases]:
        owners = [provider for provider in names if name in providers[provider]["models"]]
        if len(owners) > 1 and dice.random() < 0.6:
            pool = members(name, True)
            pools[name] = {**{k: v for k, v in pool.items() if k != "rows"}, "providers": pool["rows"]}
        elif name in aliases or len(owners) > 1 or dice.random() < 0.4:
            provider = dice.choice(owners or names)
            exact[name] = {"provider": provider, "fallback_chain": chain(name)}
            if name in aliases and dice.random() < 0.5:
                exact[name]["backend_model"] = providers[provider]["models"][-1]
        elif dice.random() < 0.1:
            pool = members(name, True)
            pools[name] = {**{k: v for k, v in pool.items() if k != "rows"}, "providers": pool["rows"]}
    found = {}
    for name in capabilities:
        pool = members(name, False)
        found[name] = {**{k: v for k, v in pool.items() if k != "rows"}, "preferred_models": pool["rows"]}
    globs = dice.sample(GLOBS, dice.choice([0, 1, 1, 2, 3]))
    routing: Plain = {
        "exact_matches": exact,
        "load_balancing": pools,
        "capability_routing": found,
        "patterns": {glob: {"provider": dice.choice(names), "fallback_chain": chain(glob)[:2]} for glob in globs},
    }
    if dice.random() < 0.5:
        routing["default_provider"] = dice.choice(names)
    if dice.random() < 0.3:
        routing["fallback_chains"] = {name: chain(name) for name in dice.sample(declared, 1)}
    return {
        "providers": providers,
        "routing": routing,
        "ports": {"services": {"zeta": 8101, "eta": 8102}},
        "cache": {"enabled": False},
        "gateway": {"breaker": {"failures": dice.choice([1, 2, 3, 3, 3, 5])}},
        "secrets": dict.fromkeys(["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_API_KEY"], "given"),
    }


def registries(seed: int) -> Iterator[Registry]:
    """Sound registries without end."""
    dice = random.Random(seed)
    while True:
        raw = raw_registry(dice)
        try:
            registry = load(raw)
            if not Placement(registry, GROUPS, ADDRESSES).findings:
                yield registry
        except RegistryError:
            continue


def cases_of(registry: Registry, seed: int) -> list[Plain]:
    """Names to ask for, and who is down meanwhile: nobody, one, several or all."""
    dice = random.Random(seed)
    active = sorted(name for name, provider in registry.providers.items() if provider.active)
    names = [*registry.routes.names, *STRANGERS]
    cases = []
    for index in range(CASES_EACH):
        model = names[index] if index < len(registry.routes.names) else dice.choice(names)
        count = dice.choice([0, 1, 1, 2, len(active) // 2, len(active) - 1, len(active)])
        cases.append({"model": model, "down": sorted(dice.sample(active, max(0, min(count, len(active)))))})
    return cases


def said(router: Router, case: Plain, really: Sequence[Asked]) -> tuple[list[Asked], bool]:
    """Whom explain says is asked, with LiteLLM's choice wherever explain leaves it one, and whether one answers."""
    chosen = iter(really)

    def choose(one_of: Sequence[Deployment]) -> Deployment:
        step = next(chosen, None)
        return next((deployment for deployment in one_of if line(deployment) == step), one_of[0])

    told = asks(router, case["model"], case["down"], choose)
    return [line(ask.deployment) for ask in told], any(ask.answered for ask in told)


def line(deployment: Deployment) -> Asked:
    return deployment.provider, host_of(deployment), deployment.model


def check(registry: Registry, router: Router, case: Plain, outcome: Plain) -> str:
    """What differs between LiteLLM and explain; empty when they agree."""
    really: list[Asked] = [(provider, host, model) for provider, host, model in outcome["asked"]]
    told, answered = said(router, case, really)
    if told != really:
        return f"explain says {told}, LiteLLM asked {really}"
    if answered != outcome["answered"]:
        return f"explain says answered: {answered}, LiteLLM: {outcome['answered']}"
    whole = explain(registry, case["model"], GROUPS, ADDRESSES, case["down"])
    first = whole["asked"][0]["one_of"] if whole["asked"] else []
    if bool(really) != bool(first) or (really and really[0][0] not in first):
        return f"explain asks one of {first} first, LiteLLM asked {really}"
    if bool(whole["rule"]) != bool(really):
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
    for number, registry in enumerate(registries(options.seed)):
        if cases >= options.cases:
            break
        place = Placement(registry, GROUPS, ADDRESSES)
        config = litellm_config.build(registry, lambda name, at=place: at.endpoints(name, "one"), None, False)
        router, seed = router_at(place, "one"), options.seed + number
        todo = cases_of(registry, seed)
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
            difference = check(registry, router, case, outcome)
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
    print(f"contract_answered: {answered} cases")
    print(f"contract_router_seconds: {made:.1f} s")
    print(f"contract_seconds: {time.monotonic() - began:.1f} s")
    print(f"contract_cases: {cases} cases")
    print(f"contract_disagreements: {wrong} cases")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
