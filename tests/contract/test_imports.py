"""Each name of a LiteLLM config leads where it led before, or the report of the import names it.

The configs of imports/ have the shapes that people publish; hypothesis makes more (`make import-proof`: many more).
"""

from __future__ import annotations

import copy
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from imports import CORPUS, HERE, ROOT, LiteLLM, made_of, unexplained

Plain = dict[str, Any]
CASES = int(os.environ.get("IMPORT_CASES", "25"))


@pytest.fixture(scope="module")
def litellm() -> Iterator[LiteLLM]:
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    with LiteLLM(python) as process:
        yield process


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_name_is_kept_or_named(litellm: LiteLLM, path: pathlib.Path) -> None:
    assert unexplained(litellm, path) == []


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 25
    # What is only refused proves nothing.
    reports = [made_of(path)["report"]["names"] for path in CORPUS]
    assert sum(names["kept"] for names in reports) > 60 > 5 * sum(len(names["lost"]) for names in reports)


def _first(config: Plain) -> Plain:
    params: Plain = config["model_list"][0]["litellm_params"]
    return params


CHANGES: list[tuple[str, str, Callable[[Plain], Any]]] = [
    ("aliases", "api_base", lambda config: _first(config).update(api_base="http://10.0.0.99/v1")),
    ("aliases", "lost", lambda config: config["model_list"].clear()),
    ("aliases", "rpm", lambda config: _without(config, "rpm")),
    ("aliases", "chain", lambda config: config["router_settings"].pop("fallbacks")),
    ("aliases", "who", lambda config: config["model_list"].append(_another(config["model_list"][-1]))),
    ("weights", "share", lambda config: [row["litellm_params"].update(weight=1) for row in config["model_list"]]),
    ("openai-two-models", "cache", lambda config: config["litellm_settings"].update(cache=True)),
    ("openai-two-models", "model", lambda config: _first(config).update(model="openai/gpt-4")),
    ("openai-two-models", "api_key", lambda config: _first(config).update(api_key="none")),
    ("openai-two-models", "stop", lambda config: _first(config).update(stop=["x"])),
    ("bedrock", "aws_region_name", lambda config: _without(config, "aws_region_name")),
    ("model-info", "mode", lambda config: [row["model_info"].pop("abilities", None) for row in config["model_list"]]),
    ("wildcards-with-prefix", "model", lambda config: _renamed(config, "wild/*", "hosted_vllm/wild/*")),
    ("fallbacks", "long", lambda config: config["router_settings"].pop("context_window_fallbacks")),
    ("own-servers", "client", lambda config: _renamed(config, "ollama", "ollama/llama3.1")),
    ("azure-pool", "timeout", lambda config: [row["litellm_params"].update(timeout=7) for row in config["model_list"]]),
]


def _without(config: Plain, word: str) -> None:
    for row in config["model_list"]:
        row["litellm_params"].pop(word, None)


def _another(row: Plain) -> Plain:
    return {**copy.deepcopy(row), "model_info": {"id": "another"}}


def _renamed(config: Plain, name: str, model: str) -> None:
    for row in config["model_list"]:
        if row["model_name"] == name:
            row["litellm_params"]["model"] = model


@pytest.mark.parametrize(("name", "word", "change"), CHANGES, ids=[f"{name}-{word}" for name, word, _c in CHANGES])
def test_a_difference_without_a_line_is_seen(
    litellm: LiteLLM, name: str, word: str, change: Callable[[Plain], Any]
) -> None:
    found = unexplained(litellm, HERE / "imports" / f"{name}.yaml", change)
    assert [line for line in found if f": {word}: " in line]


# -- configs of hypothesis ---------------------------------------------------------------------------------------------

NAMES = ["fast", "gpt-4o", "llama3", "team/x", "m1"]
GLOBS = ["gpt-*", "openai/*", "house/*", "llama*"]
SERVERS = {
    "openai": "http://10.0.0.1:8000/v1",
    "hosted_vllm": "http://10.0.0.2:8001/v1",
    "ollama_chat": "http://10.0.0.3:11434",
    "lm_studio": "http://10.0.0.4:1234/v1",
    "azure": "https://x.openai.azure.com",
    "mistral": "",
    "bedrock": "",
    "gemini": "",
    "anthropic": "",
}
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "rpm": st.sampled_from([1, 60, 1000, "os.environ/RPM"]),
    "tpm": st.sampled_from([100, 5000]),
    "timeout": st.sampled_from([5, 30.5, 900, "10"]),
    "stream_timeout": st.just(3),
    "temperature": st.sampled_from([0, 0.7]),
    "organization": st.just("org-a"),
    "api_key": st.sampled_from(["os.environ/TEAM_KEY", "none", "$OTHER_KEY", ""]),
    "weight": st.sampled_from([0, 1, 3]),
    "order": st.sampled_from([1, 2]),
    "input_cost_per_token": st.just(0.000002),
}
INFO: dict[str, st.SearchStrategy[Any]] = {
    "mode": st.sampled_from(["chat", "embedding", "rerank"]),
    "max_input_tokens": st.just(8192),
    "supports_vision": st.booleans(),
}


@st.composite
def deployment(draw: st.DrawFn) -> Plain:
    name = draw(st.sampled_from([*NAMES, *NAMES, *GLOBS]))
    client = draw(st.sampled_from(sorted(SERVERS)))
    models = [name, "*", name.rpartition("/")[2]] if "*" in name else ["m1", "gpt-4o", name]
    params: Plain = {"model": f"{client}/{draw(st.sampled_from(models))}"}
    if SERVERS[client]:
        params["api_base"] = SERVERS[client]
    params |= draw(st.fixed_dictionaries({}, optional=OPTIONAL))
    row: Plain = {"model_name": name, "litellm_params": params}
    if draw(st.booleans()):
        row["model_info"] = draw(st.fixed_dictionaries({}, optional=INFO))
    return row


@st.composite
def configs(draw: st.DrawFn) -> Plain:
    items = st.lists(st.sampled_from([*NAMES, "nobody"]), min_size=1, max_size=2, unique=True)
    chains = st.lists(st.dictionaries(st.sampled_from(NAMES), items, min_size=1, max_size=1), max_size=3)
    aliases = st.dictionaries(st.sampled_from(["alias", "best"]), st.sampled_from([*NAMES, "openai/x"]), max_size=2)
    strategies = st.sampled_from(["simple-shuffle", "least-busy", "usage-based-routing-v2"])
    router = st.fixed_dictionaries(
        {}, optional={"fallbacks": chains, "model_group_alias": aliases, "routing_strategy": strategies}
    )
    library = st.fixed_dictionaries({}, optional={"cache": st.booleans(), "default_fallbacks": items})
    rows = draw(st.lists(deployment(), min_size=1, max_size=6))
    return {"model_list": rows, "router_settings": draw(router), "litellm_settings": draw(library)}


def test_so_is_each_name_of_a_generated_config(litellm: LiteLLM) -> None:
    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=CASES == 25,
        database=None,
        # A smaller example would take minutes of the real LiteLLM.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(configs())
    def check(config: Plain) -> None:
        assert unexplained(litellm, config) == []

    check()
