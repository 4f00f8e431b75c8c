# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for any registry, found by trying many."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema import globs as patterns
from plans import config_of, make_plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one", "two"], "redis": ["one"], "gpu": ["two", "three"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2", "three": "10.0.0.3"}
SENTINEL = "sk-" + "sentinel-4f9aQ2bX"

PROVIDERS = ["alpha", "beta", "gamma", "delta"]
MODELS = ["m1", "m2", "m3", "org/m4", "m5:7b"]
NAMES = [*MODELS, "alias1", "alias2"]
PORTS = {name: 8100 + number for number, name in enumerate(PROVIDERS)}

statuses = st.sampled_from(["active", "active", "active", "inactive", "deprecated", "template"])
items = st.sampled_from([*PROVIDERS, *NAMES, "nobody"])
chains = st.lists(items, max_size=3, unique=True)


@st.composite
def providers(draw: st.DrawFn) -> Raw:
    result: Raw = {}
    for name in draw(st.lists(st.sampled_from(PROVIDERS), min_size=1, unique=True)):
        kind = draw(st.sampled_from(["llama_cpp", "ollama", "vllm", "openai", "anthropic", "openai_compatible"]))
        models = draw(st.lists(st.sampled_from(MODELS), min_size=1, max_size=3, unique=True))
        entry: Raw = {"type": kind, "status": draw(statuses), "models": models}
        if kind == "llama_cpp":
            entry |= {"hosts": "gpu", "models": models[:1]}
        elif kind in ("ollama", "vllm", "openai_compatible"):
            entry |= {"base_url": f"http://10.9.9.9:{PORTS[name]}"}
        if draw(st.booleans()):
            entry["default_model"] = entry["models"][0]
        result[name] = entry
    return result


def rules(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[Raw]:
    return st.fixed_dictionaries(
        {"provider": st.sampled_from([*PROVIDERS, "nobody"]), **more}, optional={"fallback_chain": chains}
    )


members = st.lists(
    st.fixed_dictionaries({"provider": st.sampled_from(PROVIDERS)}, optional={"model": st.sampled_from(NAMES)})
    | st.fixed_dictionaries({"model": st.sampled_from(NAMES)}),
    min_size=1,
    max_size=3,
)
pools = st.fixed_dictionaries(
    {"providers": members, "strategy": st.sampled_from(["weighted", "least_loaded", "priority"])},
    optional={"fallback": chains},
)
routings = st.fixed_dictionaries(
    {},
    optional={
        "exact_matches": st.dictionaries(st.sampled_from(NAMES), rules(), max_size=3),
        "load_balancing": st.dictionaries(st.sampled_from(NAMES), pools, max_size=2),
        "capabilities": st.dictionaries(st.sampled_from(["code", "chat", "m1"]), members, max_size=2),
        "fallback_chains": st.dictionaries(st.sampled_from(NAMES), chains, max_size=2),
        "patterns": st.dictionaries(st.sampled_from(["q*", "m*", "*-x", "org/*"]), rules(), max_size=2),
        "default_provider": st.sampled_from(PROVIDERS),
    },
)
registries = st.fixed_dictionaries(
    {
        "providers": providers(),
        "routing": routings,
        "ports": st.just({"services": PORTS}),
        "secrets": st.just({"OPENAI_API_KEY": "given-one", "ANTHROPIC_API_KEY": "given-two"}),
    },
    optional={"gateway": st.just({"workers": 2}), "cache": st.just({"enabled": False})},
)


@st.composite
def sound(draw: st.DrawFn) -> Raw:
    """Registries that are accepted but for inactive dead ends: references resolve, chains lead forward only."""
    entries: Raw = {}
    owned: dict[str, list[str]] = {}
    for name in draw(st.lists(st.sampled_from(PROVIDERS), min_size=2, unique=True)):
        kind = draw(st.sampled_from(["llama_cpp", "ollama", "vllm", "openai", "openai_compatible"]))
        owned[name] = [f"{name}-1"] if kind == "llama_cpp" else [f"{name}-1", f"org/{name}:2"]
        entry: Raw = {"type": kind, "models": owned[name], "default_model": owned[name][0], "status": draw(statuses)}
        if kind == "llama_cpp":
            entry["hosts"] = "gpu"
        elif kind != "openai":
            entry["base_url"] = f"http://10.9.9.9:{PORTS[name]}"
        entries[name] = entry
    order = [f"alias{number}" for number in range(draw(st.integers(0, 3)))] + [m for ms in owned.values() for m in ms]
    some = st.sampled_from(sorted(owned))

    def forward(name: str) -> st.SearchStrategy[list[str]]:
        later = order[order.index(name) + 1 :] if name in order else order
        return st.lists(st.sampled_from([*sorted(owned), *later]), max_size=3, unique=True)

    def rule(name: str) -> Raw:
        provider = draw(some)
        result: Raw = {"provider": provider, "fallback_chain": draw(forward(name))}
        if draw(st.booleans()):
            result["backend_model"] = draw(st.sampled_from(owned[provider]))
        return result

    routing: Raw = {
        "exact_matches": {name: rule(name) for name in order if name.startswith("alias")},
        "fallback_chains": {name: draw(forward(name)) for name in order if not name.startswith("alias")},
        "patterns": {glob: rule(glob) for glob in draw(st.lists(st.sampled_from(["q*", "x/y*", "*-x"]), unique=True))},
        "load_balancing": {},
        "capabilities": {},
        "default_provider": draw(some),
    }
    if draw(st.booleans()):
        strategy = draw(st.sampled_from(["weighted", "least_loaded", "priority"]))
        chosen = draw(st.lists(some, min_size=1, unique=True))
        weigh = strategy == "weighted" and draw(st.booleans())
        members = [{"provider": name, **({"weight": 0.1 + i} if weigh else {})} for i, name in enumerate(chosen)]
        routing["load_balancing"]["pool"] = {
            "strategy": strategy,
            "providers": members,
            "fallback": draw(forward("pool")),
        }
    if draw(st.booleans()):
        models = draw(st.lists(st.sampled_from(order), min_size=1, unique=True))
        routing["capabilities"]["code"] = {"models": models, "fallback": draw(forward("code"))}
    return {
        "providers": entries,
        "routing": routing,
        "ports": {"services": PORTS},
        "secrets": {"OPENAI_API_KEY": "given-one"},
        "gateway": {"workers": draw(st.integers(1, 2))},
        "cache": {"enabled": draw(st.booleans())},
    }


def attempt(raw: object) -> tuple[Registry, Raw] | None:
    """The registry and its plan, or None when it is refused, which is the only other outcome."""
    try:
        registry = load(raw)
        return registry, make_plan(registry, GROUPS, ADDRESSES)
    except RegistryError as error:
        assert error.findings
        assert "→" in str(error)
        return None


def shuffled(value: Any, seed: int) -> Any:
    """The same mappings in another order; patterns keep theirs, it has a meaning."""
    if isinstance(value, dict):
        keys = list(value)
        random.Random(seed).shuffle(keys)
        return {key: value[key] if key == "patterns" else shuffled(value[key], seed) for key in keys}
    return [shuffled(item, seed) for item in value] if isinstance(value, list) else value


@given(sound())
def test_a_plan_refers_only_to_what_is_there(raw: Raw) -> None:
    outcome = attempt(raw)
    if outcome is None:
        return
    registry, plan = outcome
    for host in ("one", "two"):
        config = yaml.safe_load(config_of(plan, host, "litellm")["config"])
        groups = {row["model_name"] for row in config["model_list"]}
        assert {name for name in groups if "*" not in name} == set(plan["models"])
        for entry in config["router_settings"]["fallbacks"]:
            for name, chain in entry.items():
                assert {name, *chain} <= groups
                assert name not in chain
                assert "*" not in name
        for row in config["model_list"]:
            assert row["litellm_params"]["api_base"].startswith("http")
            assert row["litellm_params"]["api_key"]
        ids = [row["model_info"]["id"] for row in config["model_list"]]
        assert len(ids) == len(set(ids))
        secrets = plan["hosts"][host]["secrets"]["litellm.env"]
        assert {f"os.environ/{name}" for name in secrets} >= {
            row["litellm_params"]["api_key"] for row in config["model_list"]
        } - {"none"}
    for name in registry.routes.groups:
        for level in registry.routes.sequence(name):
            assert level
            for target in level:
                provider = registry.providers[target.provider]
                assert provider.active
                assert target.model is None or provider.entry(target.model) is not None


@given(sound())
def test_the_config_does_what_the_routes_say(raw: Raw) -> None:
    """Orders first, then fallbacks with all of theirs: the way LiteLLM walks is the sequence of the routes."""
    outcome = attempt(raw)
    if outcome is None:
        return
    registry, plan = outcome
    config = yaml.safe_load(config_of(plan, "one", "litellm")["config"])
    fallbacks = {name: chain for entry in config["router_settings"]["fallbacks"] for name, chain in entry.items()}
    rows: dict[str, dict[int, set[str]]] = {}
    for row in config["model_list"]:
        level = rows.setdefault(row["model_name"], {}).setdefault(row["litellm_params"].get("order", 1), set())
        model = unquote(row["model_info"]["id"]).rpartition("@")[2].partition("/")[2]
        level.add(f"{row['model_info']['provider']}/{model}")

    def walk(name: str) -> list[frozenset[str]]:
        own = [frozenset(rows[name][order]) for order in sorted(rows[name])]
        return own + [level for other in fallbacks.get(name, []) for level in walk(other)]

    for name in registry.routes.groups:
        expected = [
            frozenset(f"{target.provider}/{target.model or name}" for target in level)
            for level in registry.routes.sequence(name)
        ]
        assert list(dict.fromkeys(walk(name))) == expected


@given(sound() | registries, st.integers())
def test_the_order_of_keys_changes_nothing(raw: Raw, seed: int) -> None:
    one, other = attempt(raw), attempt(shuffled(raw, seed))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert json.dumps(one[1]) == json.dumps(other[1])


@given(registries, st.data())
def test_a_secret_in_any_place_is_never_shown(raw: Raw, data: st.DataObject) -> None:
    raw = copy.deepcopy(raw)  # strategies share what they draw
    places = list(_places(raw))
    container, key = data.draw(st.sampled_from(places))
    container[key] = SENTINEL
    try:
        make_plan(load(raw), GROUPS, ADDRESSES)
    except RegistryError as error:
        assert SENTINEL not in str(error)
    else:
        raise AssertionError("accepted")


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        if key == "secrets":
            continue
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*PROVIDERS, *NAMES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | items, inner, max_size=3),
    max_leaves=8,
)


@given(registries, junk, st.data())
def test_junk_in_any_place_is_an_error_of_ours_or_accepted(raw: Raw, thing: object, data: st.DataObject) -> None:
    raw = copy.deepcopy(raw)  # strategies share what they draw
    container, key = data.draw(st.sampled_from(list(_places(raw))))
    container[key] = thing
    attempt(raw)


@given(junk, junk, junk)
def test_junk_is_never_a_traceback(registry: object, groups: object, addresses: object) -> None:
    with contextlib.suppress(RegistryError):
        make_plan(load(registry), groups, addresses)


@given(
    st.lists(st.text(alphabet="ab/-*", min_size=2, max_size=6).filter(lambda text: "*" in text), unique=True),
    st.text("ab/-"),
)
def test_accepted_patterns_are_decided_as_written(globs: list[str], name: str) -> None:
    """The first written pattern that matches in full is the one LiteLLM takes."""
    if list(patterns.conflicts(globs)):
        return
    full = [glob for glob in globs if re.fullmatch(re.escape(glob).replace(r"\*", ".*"), name)]
    if full:
        taken = next(glob for glob in patterns.ranked(globs) if patterns.matches(glob, name))
        assert taken == full[0]


PROGRAM = """
import json, sys
from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries
raw, groups, addresses = json.load(sys.stdin)
print(json.dumps(entries.plan(raw, groups, addresses)))
"""


def test_the_hash_seed_changes_no_byte(lab: Callable[..., Raw]) -> None:
    routing = {
        "exact_matches": {"x": {"provider": "cloud", "fallback_chain": ["other", "native", "claude-3"]}},
        "capabilities": {"c": ["gguf", "lab-tiny"]},
        "default_provider": "ollama",
    }
    given_in = json.dumps(
        [
            lab(routing=routing),
            {"gateway": ["a"], "redis": ["a"], "llama_cpp": ["a", "b"]},
            {"a": "10.0.0.8", "b": "10.0.0.9"},
        ]
    )
    outputs = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=given_in, env=environment, capture_output=True, text=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
