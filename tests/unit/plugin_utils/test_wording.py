# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a value is said in words of ours, with one that would do, and never with the value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.other_types import how_to_write
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load

Raw = dict[str, Any]
NATIVE = {"type": "llama_cpp", "hosts": "llama_cpp"}


def said(raw: Raw) -> str:
    with pytest.raises(RegistryError) as caught:
        load(raw)
    return caught.value.text()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"cache": {"ttl": "an hour"}}, "cache.ttl: is not a whole number → write one, such as 3600"),
        ({"cache": {"ttl": 0.5}}, "cache.ttl: is not a whole number"),
        ({"cache": {"ttl": 0}}, "cache.ttl: is too small → write 1 or more"),
        ({"cache": {"database": 16}}, "cache.database: is too large → write less than 16"),
        ({"cache": {"maxmemory": "lots"}}, "cache.maxmemory: is not in the form that is wanted → write it like 256mb"),
        ({"cache": {"namespace": ["a"]}}, "namespace: is a list where one text is wanted → write one value, without"),
        ({"cache": {"namespace": {"a": 1}}}, "namespace: is a mapping where one text is wanted"),
        ({"cache": {"namespace": None}}, "namespace: is empty → write a text, or remove the line"),
        ({"cache": {"namespace": 7}}, 'namespace: is not a text → put it in quotes ("…")'),
        ({"cache": {"enabled": "perhaps"}}, "cache.enabled: is neither true nor false → write true or false"),
        ({"cache": ["a"]}, "ai_backend_cache: is not a mapping"),
        ({"gateway": {"workers": 0}}, "gateway.workers: is not a number from 1 to 64"),
        ({"gateway": {"breaker": {"failures": "x"}}}, "failures: is not a whole number → write one, such as 3"),
    ],
)
def test_a_wrong_value_is_told_with_one_that_would_do(lab: Callable[..., Raw], parts: Raw, words: str) -> None:
    assert words in said(lab(**parts))


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ({"status": "actve"}, "status: is none of the words there are → did you mean 'active'? write one of active,"),
        (
            {"models": [{"name": "a", "options": {"gpu_layers": "many"}}]},
            "gpu_layers: is not a number of layers → write one such as 99",
        ),
        ({"models": [{"name": "a", "options": {"tensor_split": "half"}}]}, "tensor_split: is not in the form"),
        ({"models": [{"name": "a", "cost_per_1k_tokens": "cheap"}]}, "is not a number → write one, such as 0.002"),
        ({"models": "a"}, "models: is not a list → write one `- item` line each below it"),
        ({"args": "--jinja"}, "args: is not supported → write `environment: {LLAMA_ARG_…: value}`"),
        (
            {"models": [{"name": "a", "hf_repo": "x/y"}]},
            "write `url: https://huggingface.co/REPOSITORY/resolve/main/FILE`",
        ),
        ({"models": [{"name": "a", "options": {"mmproj": "/p"}}]}, "mmproj: is not supported → write it at the model"),
        ({"models": [{"name": "a", "extra_args": []}]}, "extra_args: is not supported → write `environment: {LLAMA_"),
    ],
)
def test_a_wrong_value_of_a_provider_too(lab: Callable[..., Raw], provider: Raw, words: str) -> None:
    text = said({**lab(), "providers": {"native": {**NATIVE, "models": ["a"], **provider}}})
    assert words in text
    assert not [word for word in ("nput should", "valid integer", "parse", "correct the value") if word in text]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("LM-Studio", "`base_url: http://HOST:1234/v1`"),
        ("mistral_ai", "write mistral"),
        ("azure_openai", "write `type: litellm` with `prefix: azure`, `base_url: https://RESOURCE.openai.azure.com`"),
        ("vertex", "write `type: litellm` with `prefix: vertex_ai`"),
        ("litellm-proxy", "`base_url: http://HOST:4000/v1`"),
        ("google", "write gemini"),
        ("together.ai", "write together"),
        ("Groq-Cloud", "write groq"),
        ("llama.cpp", "write llama_cpp"),
        ("claude", "write anthropic"),
        ("openai-compatible", "write openai_compatible"),
    ],
)
def test_other_kinds_of_providers_are_led_to_the_type_that_takes_them(
    lab: Callable[..., Raw], kind: str, words: str
) -> None:
    raw = lab()
    raw["providers"]["other"]["type"] = kind
    assert words in said(raw)


def test_a_value_of_two_forms_has_one_line(lab: Callable[..., Raw]) -> None:
    raw = lab()
    raw["providers"]["ollama"]["models"] = [{"name": "llama3.1:8b", "options": {"keep_alive": [1]}}]
    assert said(raw).count("keep_alive") == 1


def test_of_an_unknown_kind_nothing_is_claimed() -> None:
    assert how_to_write("olama") == ""


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("ollama.base_url", "http://h:11434/api/generate", "is where one kind of request goes → write http://h:11434"),
        ("ollama.base_url", "http://h:1/v1/chat/completions", "→ write http://h:1/v1"),
        ("ollama.base_url", "http://0.0.0.0:11434", "is an address to listen on, and nobody answers there"),
        ("ollama.base_url", "http://[::]:11434", "is an address to listen on, and nobody answers there"),
        ("ollama.timeout_seconds", "5s", "is not a whole number → write 5"),
        ("ollama.timeout_seconds", "2 min", "is not a whole number → write 120"),
        ("ollama.timeout_seconds", "soon", "is not a whole number → write one, such as 600"),
        ("ollama.timeout_seconds", 5000, "is longer than the edge waits (610 s) → write 610 or less"),
        ("ollama.models", [True], "is true or false → put the name in quotes"),
        ("native.models", [{"name": "m", "context_length": 10**12}], "is too large → write 100000000 or less"),
        ("native.models", [{"name": "m", "gpu_layers": 99}], "is not supported → write it below `options:`"),
        ("ollama.models", [{"name": "m", "options": {"tools": []}}], "clients send it with their requests"),
        ("ollama.models", [{"name": "m", "options": {"extra_body": {"a": 1}}}], "not every engine of this type has it"),
        ("vllm.models", [{"name": "m", "options": {"top_k": 5}}], "`extra_body: {top_k: …}`"),
        ("vllm.models", [{"name": "m", "options": {"extra_body": {"stop": "x"}}}], "write `stop` next to extra_body"),
        ("vllm.models", [{"name": "m", "options": {"extra_body": {"model": "x"}}}], "the client's → remove it"),
        ("vllm.models", [{"name": "m", "options": {"thinking": True}}], "write `reasoning_effort: none`"),
        ("native.models", [{"name": "m", "options": {"temperature": 1}}], "`defaults` of the model"),
        ("ollama.models", [{"name": "m", "options": {"num_predict": 5}}], "write `max_tokens`"),
    ],
)
def test_a_common_mistake_has_the_line_that_mends_it(
    lab: Callable[..., Raw], path: str, value: object, words: str
) -> None:
    raw = lab()
    provider, key = path.split(".")
    raw["providers"][provider][key] = value
    assert words in said(raw)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"gateway": {"max_body_bytes": "10MB"}}, "is not a whole number → write 10485760"),
        ({"gateway": {"stream_timeout_seconds": "1h"}}, "is not a whole number → write 3600"),
        ({"cache": {"maxmemory": 256}}, "is not a text → write it like 256mb"),
    ],
)
def test_a_number_and_its_unit(lab: Callable[..., Raw], part: Raw, words: str) -> None:
    assert words in said(lab(**part))


def test_weights_are_shares_or_percentages(lab: Callable[..., Raw]) -> None:
    pool = {"strategy": "weighted", "providers": {"native": 70, "python": 0.3}}
    raw = lab(routing={"load_balancing": {"p": pool}})
    assert "weights mix shares and percentages → write all like 0.7 and 0.3" in said(raw)
