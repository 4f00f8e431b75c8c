"""An engine that embeds: proven by an embedding, and asked for nothing else."""

import copy

import pytest
from fleet import play, registry

EMBEDDER = {
    "type": "llama_cpp",
    "base_url": "http://127.0.0.1:8085",
    "models": [{"name": "vectors-tiny", "source": "tiny", "options": {"embeddings": True, "pooling": "mean"}}],
}


@pytest.fixture(scope="module", autouse=True)
def _embedder():
    providers = copy.deepcopy(registry("providers"))
    providers["embedder"] = EMBEDDER
    run = play("deploy", extra={"ai_backend_providers": providers})
    assert run.code == 0, run.output
    yield
    run = play("deploy")
    assert run.code == 0, run.output


def test_it_embeds_through_the_gateway(client):
    answer = client.http.post("/v1/embeddings", json={"model": "vectors-tiny", "input": ["one", "two"]})
    assert answer.status_code == 200, answer.text
    vectors = [row["embedding"] for row in answer.json()["data"]]
    assert len(vectors) == 2
    assert all((len(vector) > 1 and vector != vectors[0]) or vector is vectors[0] for vector in vectors)


def test_a_chat_is_refused_before_it_is_asked_and_a_chat_model_embeds_nothing(client):
    answer = client.ask(model="vectors-tiny")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ability_missing")
    answer = client.http.post("/v1/embeddings", json={"model": "lab-tiny", "input": "one"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ability_missing")
