# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registries to start from, and ways to see what is wrong with one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load
from plans import config_of, make_plan

Raw = dict[str, Any]

# A busy machine is no finding, and a failure must be the same for everybody who repeats it.
settings.register_profile("repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}

# The lab: one engine of ours, engines that run elsewhere, two clouds.
LAB = """
providers:
  native: {type: llama_cpp, hosts: llama_cpp, models: [{name: lab-tiny, source: tiny}]}
  python: {type: llama_cpp, server: python, managed: false, base_url: "http://127.0.0.1:8000", models: [gguf]}
  ollama:
    type: ollama
    managed: false
    base_url: http://127.0.0.1:11434
    models: [{name: "llama3.1:8b", size: 8B}, "qwen2.5-coder:7b"]
  vllm: {type: vllm, managed: false, base_url: "http://10.0.0.9:8001", models: [Qwen/Coder-AWQ]}
  openai: {type: openai, models: [gpt-4o-mini, gpt-4o]}
  anthropic: {type: anthropic, models: [claude-3]}
  cloud: {type: ollama_cloud, status: inactive, models: ["kimi-k2:1t-cloud"]}
  other: {type: openai_compatible, status: template, base_url: "https://llm.example.com/v1", models: [m1]}
ports: {services: {native: 8080}}
secrets: {OPENAI_API_KEY: given-openai, ANTHROPIC_API_KEY: given-anthropic}
"""


@pytest.fixture(scope="session")
def lab() -> Callable[..., Raw]:
    """A copy of the lab's registry, with `routing` and other parts replaced."""

    def build(**parts: Any) -> Raw:
        return {**copy.deepcopy(yaml.safe_load(LAB)), **parts}

    return build


@pytest.fixture(scope="session")
def routed(lab: Callable[..., Raw]) -> Callable[[str], Registry]:
    """The lab's registry with the routing of a YAML text."""

    def build(routing: str) -> Registry:
        return load(lab(routing=yaml.safe_load(routing)))

    return build


@pytest.fixture(scope="session")
def wrong() -> Callable[[Raw], str]:
    """The text of everything that is wrong with a registry (or with its plan on one host)."""

    def text(raw: object, groups: object = None, addresses: object = None) -> str:
        with pytest.raises(RegistryError) as caught:
            make_plan(load(raw), GROUPS if groups is None else groups, addresses)
        return caught.value.text()

    return text


@pytest.fixture(scope="session")
def planned() -> Callable[..., Raw]:
    """The plan of a registry, on one host unless groups are given."""

    def build(raw: object, groups: object = None, addresses: object = None) -> Raw:
        return make_plan(load(raw), GROUPS if groups is None else groups, addresses)

    return build


@pytest.fixture(scope="session")
def litellm(planned: Callable[..., Raw]) -> Callable[..., Raw]:
    """LiteLLM's config of host `one`, read back from its text."""

    def build(raw: object, groups: object = None, addresses: object = None) -> Raw:
        text = config_of(planned(raw, groups, addresses), "one", "litellm")["config"]
        config: Raw = yaml.safe_load(text)
        return config

    return build
