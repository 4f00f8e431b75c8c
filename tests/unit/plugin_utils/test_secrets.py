# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No secret goes through, and none is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.secrets import looks_like_secret

Raw = dict[str, Any]
# Put together here so that no scanner takes this file for a leak.
OPENAI = "sk-" + "proj" + "-4f9aQ2bX7cLw"
GOOGLE = "AIza" + "SyD4f9aQ2bX7cLwZ0pQ"
RANDOM = "aB3" * 9
LITERALS = [
    OPENAI,
    GOOGLE,
    RANDOM,
    "hf_" + "abcdefghijklmnop",
    "0123456789abcdef" * 2,
    "Bearer abcdef123456",
    "https://user:pass@example.com/v1",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0",
    "-----BEGIN RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("text", LITERALS)
def test_keys_are_known_by_their_shape(text: str) -> None:
    assert looks_like_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "llama3.1:8b",
        "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ",
        "solidrust/dolphin-2.8-mistral-7b-v02-AWQ",
        "deepseek_r1_distill_llama_8b_abliterated_q4_k_m",
        "https://huggingface.co/org/repo/resolve/0123456789abcdef0123456789abcdef01234567/model.gguf",
        "os.environ/OPENAI_API_KEY",
        "task-oriented-model",
    ],
)
def test_names_and_addresses_are_no_keys(text: str) -> None:
    assert not looks_like_secret(text)


@pytest.mark.parametrize("text", LITERALS)
@pytest.mark.parametrize("place", ["description", "base_url", "env_var", "api_key", "models", "default_model", "type"])
def test_a_literal_key_is_refused_and_never_shown(
    lab: Callable[..., Raw], wrong: Callable[..., str], place: str, text: str
) -> None:
    raw = lab()
    raw["providers"]["vllm"][place] = [text] if place == "models" else text
    message = wrong(raw)
    assert text not in message
    assert "looks like a literal secret" in message
    assert "ai_backend_secrets" in message


def test_a_literal_key_is_one_finding(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab()
    raw["providers"]["vllm"]["base_url"] = "https://user:pass@example.com/v1"
    assert "has 1 problem:" in wrong(raw)


def test_a_key_as_a_name_is_not_shown_either(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab(routing={"exact_matches": {OPENAI: "ollama"}}, secrets={OPENAI: "x"})
    message = wrong(raw)
    assert OPENAI not in message
    assert "ai_backend_routing.exact_matches: has a key that looks like a secret" in message
    assert "ai_backend_secrets: entry 1 has a key that is not a secret's name" in message


def test_the_value_of_a_secret_is_found_wherever_it_was_put(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab(cache={"namespace": "given-openai"})
    message = wrong(raw)
    assert "given-openai" not in message
    assert "ai_backend_cache.namespace: looks like a literal secret" in message


def test_a_digest_is_no_secret(lab: Callable[..., Raw]) -> None:
    raw = lab()
    model = {"name": "m", "url": "https://example.com/m.gguf", "sha256": "0123456789abcdef" * 4}
    raw["providers"]["native"]["models"] = [model]
    assert load(raw).providers["native"].entries[0].name == "m"


def test_an_active_provider_needs_its_key(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    message = wrong(lab(secrets={"OPENAI_API_KEY": " ", "ANTHROPIC_API_KEY": "given-anthropic"}))
    assert "ai_backend_secrets.OPENAI_API_KEY: has no value, 'openai' needs it" in message
    assert "ANTHROPIC" not in message
    assert "lookup('ansible.builtin.env', 'OPENAI_API_KEY')" in message


def test_only_names_are_kept(lab: Callable[..., Raw]) -> None:
    registry = load(lab())
    assert registry.secrets == {"OPENAI_API_KEY": True, "ANTHROPIC_API_KEY": True}
    assert "given" not in repr(registry)


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ("x", "ai_backend_secrets: is not a mapping"),
        ({"A_KEY": ["x"]}, "ai_backend_secrets.A_KEY: is not a text"),
        ({"A_KEY": "one\ntwo"}, "ai_backend_secrets.A_KEY: has more than one line"),
        ({"AI_BACKEND_ENGINE_KEY": "one,two"}, "ai_backend_secrets.AI_BACKEND_ENGINE_KEY: holds a comma"),
    ],
)
def test_secrets_are_one_line_by_name(
    lab: Callable[..., Raw], wrong: Callable[..., str], secrets: object, message: str
) -> None:
    assert message in wrong(lab(secrets=secrets))


@pytest.mark.parametrize("value", ["lm-studio", "not-needed", "placeholder"])
def test_a_plain_word_among_the_secrets_is_no_secret_elsewhere(lab: Callable[..., Raw], value: str) -> None:
    """Servers without keys want one from their clients; every URL with the word looked like a leak."""
    raw = lab()
    raw["secrets"]["LM_STUDIO_KEY"] = value
    raw["providers"]["python"] |= {"base_url": f"http://{value}.example:8000", "managed": False}
    load(raw)
