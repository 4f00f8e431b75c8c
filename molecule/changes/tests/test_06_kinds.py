"""Engines that embed or rank: proven by that, and asked for nothing else."""

import copy
import json
import subprocess

import pytest
from fleet import play, registry, wait

from ansible_collections.lab.ai_backend.plugins.modules import tiny_model

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


ADAPTER, DRAFT = "/srv/style.gguf", "/srv/draft.gguf"
TUNED = {
    "type": "llama_cpp",
    "base_url": "http://127.0.0.1:8087",
    "models": [
        {
            "name": "tuned-tiny",
            "source": "tiny",
            "draft_model": DRAFT,
            "lora": [{"path": ADAPTER, "scale": 0.5}],
            "options": {"sleep_after": "3s"},
        }
    ],
}


SEVERAL = {
    "type": "llama_cpp",
    "base_url": "http://127.0.0.1:8088",
    "models": [
        {"name": "first-tiny", "source": "tiny", "context_length": 512},
        {"name": "other-tiny", "source": "tiny", "options": {"sleep_after": "3s"}},
        {"name": "more-vectors", "source": "tiny", "options": {"embeddings": True, "pooling": "mean"}},
    ],
}


def adapter():
    """A LoRA adapter for one tensor of the tiny model, with random weights."""
    pairs = [
        tiny_model.pair("general.architecture", tiny_model.STRING, "llama"),
        tiny_model.pair("general.type", tiny_model.STRING, "adapter"),
        tiny_model.pair("adapter.type", tiny_model.STRING, "lora"),
        tiny_model.pair("adapter.lora.alpha", tiny_model.FLOAT32, 16.0),
    ]
    width, rank = tiny_model.WIDTH, 4
    return tiny_model.gguf(
        pairs, [("blk.0.attn_q.weight.lora_a", (width, rank)), ("blk.0.attn_q.weight.lora_b", (rank, width))], 1
    )


@pytest.fixture(scope="module", autouse=True)
def _engines(gateway, tmp_path_factory):
    file = tmp_path_factory.mktemp("adapter") / "style.gguf"
    file.write_bytes(adapter())
    file.chmod(0o644)
    subprocess.run(["docker", "cp", file, f"{gateway.container}:{ADAPTER}"], check=True)
    # The model of another engine has the same words.
    gateway.run(f"cp /var/lib/ai-backend/models/lab-tiny.gguf {DRAFT}")
    providers = copy.deepcopy(registry("providers"))
    providers |= {"embedder": EMBEDDER, "ranker": RANKER, "tuned": TUNED, "several": SEVERAL}
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


def test_an_engine_has_its_draft_and_its_adapters(client, gateway):
    answer = client.ask(model="tuned-tiny", text="who guesses")
    assert (answer.status_code, answer.json()["model"]) == (200, "tuned-tiny"), answer.text
    key = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    (adapter,) = json.loads(gateway.fetch("http://127.0.0.2:8087/lora-adapters", key).stdout)
    assert (adapter["path"], adapter["scale"]) == (ADAPTER, 0.5)
    journal = gateway.run("journalctl --unit ai-backend-llama-cpp@tuned --output cat")
    assert f"loading draft model '{DRAFT}'" in journal


def test_one_server_answers_for_several_models_of_which_one_is_in_memory(client, gateway):
    for turn, model in enumerate(("first-tiny", "other-tiny", "first-tiny")):
        # Each time another text: the gateway would know the answer to the same one.
        answer = client.ask(model=model, text=f"who are you, {model}, at turn {turn}?")
        assert (answer.status_code, answer.json()["model"]) == (200, model), answer.text
        assert loaded_of_several(gateway) == [model]
    answer = client.http.post("/v1/embeddings", json={"model": "more-vectors", "input": "one"})
    assert (answer.status_code, loaded_of_several(gateway)) == (200, ["more-vectors"]), answer.text


def test_a_look_at_a_model_of_several_does_not_load_it(client, gateway):
    assert client.ask(model="first-tiny", text="who is there?").status_code == 200
    key = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    gateway.fetch("http://127.0.0.2:8088/metrics?model=other-tiny&autoload=false", key)
    assert " ok " in next(line for line in play("status").output.splitlines() if "llama-cpp@several" in line)
    assert loaded_of_several(gateway) == ["first-tiny"]


def test_what_starts_the_processes_of_models_shows_no_key(gateway):
    key = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    assert key not in gateway.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def loaded_of_several(gateway):
    key = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    models = json.loads(gateway.fetch("http://127.0.0.2:8088/v1/models", key).stdout)["data"]
    return [model["id"] for model in models if model["status"]["value"] == "loaded"]


def health_of(gateway, instance):
    """What the status table shows."""
    (line,) = (line for line in play("status").output.splitlines() if instance in line)
    return "asleep" if " asleep " in line else line


def test_an_engine_sleeps_when_nobody_asks_and_wakes_for_the_next_question(client, gateway):
    key = gateway.secret("llama-cpp.env", "LLAMA_API_KEY")
    assert client.ask(model="tuned-tiny", text="before it sleeps").status_code == 200
    sleeping = (
        "journalctl --unit ai-backend-llama-cpp@tuned --output cat | grep -c 'is entering sleeping state' || true"
    )
    slept = int(gateway.run(sleeping))
    wait(lambda: int(gateway.run(sleeping)) > slept, 30)
    # Neither the report nor a scrape wakes it.
    gateway.fetch("http://127.0.0.2:8087/metrics", key)
    assert health_of(gateway, "llama-cpp@tuned") == "asleep"
    assert health_of(gateway, "llama-cpp@tuned") == "asleep"
    answer = client.ask(model="tuned-tiny", text="after it slept")
    assert (answer.status_code, answer.json()["model"]) == (200, "tuned-tiny"), answer.text


def test_one_of_its_files_that_is_not_there_stops_the_deploy_before_a_change(gateway):
    providers = copy.deepcopy(registry("providers"))
    model = {**TUNED["models"][0], "lora": "/srv/no-such.gguf"}
    providers |= {"embedder": EMBEDDER, "ranker": RANKER, "tuned": {**TUNED, "models": [model]}}
    before = gateway.pids()
    run = play("deploy", extra={"ai_backend_providers": providers})
    assert run.code != 0
    words = " ".join(run.output.split())
    assert "Model tuned-tiny lora-1 of provider tuned isn't at /srv/no-such.gguf on gpu1: put it there" in words
    assert gateway.pids() == before
