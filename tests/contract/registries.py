"""Registries of random rules from a seed, and what to ask them: names of every kind while some providers fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load

Plain = dict[str, Any]

GROUPS = {"gateway": ["one"], "gpu": ["one", "two"], "single": ["two"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}
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
PORTS = {"zeta": 8101, "eta": 8102}
SECRETS = dict.fromkeys(["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_API_KEY"], "given")
ONE_MODEL = ("zeta", "eta", "theta")
MODELS = ["m1", "m2", "m3", "org/m4", "m5:7b", "qwen-coder", "m7-mini", "llama3.1:8b"]
ALIASES = ["alias1", "alias2", "qwen-alias"]
CAPABILITIES = ["code", "chat", "long"]
GLOBS = ["qwen*", "m*", "*-mini", "org/*", "llama*:8b", "q*-x*", "*"]
# Regexes of the list form: globs, and lists of names.
REGEXES = ["^qwen.*", "^org/.+", "^m(1|2|3)$", "^(qwen-coder|m7-mini|nobody)$", r"^llama3\.[12]:8b$"]
STRANGERS = ["nobody", "qwen-9b", "a-mini", "a-mini-large", "org/x", "llama9:8b", "qq-xx", "m99", "llama9:8b-more"]
CONTEXTS = [2048, 8192, 32768]
# Lengths of prompts in words, far from every context: as many tokens, give or take some.
WORDS = [1, 1, 1, 1, 4000, 12000, 40000]
SIZES = ["500M", "8B", "8x7B", "70B", 3]
STRATEGIES = [
    "weighted",
    "weighted",
    "simple_shuffle",
    "load_balance",
    "least_loaded",
    "priority",
    "direct",
    "quality_first",
    "context_based",
    "context_based",
    "fastest_response",
    "usage_based",
    "most_capacity",
    "cost_optimized",
]


class _Dice:
    """One random registry; not every one is sound."""

    def __init__(self, dice: random.Random, kinds: Mapping[str, Plain]) -> None:
        self.dice = dice
        self.names = dice.sample(sorted(kinds), dice.randint(2, min(7, len(kinds))))
        self.providers = {name: self.provider(name, kinds[name]) for name in self.names}
        self.declared = sorted({model["name"] for entry in self.providers.values() for model in entry["models"]})
        self.aliases = dice.sample(ALIASES, dice.randint(0, 3))

    def provider(self, name: str, kind: Plain) -> Plain:
        dice = self.dice
        models = [
            {
                "name": model,
                "size": dice.choice(SIZES),
                "context_length": dice.choice(CONTEXTS),
                **dice.choice([{}, *({"cost_per_1k_tokens": price} for price in (0, 0.001, 0.02))]),
            }
            for model in dice.sample(MODELS, 1 if name in ONE_MODEL else dice.randint(1, 3))
        ]
        entry = {**kind, "models": models, "default_model": models[0]["name"]}
        if dice.random() < 0.12:
            entry["status"] = dice.choice(["inactive", "deprecated"])
        return entry

    def chain(self, name: str) -> list[str]:
        others = [item for item in [*self.names, *self.declared, *self.aliases] if item != name]
        return self.dice.sample(others, min(len(others), self.dice.choice([0, 0, 1, 1, 2, 3, 4])))

    def written_chain(self, name: str) -> Plain:
        """A chain in one of its spellings."""
        chain = self.chain(name)
        if len(chain) == 1 and self.dice.random() < 0.5:
            return {"fallback": chain[0]}
        return {self.dice.choice(["fallback_chain", "chain", "fallbacks"]): chain}

    def tiers(self, name: str) -> Any:
        """The same for an entry of fallback_chains."""
        chain = self.chain(name)[:3]
        words = ["secondary", "tertiary", "quaternary"]
        form = self.dice.randrange(3)
        if form == 0 or not chain:
            return chain
        if form == 1:
            return {"primary": name, **dict(zip(words, chain, strict=False))}
        return {"chain": [{"primary": name}, *({word: item} for word, item in zip(words, chain, strict=False))]}

    def members(self, name: str, with_provider: bool) -> Plain:
        dice = self.dice
        strategy, chosen = dice.choice(STRATEGIES), dice.sample(self.names, dice.randint(1, min(4, len(self.names))))
        rows: list[Plain] = [{"provider": provider} for provider in chosen]
        if not with_provider:
            rows = [
                {"model": model}
                if dice.random() < 0.5
                else {"provider": provider, "model": self.providers[provider]["models"][0]["name"]}
                for provider, model in zip(chosen, dice.sample(self.declared, len(self.declared)), strict=False)
            ]
        if strategy == "weighted":
            rows = [{**row, "weight": dice.choice([1, 0.3, 5])} for row in rows]
        word = dice.choice(["strategy", "routing_strategy"])
        return {word: strategy, **self.written_chain(name), "rows": rows}

    def pool(self, name: str) -> Plain:
        pool = self.members(name, True)
        return {**{key: value for key, value in pool.items() if key != "rows"}, "providers": pool["rows"]}

    def capability(self, name: str) -> Plain:
        dice, pool = self.dice, self.members(name, False)
        found = {**{key: value for key, value in pool.items() if key != "rows"}, "preferred_models": pool["rows"]}
        if dice.random() < 0.2 and "weight" not in pool["rows"][0]:
            del found["preferred_models"]
            found["provider"] = dice.choice(self.names)
        if dice.random() < 0.2:
            found["min_model_size"] = dice.choice(["1B", "8B", 0.5])
        if dice.random() < 0.2:
            found["min_context"] = dice.choice([1024, 8192])
        return found

    def patterns(self) -> Any:
        dice, globs = self.dice, self.dice.sample(GLOBS, self.dice.choice([0, 1, 1, 2, 3]))
        if dice.random() < 0.3:
            regexes = dice.sample(REGEXES, dice.choice([1, 2]))
            return [{"pattern": r, "provider": dice.choice(self.names), **self.written_chain(r)} for r in regexes]
        return {glob: {"provider": dice.choice(self.names), "fallback_chain": self.chain(glob)[:2]} for glob in globs}

    def routing(self) -> Plain:
        dice, names = self.dice, self.names
        exact: Plain = {}
        pools: Plain = {}
        for name in [*self.declared, *self.aliases]:
            owners = [n for n in names if name in [model["name"] for model in self.providers[n]["models"]]]
            if len(owners) > 1 and dice.random() < 0.6:
                pools[name] = self.pool(name)
            elif name in self.aliases or len(owners) > 1 or dice.random() < 0.4:
                provider = dice.choice(owners or names)
                exact[name] = {"provider": provider, **self.written_chain(name)}
                if name in self.aliases and dice.random() < 0.5:
                    exact[name]["backend_model"] = self.providers[provider]["models"][-1]["name"]
            elif dice.random() < 0.1:
                pools[name] = self.pool(name)
        routing: Plain = {
            "exact_matches": exact,
            "load_balancing": pools,
            "capabilities": {name: self.capability(name) for name in dice.sample(CAPABILITIES, dice.randint(0, 3))},
            "patterns": self.patterns(),
            "fallback_chains": {},
        }
        if dice.random() < 0.5:
            routing["default_provider"] = dice.choice(names)
        if dice.random() < 0.4:
            routing["fallback_chains"] = {name: self.tiers(name) for name in dice.sample(self.declared, 1)}
        if dice.random() < 0.15:
            routing["fallback_chains"]["default"] = self.chain("default")[:3]
        return routing


def registries(
    seed: int,
    kinds: Mapping[str, Plain],
    addresses: Mapping[str, str],
    ports: Mapping[str, int],
    gateway: Callable[[random.Random], Plain],
) -> Iterator[Registry]:
    """Sound registries without end, on engines of `kinds`; `gateway` gives the settings of each."""
    dice = random.Random(seed)
    while True:
        made = _Dice(dice, kinds)
        raw = {
            "providers": made.providers,
            "routing": made.routing(),
            "ports": {"services": dict(ports)},
            "cache": {"enabled": False},
            "gateway": gateway(dice),
            "secrets": SECRETS,
        }
        try:
            registry = load(raw)
            if not fleet_of(registry, GROUPS, addresses).findings:
                yield registry
        except RegistryError:
            continue


def cases_of(registry: Registry, seed: int, count: int) -> list[Plain]:
    """Names to ask for, how long the prompt is, and who is down meanwhile: nobody, one, several or all."""
    dice = random.Random(seed)
    active = sorted(name for name, provider in registry.providers.items() if provider.active)
    names = [*registry.routes.names, *STRANGERS]
    looks = any(group.strategy == "context-based" for group in registry.routes.groups.values())
    cases = []
    for index in range(count):
        model = names[index] if index < len(registry.routes.names) else dice.choice(names)
        failing = dice.choice([0, 1, 1, 2, len(active) // 2, len(active) - 1, len(active)])
        down = sorted(dice.sample(active, max(0, min(failing, len(active)))))
        cases.append({"model": model, "down": down, "words": dice.choice(WORDS) if looks else 1})
    return cases
