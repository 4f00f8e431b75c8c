"""Engines that embed or rank: proven by that, and asked for nothing else."""

import copy

import pytest
from fleet import play, registry

EMBEDDER = {
    "type": "llama_cpp",
    "base_url": "http://127.0.0.1:8085",
    "models": [{"name": "vectors-tiny", "source": "tiny", "options": {"embeddings": True, "pooling": "mean"}}],
}


RANKER = {
    "type": "llama_cpp",
    "base_url": "http://127.0.0.1:8086",
    "models": [{"name": "ranks-tiny", "source": "tiny", "options": {"reranking": True}}],
}


@pytest.fixture(scope="module", autouse=True)
def _engines():
    providers = copy.deepcopy(registry("providers"))
    providers |= {"embedder": EMBEDDER, "ranker": RANKER}
    run = play("deploy", extra={"ai_backend_providers": providers})
    assert run.code == 0, run.output
    yield
    run = play("deploy")
    assert run.code == 0, run.output


def test_it_embeds_through_the_gateway(client):
    answer = client.http.post("/v1/embeddings", json={"model": "vectors-tiny", "input": ["one", "two"]})
    assert answer.status_code == 200, answer.text
    vectors = [row["embedding"] for row in answer.json()["data"]]
    assert len(vectors[0]) == len(vectors[1]) > 1
    assert vectors[0] != vectors[1]


def test_it_ranks_through_the_gateway(client):
    body = {"model": "ranks-tiny", "query": "one", "documents": ["one", "two", "three"]}
    answer = client.http.post("/v1/rerank", json=body)
    assert answer.status_code == 200, answer.text
    assert sorted(row["index"] for row in answer.json()["results"]) == [0, 1, 2]


def test_a_chat_is_refused_before_it_is_asked_and_a_chat_model_embeds_nothing(client):
    answer = client.ask(model="vectors-tiny")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ability_missing")
    answer = client.http.post("/v1/embeddings", json={"model": "lab-tiny", "input": "one"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ability_missing")
