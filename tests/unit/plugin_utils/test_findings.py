# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person reads when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import Finding, RegistryError, suggest
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.paths import join
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load

Raw = dict[str, Any]


def test_paths_are_like_the_users_yaml() -> None:
    assert join("ai_backend_providers", "ollama", "models", 0, "name") == "ai_backend_providers.ollama.models[0].name"
    assert join("r", "llama3.1:8b") == 'r["llama3.1:8b"]'
    assert join("", "x") == "x"


def test_suggestions_know_typing_errors_and_missing_owners() -> None:
    assert suggest("olama", ["ollama", "vllm"]) == "did you mean 'ollama'?"
    assert suggest("Coder-AWQ", ["Qwen/Coder-AWQ", "x"]) == "did you mean 'Qwen/Coder-AWQ'?"
    assert suggest("zzz", ["b", "a"]) == "known: a, b"
    assert suggest("zzz", [f"name{i:02}" for i in range(13)]).endswith(", …")
    assert suggest("zzz", []) == ""


def test_findings_are_counted_sorted_and_said_once() -> None:
    one, two = Finding("b", "is wrong", "mend it"), Finding("a", "is wrong", "mend it")
    assert str(RegistryError([one, two, one])) == (
        "The registry has 2 problems:\n  a: is wrong → mend it\n  b: is wrong → mend it"
    )


@pytest.mark.parametrize("raw", [None, {}, {"providers": None}, {"providers": {}}, "text", []])
def test_without_a_registry_it_says_run_init(raw: object) -> None:
    with pytest.raises(RegistryError, match=r"ai_backend_providers: .*run `ansible-playbook lab.ai_backend.init`"):
        load(raw)


def test_everything_wrong_is_said_at_once(lab: Callable[..., Raw], wrong: Callable[..., str]) -> None:
    raw = lab(
        routing={"default_provider": "olama"},
        ports={"services": {"native": 6379}},
        gateway={"binf": "::"},
        cache={"ttl": "soon"},
        monitoring={"promtail": True},
        surprise={},
    )
    message = wrong(raw)
    assert "ai_backend_routing.default_provider: 'olama' is not a provider → did you mean 'ollama'?" in message
    assert "ai_backend_ports.services.redis: port 6379 belongs to 'native' already" in message
    assert "ai_backend_gateway.binf: unknown key → did you mean 'bind'? else remove it" in message
    assert "ai_backend_cache.ttl: is not a whole number → write one, such as 3600" in message
    assert "ai_backend_monitoring.promtail: is not supported" in message
    assert "ai_backend_surprise: is not part of a registry" in message
    assert "soon" not in message


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"ollama": {"modles": []}}, "ollama.modles: unknown key → did you mean 'models'?"),
        ({"ollama": {"models": [{"nam": "x"}]}}, "ollama.models[0].name: is missing → write `name: …`"),
        ({"ollama": {"models": [{"nam": "x"}]}}, "ollama.models[0].nam: unknown key → did you mean 'name'?"),
        ({"ollama": {"models": [{"name": "x", "options": {"num_ctxx": 1}}]}}, "num_ctxx: unknown key → did you mean"),
        ({"ollama": {"models": "x"}}, "ollama.models: is not a list → write one `- item` line"),
        ({"ollama": {"models": [7]}}, "ollama.models[0]: is not a mapping"),
        ({"ollama": {"models": [{"name": 7}]}}, 'ollama.models[0].name: is not a text → put it in quotes ("…")'),
        ({"ollama": {"status": "on"}}, "ollama.status: is none of the words there are → write one of active, inactive"),
        ({"ollama": {"token": "x"}}, "ollama.token: a secret does not belong here → a secret is given by name"),
        ({"ollama": {"health_check_interval": 60}}, "health_check_interval: is not supported → nothing polls engines"),
        ({"ollama": {"zzz": 1}}, "ollama.zzz: unknown key → remove it (known: base_url"),
    ],
)
def test_each_mistake_says_where_what_and_what_to_write(
    lab: Callable[..., Raw], wrong: Callable[..., str], change: Raw, line: str
) -> None:
    raw = lab()
    for name, keys in change.items():
        raw["providers"][name] |= keys
    assert line in wrong(raw)


@pytest.mark.parametrize(
    ("name", "entry", "line"),
    [
        ("Bad-Name", {"type": "vllm"}, "is not a provider name"),
        ("x", None, "ai_backend_providers.x.type: is missing → write one of anthropic, cerebras"),
        ("x", {"type": "olama"}, "ai_backend_providers.x.type: is not a known type → did you mean 'ollama'?"),
    ],
)
def test_a_provider_needs_a_name_and_a_type(
    lab: Callable[..., Raw], wrong: Callable[..., str], name: str, entry: object, line: str
) -> None:
    raw = lab()
    raw["providers"][name] = entry
    assert line in wrong(raw)


def test_providers_are_a_mapping(wrong: Callable[..., str]) -> None:
    assert "ai_backend_providers: is not a mapping" in wrong({"providers": ["x"]})
