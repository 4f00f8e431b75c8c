"""Which provider a server is, from its answers to two questions."""

from __future__ import annotations

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.editing.recognition import Answers, recognised
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError

URL = "http://10.0.0.9:8001"


def models(owner: str) -> Answers:
    return {
        "/api/tags": (404, None),
        "/v1/models": (200, {"data": [{"id": "a", "owned_by": owner}, {"id": "b"}, {"name": "c"}]}),
    }


@pytest.mark.parametrize(
    ("owner", "entry"),
    [
        ("vllm", {"type": "vllm", "managed": False, "base_url": URL, "models": ["a", "b"]}),
        ("llamacpp", {"type": "llama_cpp", "managed": False, "base_url": URL, "models": ["a", "b"]}),
        ("me", {"type": "openai_compatible", "base_url": f"{URL}/v1", "models": ["a", "b"]}),
    ],
)
@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}/v1", f"{URL}/v1/"])
def test_a_server_with_openais_api_is_known_by_the_owner_of_its_models(
    url: str, owner: str, entry: dict[str, object]
) -> None:
    assert recognised(url, models(owner)) == entry


def test_ollama_is_known_by_its_own_list_which_has_sizes() -> None:
    details = {"parameter_size": "8.0B", "quantization_level": "Q4_K_M"}
    tags = {"models": [{"name": "llama3.1:8b", "details": details}, {"name": "plain:latest"}]}
    assert recognised(URL, {"/api/tags": (200, tags), "/v1/models": (200, {"data": []})}) == {
        "type": "ollama",
        "managed": False,
        "base_url": URL,
        "models": [{"name": "llama3.1:8b", "size": "8.0B", "quantization": "Q4_K_M"}, "plain:latest"],
    }


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"/api/tags": (-1, None), "/v1/models": (-1, None)}, "nothing answers"),
        ({"/api/tags": (404, None), "/v1/models": (401, None)}, "to those who have a key"),
        ({"/api/tags": (404, None), "/v1/models": (404, None)}, "neither Ollama's API nor OpenAI's"),
        ({"/api/tags": (200, "hello"), "/v1/models": (200, {"data": "x"})}, "neither Ollama's API nor OpenAI's"),
    ],
)
def test_what_is_not_known_is_refused_with_what_to_write(answers: Answers, words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        recognised(URL, answers)
