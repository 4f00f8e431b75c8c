"""Registries that are sound, and faults: minimal edits of them, each with the check that has to catch it and where."""

from __future__ import annotations

import copy
import pathlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import Finding
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.paths import join, steps_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.yaml_files import read_texts
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.validation import Inventory, validate_sources

HERE = pathlib.Path(__file__).resolve().parent
Data = Any
Place = tuple[str | int, ...]
GROUPS = {"gateway": ["one"], "redis": ["one"], "gpu": ["one", "two"], "llama_cpp": ["one"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}
INVENTORY = Inventory(GROUPS, ADDRESSES, {"one": 80, "two": 80})


def findings_of(text: str, inventory: Inventory = INVENTORY) -> tuple[Finding, ...]:
    """What is found in a file of variables."""
    return validate_sources(read_texts([("registry.yml", text)]), inventory).findings


def dump(data: Data) -> str:
    """A registry as a file of variables."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


# -- places ---------------------------------------------------------------------------------------------------------


def path_of(place: Place) -> str:
    """The same the other way round, as findings write it."""
    return join("", *place)


def at(data: Data, place: Place) -> Data:
    """What stands at a place."""
    for part in place:
        data = data[part]
    return data


def put(data: Data, place: Place, value: Data) -> None:
    """Set or add a value."""
    holder = at(data, place[:-1])
    if isinstance(holder, list) and place[-1] == len(holder):
        holder.append(value)
    else:
        holder[place[-1]] = value


def take(data: Data, place: Place) -> None:
    """Remove a key or item."""
    del at(data, place[:-1])[place[-1]]


def rename(data: Data, place: Place, name: str) -> None:
    """Give a key another name, in its place."""
    holder = at(data, place[:-1])
    items = [(name if key == place[-1] else key, value) for key, value in holder.items()]
    holder.clear()
    holder.update(items)


# -- sound registries -----------------------------------------------------------------------------------------------


def written() -> dict[str, Data]:
    """The hand-written ones by name."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((HERE / "valid").glob("*.yml"))}


def generated(seed: int, models: int) -> Data:
    """A sound registry of about `models` models: every rule leads to something that is there, every chain goes on."""
    dice = random.Random(seed)
    providers: Data = {}
    declared: list[str] = []
    names: list[str] = []
    secrets: Data = {}
    services: Data = {}
    while len(declared) < models:
        number = len(providers)
        kind = dice.choice(["ollama", "vllm", "openai_compatible", "llama_cpp", "cloud"])
        count = 1 if kind in ("llama_cpp", "vllm") else min(dice.randint(1, 25), models - len(declared))
        name = f"p{number:03d}_{kind}"
        own = [f"m{len(declared) + i:04d}:{dice.choice([1, 3, 7, 14, 32])}b" for i in range(count)]
        declared += own
        names.append(name)
        providers[name] = _provider(dice, kind, number, own, secrets)
        if kind == "llama_cpp":
            services[name] = {"port": 20000 + number}
            providers[name]["hosts"] = dice.choice(["gpu", "llama_cpp"])
    return {
        "ai_backend_providers": providers,
        "ai_backend_routing": _rules(dice, providers, declared),
        "ai_backend_ports": {"services": services},
        "ai_backend_secrets": secrets,
    }


def _provider(dice: random.Random, kind: str, number: int, own: list[str], secrets: Data) -> Data:
    entries: Data = [name if dice.random() < 0.5 else {"name": name, "tags": ["x"]} for name in own]
    host = f"10.{1 + number // 200}.{number % 200}.9"
    if kind == "llama_cpp":
        return {"type": kind, "models": [{"name": own[0], "source": "tiny", "context_length": 512}]}
    if kind == "ollama":
        return {"type": kind, "managed": False, "base_url": f"http://{host}:11434", "models": entries}
    if kind == "vllm":
        return {"type": kind, "managed": False, "base_url": f"http://{host}:8001", "models": entries}
    if kind == "cloud":
        variable = f"CLOUD_{number}_API_KEY"
        secrets[variable] = f"given-to-{number:06d}"
        return {"type": "openai", "env_var": variable, "models": entries}
    return {"type": kind, "base_url": f"https://{host}/v1", "models": entries, "default_model": own[0]}


def _rules(dice: random.Random, providers: Data, declared: list[str]) -> Data:
    """Chains lead from a model to later ones, so none is circular."""
    owner = {
        entry if isinstance(entry, str) else entry["name"]: p for p, v in providers.items() for entry in v["models"]
    }
    exact, chains, pools, capabilities = {}, {}, {}, {}
    for index, name in enumerate(declared[:-1]):
        later = dice.sample(declared[index + 1 :], min(3, len(declared) - index - 1))
        if dice.random() < 0.3:
            exact[name] = {"provider": owner[name], "fallback_chain": later}
        elif dice.random() < 0.2:
            chains[name] = later
    for number in range(len(declared) // 10):
        chosen = dice.sample(declared, min(3, len(declared)))
        pools[f"pool{number:03d}"] = {
            "strategy": "weighted",
            "providers": [{"provider": owner[name], "model": name, "weight": dice.randint(1, 5)} for name in chosen],
        }
        capabilities[f"skill{number:03d}"] = {"preferred_models": chosen}
    many = [name for name, provider in providers.items() if provider["type"] in ("ollama", "openai_compatible")]
    globs = {f"g{number:03d}-*": dice.choice(many) for number in range(len(declared) // 8)} if many else {}
    return {
        "exact_matches": exact,
        "fallback_chains": chains,
        "load_balancing": pools,
        "capability_routing": capabilities,
        "patterns": globs,
    }


# tiny to 500 models; the seed is the number in the name.
SIZES = [1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500]
GENERATED = {f"generated-{seed:02d}": (seed, SIZES[seed % len(SIZES)]) for seed in range(60)}


def sound() -> dict[str, Data]:
    """All sound registries by name."""
    return {**written(), **{name: generated(*how) for name, how in GENERATED.items()}}


# -- faults ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """An edit of a sound registry. `check` has to catch it, at one of `paths` or below it.

    Where the edit takes a key away, its mapping may be named instead.
    """

    name: str
    text: str
    check: str
    paths: tuple[str, ...]
    severity: str = "critical"
    parent: bool = False
    inventory: Inventory = INVENTORY


def points_at(fault: Fault, path: str) -> bool:
    """Whether a finding's path leads to the edit."""
    places = [steps_of(wanted) for wanted in fault.paths]
    found = steps_of(path)
    near = [place[:-1] for place in places] if fault.parent else []
    return any(found[: len(place)] == place for place in places) or found in near or path in fault.paths


def by_hand() -> Iterator[Fault]:
    """faults.yml: one edit each, see its head."""
    bases = written()
    for row in yaml.safe_load((HERE / "faults.yml").read_text()):
        data = copy.deepcopy(bases[row.get("base", "lab")])
        edited: list[Place] = []
        for path, value in row.get("set", {}).items():
            put(data, steps_of(path), value)
            edited.append(steps_of(path))
        for path in row.get("remove", []):
            take(data, steps_of(path))
            edited.append(steps_of(path))
        for path, name in row.get("rename", {}).items():
            rename(data, steps_of(path), name)
            edited.append((*steps_of(path)[:-1], name))
        wanted = row.get("at")
        paths = [wanted] if isinstance(wanted, str) else wanted or [path_of(place) for place in edited]
        inventory = Inventory(
            {**GROUPS, **row.get("groups", {})},
            {**ADDRESSES, **row.get("addresses", {})},
            row.get("gpu_memory", INVENTORY.gpu_memory),
        )
        text = dump(data)
        for old, new in row.get("text", {}).items():
            assert old in text, (row["fault"], old)
            text = text.replace(old, new, 1)
        parent = "remove" in row and wanted is None
        yield Fault(row["fault"], text, row["check"], tuple(paths), row.get("severity", "critical"), parent, inventory)
