# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files as people have them today load as they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load

Raw = dict[str, Any]

PROVIDERS = """
ollama:
  type: ollama
  base_url: http://127.0.0.1:11434
  status: active
  location: Integrated in OpenWebUI
  features: [easy model management, quick prototyping]
  default_model: llama3.1:8b
  models:
    - {name: "llama3.1:8b", size: "8B", quantization: Q4_K_M, specialty: general_chat}
    - {name: "qwen2.5-coder:7b"}
  health_endpoint: /api/tags
llama_cpp_python:
  {type: llama_cpp, server: python, base_url: "http://127.0.0.1:8000", status: active, models: [llama-cpp-default]}
llama_cpp_native:
  type: llama_cpp
  base_url: http://127.0.0.1:8080
  status: active
  models: [{name: llama-cpp-native, context_length: 8192}]
vllm:
  type: vllm
  base_url: http://127.0.0.1:8001
  status: active
  models: [{name: Qwen/Qwen2.5-Coder-7B-Instruct-AWQ, size: 7B, quantization: AWQ}]
  health_endpoint: /v1/models
anthropic:
  type: anthropic
  base_url: https://api.anthropic.com/v1
  status: inactive
  requires_api_key: true
  env_var: ANTHROPIC_API_KEY
  models: [claude-3-opus-20240229]
"""
ROUTES = """
routes:
  exact_matches:
    "llama3.1:8b": {provider: ollama, fallback_chain: [llama_cpp_python, llama_cpp_native]}
    qwen-coder-vllm: {provider: vllm, backend_model: Qwen/Qwen2.5-Coder-7B-Instruct-AWQ, fallback: ollama}
  patterns:
    "meta-llama/*": {provider: vllm}
    "qwen*": {provider: vllm, fallback_chain: [ollama]}
  capability_routing:
    code_generation: [{model: "qwen2.5-coder:7b", provider: ollama}]
  load_balancing:
    "llama3.1:8b":
      strategy: weighted
      providers: [{provider: ollama, weight: 0.7}, {provider: llama_cpp_python, weight: 0.3}]
  fallback_chains: {"llama3.1:8b": {chain: [llama-cpp-default]}}
  default_provider: ollama
"""
PORTS = """
services:
  litellm_gateway: {port: 4000, description: Unified gateway}
  ollama: {port: 11434}
  llama_cpp_python: {port: 8000}
  llama_cpp_native: {port: 8080}
  vllm: {port: 8001}
  redis: {port: 6379}
"""


def todays() -> Raw:
    return {"providers": yaml.safe_load(PROVIDERS), "routing": yaml.safe_load(ROUTES), "ports": yaml.safe_load(PORTS)}


def test_they_mean_what_they_say() -> None:
    routes = load(todays()).routes

    def tried(name: str) -> list[list[str]]:
        return [[f"{t.provider}/{t.model or '*'}" for t in level] for level in routes.sequence(name)]

    assert tried("llama3.1:8b") == [
        ["ollama/llama3.1:8b", "llama_cpp_python/llama-cpp-default"],
        ["llama_cpp_native/llama-cpp-native"],
        ["llama_cpp_python/llama-cpp-default"],
    ]
    assert tried("qwen-coder-vllm") == [["vllm/Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"], ["ollama/llama3.1:8b"]]
    assert tried("qwen*") == [["vllm/Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"], ["ollama/*"]]
    assert tried("code_generation") == [["ollama/qwen2.5-coder:7b"]]
    assert tried("*") == [["ollama/*"]]


def test_all_engines_on_loopback_are_installed(planned: Callable[..., Raw]) -> None:
    instances = planned(todays())["hosts"]["one"]["instances"]
    engines = [name for name in instances if "@" in name and "litellm" not in name]
    assert engines == [
        "llama-cpp-python@llama_cpp_python",
        "llama-cpp@llama_cpp_native",
        "ollama@ollama",
        "vllm@vllm",
    ]


MAPPINGS = """
capabilities:
  code:
    description: Generation, debugging, refactoring
    preferred_models: ["qwen2.5-coder:7b", qwen-coder-vllm]
    routing_strategy: quality_first
  chat:
    description: Conversation
    preferred_models: ["llama3.1:8b", llama-cpp-native]
    routing_strategy: usage_based
  high_throughput: {description: Many at once, min_model_size: "7B", provider: vllm, routing_strategy: least_loaded}
  low_latency: {provider: llama_cpp_native, fallback: llama_cpp_python, routing_strategy: fastest_response}
  large_context: {min_context: 8192, providers: [llama_cpp_native], routing_strategy: most_capacity}
exact_matches:
  "llama3.1:8b": {provider: ollama, fallback: null, description: General purpose}
  qwen-coder-vllm: {provider: vllm, backend_model: Qwen/Qwen2.5-Coder-7B-Instruct-AWQ}
patterns:
  - {pattern: "^meta-llama/.*", provider: vllm, fallback: ollama, description: Weights of the hub}
  - {pattern: '^(qwen2\\.5-coder:7b|llama3\\.2:3b)$', provider: ollama}
load_balancing:
  general:
    routing_strategy: load_balance
    providers: [{name: ollama, preferred_model: "llama3.1:8b"}, {provider: vllm}]
fallback_chains:
  "llama3.1:8b": {primary: ollama, secondary: llama_cpp_python, tertiary: llama_cpp_native}
  code: {chain: [vllm, {secondary: ollama, condition: always}]}
  default: {description: Everybody else, chain: [{primary: vllm}, {secondary: ollama}]}
"""


def test_the_words_of_mappings_mean_what_they_say() -> None:
    raw = {**todays(), "routing": yaml.safe_load(MAPPINGS)}
    registry = load(raw)
    first = {
        name: ([[target.provider for target in level] for level in group.levels], group.strategy)
        for name, group in registry.routes.groups.items()
        if group.kind in ("capability", "pool")
    }
    assert first == {
        "code": ([["ollama"], ["vllm"]], "priority"),
        "chat": ([["ollama", "llama_cpp_native"]], "usage-based-routing-v2"),
        "high_throughput": ([["vllm"]], "least-busy"),
        "low_latency": ([["llama_cpp_native"]], "latency-based-routing"),
        "large_context": ([["llama_cpp_native"]], "usage-based-routing-v2"),
        "general": ([["ollama", "vllm"]], "simple-shuffle"),
    }
    chain = [[target.provider for target in level] for level in registry.routes.sequence("llama3.1:8b")]
    assert chain == [["ollama"], ["llama_cpp_python"], ["llama_cpp_native"]]
    assert [str(finding)[:60] for finding in registry.warnings if "patterns" in finding.path] == [
        "ai_backend_routing.patterns[1]: no provider declares 'llama3"
    ]
