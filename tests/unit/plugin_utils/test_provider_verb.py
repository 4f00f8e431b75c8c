"""What a verb for one provider refuses, with what to write instead."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.editing.provider_verb import provider_verb
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.validation import Inventory

TEXT = """\
ai_backend_providers:
  native: {type: llama_cpp, base_url: "http://127.0.0.1:8080", models: [{name: lab-tiny, source: tiny}]}
  far: {type: ollama, managed: false, base_url: "http://10.0.0.8:11434", models: [qwen]}
"""
INVENTORY = Inventory({"gateway": ["one"], "redis": ["one"]}, {"one": "10.0.0.1"})
SILENT = [{"item": end, "status": -1} for end in ("/api/tags", "/v1/models")]
ANSWERS = [{"item": "/v1/models", "status": 200, "json": {"data": [{"id": "big", "owned_by": "vllm"}]}}]


def done(folder: pathlib.Path, answers: object = (), text: str = TEXT, **given: str) -> dict[str, Any]:
    """The verb for a registry with a rule for `native`."""
    file = folder / "providers.yml"
    file.write_text(text)
    providers = yaml.safe_load(TEXT)["ai_backend_providers"]
    raw = {"providers": providers, "routing": {"default_provider": "native"}}
    return provider_verb(raw, INVENTORY, given, answers, lambda _value: f"{file}:1")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"verb": "remove", "provider": "native"}, "still names 'native'"),
        ({"verb": "remove", "provider": "nativ"}, "did you mean 'native'"),
        ({"verb": "add", "provider": "far", "url": "http://10.0.0.9:1"}, "is there already"),
        ({"verb": "add", "provider": "new", "url": "http://10.0.0.9:1"}, "nothing answers at http://10.0.0.9:1"),
        ({"verb": "add", "provider": "new", "type": "olama", "models": "a"}, "did you mean 'ollama'"),
        ({"verb": "add", "provider": "new", "type": "groq", "models": "a"}, "GROQ_API_KEY: has no value"),
        ({"verb": "add", "provider": "new", "type": "groq"}, "write -e models="),
        ({"verb": "add", "provider": "new"}, "url: is not given"),
        ({"verb": "enable"}, "write -e provider="),
        ({"verb": "delete", "provider": "native"}, "'delete' is no verb"),
    ],
)
def test_it_is_refused_with_what_to_write(tmp_path: pathlib.Path, given: dict[str, str], words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        done(tmp_path, SILENT, **given)


def test_a_model_that_the_server_lacks_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RegistryError, match="the server has no model bigg → did you mean 'big'"):
        done(tmp_path, ANSWERS, verb="add", provider="new", url="http://10.0.0.9:1", models="bigg")


def test_an_encrypted_file_is_left_to_ansible_vault(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RegistryError, match="ansible-vault edit"):
        done(tmp_path, text="$ANSIBLE_VAULT;1.1;AES256\n00\n", verb="disable", provider="far")


def test_what_is_so_already_changes_nothing(tmp_path: pathlib.Path) -> None:
    made = done(tmp_path, verb="enable", provider="far")
    assert (made["changed"], made["text"], made["lines"]) == (False, TEXT, ["far is active already"])
