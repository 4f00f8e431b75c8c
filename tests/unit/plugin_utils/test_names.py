# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that look like one another."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.lookalikes import check_names

Raw = dict[str, Any]


def looks(first: str, second: str) -> bool:
    """Whether a registry with these two models is warned of."""
    raw = {
        "providers": {
            "one": {"type": "ollama", "managed": False, "base_url": "http://10.0.0.1:11434", "models": [first]},
            "two": {"type": "ollama", "managed": False, "base_url": "http://10.0.0.2:11434", "models": [second]},
        }
    }
    found = list(check_names(load(raw)))
    assert all((f.check, f.severity) == ("names", "warning") for f in found)
    return bool(found)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("llama3.1:8b", "llama3.1-8b"),
        ("qwen2.5-coder:7b", "Qwen2.5-Coder:7B"),
        ("mistral:7b", "mistal:7b"),
        ("mistral:7b", "mistrral:7b"),
        ("mistral:7b", "misrtal:7b"),
        ("mistral:7b", "mistrel:7b"),
        ("code_generation", "code-generation"),
        ("code_generation", "code_genration"),
    ],
)
def test_a_slip_of_the_pen_is_seen(first: str, second: str) -> None:
    assert looks(first, second)
    assert looks(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("llama3.1:8b", "llama3.2:8b"),
        ("llama3.1:8b", "llama3.1:70b"),
        ("gpt-4o", "gpt-4o-mini"),
        ("mistral-large", "mixtral-large"),
        ("mistral:7b", "mixtral:8x7b"),
        ("qwen-code", "qwen-coder"),
        ("model-a", "model-b"),
        ("gpu", "cpu"),
        ("claude-3-opus", "claude-3-haiku"),
        ("Qwen/Qwen2.5-Coder-7B-Instruct-AWQ", "qwen2.5-coder:7b"),
        ("vision", "mission"),
    ],
)
def test_names_that_differ_are_left_alone(first: str, second: str) -> None:
    assert not looks(first, second)


def test_the_later_one_is_named_with_where_the_other_stands() -> None:
    raw: Raw = {
        "providers": {
            "ollama_main": {"type": "openai_compatible", "base_url": "http://10.0.0.1:1", "models": ["llama3.1:8b"]},
            "ollama_mian": {"type": "openai_compatible", "base_url": "http://10.0.0.2:1", "models": ["other"]},
            "ollama_maine": {"type": "openai_compatible", "base_url": "http://10.0.0.3:1", "models": ["another"]},
        },
        "routing": {"exact_matches": {"llama3-1:8b": "ollama_mian", "llama3.1-8b": "ollama_mian"}},
    }
    (finding,) = check_names(load(raw))
    assert finding.path == 'ai_backend_routing.exact_matches["llama3.1-8b"]'
    assert "'llama3.1-8b' looks like 'llama3.1:8b' (ai_backend_providers.ollama_main.models[0])" in finding.problem


def test_providers_are_compared_with_providers() -> None:
    raw: Raw = {
        "providers": {
            "workstation": {"type": "openai_compatible", "base_url": "http://10.0.0.1:1", "models": ["worksation"]},
            "workstatoin": {"type": "openai_compatible", "base_url": "http://10.0.0.2:1", "models": ["other"]},
        }
    }
    (finding,) = check_names(load(raw))
    assert finding.path == "ai_backend_providers.workstatoin"


def test_an_alias_that_names_its_model_is_meant() -> None:
    raw: Raw = {
        "providers": {
            "one": {"type": "openai_compatible", "base_url": "http://10.0.0.1:1", "models": ["llama3.1:8b"]},
        },
        "routing": {"exact_matches": {"llama3.1-8b": {"provider": "one", "backend_model": "llama3.1:8b"}}},
    }
    assert list(check_names(load(raw))) == []
