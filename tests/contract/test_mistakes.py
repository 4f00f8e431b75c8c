"""What clients and engines do wrong, against the locked LiteLLM.

A client's mistake is answered at once, and takes no model from others. An engine's failure takes the engine out.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import MASTER_KEY, ROOT, Answer, Redis, Slot, UnixConnection, free_port, planned
from odd_engine import Behaviour, odd_engine
from odd_requests import CORPUS, PATHS, Odd, judged

CLIENTS: dict[str, Any] = {name: {} for name in ("one", "two", "three", "four", "good")}
KEYS = {f"AI_BACKEND_CLIENT_{name.upper()}": f"sk-{name}-" + "k" * 30 for name in CLIENTS}
GOOD = KEYS["AI_BACKEND_CLIENT_GOOD"]
FAILURES = 3
CORPUS_SECONDS = float(os.environ.get("CORPUS_SECONDS", "120"))


class House:
    """A gateway in front of three engines, each with a behaviour that a test may change."""

    def __init__(self, slot: Slot, engines: dict[str, Behaviour], state: pathlib.Path) -> None:
        self.slot, self.engines, self.state = slot, engines, state

    def ask(self, model: str = "text", **more: Any) -> Answer:
        """A chat of the good client, with a new question."""
        return self.slot.ask(GOOD, model, **more)

    def fail(self, model: str) -> list[Answer]:
        """Requests one after the other, until a deployment is out. After a proof the next one is seconds later."""
        answers, end = [], time.monotonic() + 30
        while not self.cooled() and time.monotonic() < end:
            answers.append(self.ask(model))
            time.sleep(0.3)
        return answers

    def cooled(self) -> dict[str, dict[str, Any]]:
        """What the gateway says of deployments that are out."""
        records = [json.loads(file.read_text()) for file in (self.state / "cooldowns").glob("*.json")]
        return {record["deployment"]: record for record in records if record["until"] > time.time()}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    folder = tmp_path_factory.mktemp("house")
    state = folder / "state"
    state.mkdir()
    redis = Redis(free_port())
    redis.start()
    with contextlib.ExitStack() as stack:
        names = ("text", "second", "ollama", "paid")
        engines = {name: stack.enter_context(odd_engine()) for name in names}
        row = planned(registry({name: engine.port for name, engine in engines.items()}, redis.port))
        slot = Slot(python, row, {**KEYS, "OPENAI_API_KEY": "of-the-test"}, 1, folder / "blue", state)
        try:
            slot.wait()
            slot.ask(MASTER_KEY, "text")
            yield House(slot, engines, state)
        finally:
            slot.stop()
            redis.kill()


@pytest.fixture(autouse=True)
def _well(house: House) -> Iterator[None]:
    yield
    for engine in house.engines.values():
        engine.well()
    end = time.monotonic() + 20
    while house.cooled() and time.monotonic() < end:
        time.sleep(0.2)


def registry(ports: dict[str, int], redis_port: int) -> dict[str, Any]:
    """Text engines, one of them with a chain, an Ollama, and a cloud; cooldowns of three seconds."""

    def at(name: str) -> str:
        return f"http://127.0.0.1:{ports[name]}"

    return {
        "providers": {
            "local": {
                "type": "llama_cpp",
                "managed": False,
                "base_url": at("text"),
                "models": [{"name": "text", "abilities": ["chat", "completion", "tools"]}],
            },
            "reserve": {
                "type": "vllm",
                "managed": False,
                "base_url": at("second"),
                "models": ["anything", "first", "spare"],
            },
            "old": {
                "type": "ollama",
                "managed": False,
                "base_url": at("ollama"),
                "models": ["small:1b", {"name": "vectors", "abilities": ["embedding"]}],
            },
            "cloud": {
                "type": "openai_compatible",
                "base_url": at("paid") + "/v1",
                "env_var": "OPENAI_API_KEY",
                "models": ["paid", "chained", {"name": "ranks", "abilities": ["rerank"]}],
            },
        },
        "routing": {"fallback_chains": {"chained": ["spare"]}},
        "gateway": {"breaker": {"failures": FAILURES, "cooldown_seconds": 3}},
        "ports": {"services": {"redis": {"port": redis_port}}},
        "clients": CLIENTS,
        "secrets": {"OPENAI_API_KEY": True},
    }


# -- what a model cannot do


def test_what_a_model_cannot_do_is_said_before_it_is_asked(house: House) -> None:
    before = house.engines["text"].requests
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    answers = [
        house.slot.request("POST", "/v1/chat/completions", GOOD, {"model": "text", "messages": [message(picture)]}),
        house.slot.request("POST", "/v1/embeddings", GOOD, {"model": "text", "input": "x"}),
        house.slot.request("POST", "/v1/images/generations", GOOD, {"model": "text", "prompt": "x"}),
        house.slot.request(
            "POST",
            "/v1/messages",
            GOOD,
            {
                "model": "text",
                "max_tokens": 5,
                "messages": [
                    message(
                        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]
                    )
                ],
            },
        ),
        house.slot.request(
            "POST",
            "/v1/responses",
            GOOD,
            {"model": "text", "input": [message([{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}])]},
        ),
    ]
    for answer, ability in zip(answers, ("vision", "embedding", "image", "vision", "vision"), strict=True):
        assert (answer.status, answer.error["code"]) == (400, "ability_missing"), answer.body
        assert ability in answer.error["message"]
        assert "chat, completion, tools" in answer.error["message"]
    assert house.engines["text"].requests == before


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("model", "engine"), [("text", "text"), ("first", "second")], ids=["llama.cpp", "vLLM"])
def test_a_completion_is_asked_for_as_one(house: House, model: str, engine: str, stream: bool) -> None:
    """LiteLLM asked vLLM for a chat with the prompt as its question: another answer, and an error with `logprobs`."""
    given = {"prompt": "def f(", "logprobs": 2, "echo": True, "stop": ["x"], "max_tokens": 4, "ignore_eos": True}
    answer = house.slot.request("POST", "/v1/completions", GOOD, {"model": model, "stream": stream, **given})
    assert answer.status == 200, answer.body
    assert "ok" in json.dumps(answer.body)
    asked = house.engines[engine]
    assert asked.path == "/v1/completions"
    assert {name: asked.last.get(name) for name in given} == given


def message(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_a_step_of_a_chain_that_cannot_do_it_is_left_out(house: House) -> None:
    assert house.ask("chained").status == 200


# -- who is at fault


def test_requests_that_an_engine_fails_on_take_it_from_nobody(house: House) -> None:
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    body = {"model": "anything", "messages": [message(picture)]}
    answers = [house.slot.request("POST", "/v1/chat/completions", GOOD, body) for _ in range(8)]
    assert {(a.status, a.error["code"]) for a in answers} == {(502, "engine_failed")}, answers[0]
    time.sleep(1)
    assert house.cooled() == {}
    assert house.ask("anything").status == 200


@pytest.mark.parametrize("failure", ["500", "503", "404", "refused"])
def test_an_engine_that_fails_on_a_good_request_is_taken_out(house: House, failure: str) -> None:
    house.engines["second"].fail(failure)
    answers = house.fail("anything")
    assert all(answer.status in (502, 503) for answer in answers), answers
    (record,) = [record for name, record in house.cooled().items() if "anything" in name]
    assert record["until"] - record["since"] == 3
    asked = house.engines["second"].requests
    answer = house.ask("anything")
    assert (answer.status, answer.error["code"]) == (503, "model_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert house.engines["second"].requests == asked


def test_an_ollama_that_refuses_connections_is_taken_out(house: House) -> None:
    house.engines["ollama"].fail("refused")
    house.fail("small:1b")
    assert any("small" in name for name in house.cooled())


def test_a_provider_that_refuses_our_key_is_not_the_clients_fault(house: House) -> None:
    for status in ("401", "403"):
        house.engines["paid"].fail(status)
        answer = house.ask("paid")
        assert (answer.status, answer.error["code"]) == (502, "provider_refused"), answer.body
        assert "key" not in answer.error["message"]
        assert house.ask("chained").body["model"] in ("spare", "chained")
    house.fail("paid")
    assert any("paid" in name for name in house.cooled())


def test_a_clients_own_mistake_does_not_go_down_the_chain(house: House) -> None:
    house.engines["paid"].fail("400")
    before = house.engines["second"].requests
    answer = house.ask("chained")
    assert answer.status == 400
    assert "temperature is out of range" in answer.error["message"]
    assert house.engines["second"].requests == before


def test_a_prompt_that_is_too_long_goes_down_the_chain(house: House) -> None:
    house.engines["paid"].fail("too long")
    before = house.engines["second"].requests
    assert house.ask("chained").status == 200
    assert house.engines["second"].requests == before + 1
    answer = house.ask("paid")
    assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")


def test_an_account_without_credit_goes_down_the_chain(house: House) -> None:
    house.engines["paid"].fail("no credit")
    assert house.ask("chained").status == 200


def test_the_operator_on_the_host_reads_the_cause(house: House) -> None:
    """A reload is refused with the answer to such a request."""
    house.engines["second"].fail("500")
    body = {"model": "anything", "messages": [message("hi")]}
    answer = house.slot.request("POST", "/v1/chat/completions", MASTER_KEY, body)
    assert (answer.status, answer.error["code"]) == (502, "engine_failed")
    assert "tensor at 0x7f1122334455" in answer.error["message"]


# -- what must not be in a body


def test_settings_of_the_gateway_are_refused_in_a_body(house: House) -> None:
    for key in (
        "api_key",
        "api_base",
        "base_url",
        "timeout",
        "mock_response",
        "num_retries",
        "user_config",
        "model_info",
    ):
        answer = house.ask(**{key: "http://127.0.0.1:1"})
        assert (answer.status, answer.error["code"]) == (400, "setting_not_allowed"), (key, answer.body)
        assert key in answer.error["message"]


def test_odd_names_are_refused_in_words(house: House) -> None:
    for name in ("模型", "a b", "a\nb", "a\0b", "text,second", " text", "x" * 300, "text ", ["text"], 5, {"a": 1}):
        answer = house.ask(name)  # type: ignore[arg-type]
        assert (answer.status, answer.error["code"]) == (404, "model_not_found"), (name, answer)
    assert house.ask("tex").error["message"] == "there is no model 'tex'; did you mean 'text'?"


# -- the cache


def test_an_answer_of_the_cache_belongs_to_what_gave_it(house: House) -> None:
    for _ in range(2):
        first = house.slot.ask(GOOD, "anything", text="the same question")
    other = house.slot.ask(GOOD, "first", text="the same question")
    assert first.headers.get("x-litellm-cache-key")
    assert other.headers.get("x-litellm-cache-key") != first.headers["x-litellm-cache-key"]


# -- what one kind of engine needs


def test_an_embedding_model_of_ollama_embeds_and_does_nothing_else(house: House) -> None:
    embedded = house.slot.request("POST", "/v1/embeddings", GOOD, {"model": "vectors", "input": "x"})
    assert (embedded.status, embedded.body["data"][0]["embedding"]) == (200, [0.5, 0.25])
    assert house.ask("vectors").error["code"] == "ability_missing"
    other = house.slot.request("POST", "/v1/embeddings", GOOD, {"model": "small:1b", "input": "x"})
    assert other.error["code"] == "ability_missing"


def test_a_model_that_ranks_is_asked_for_a_ranking(house: House) -> None:
    body = {"model": "ranks", "query": "x", "documents": ["a", "b"]}
    ranked = house.slot.request("POST", "/v1/rerank", GOOD, body)
    assert (ranked.status, ranked.body["results"][0]["index"]) == (200, 1), ranked.body
    assert house.ask("ranks").error["code"] == "ability_missing"


# -- parameters


def test_penalties_reach_ollama_as_it_means_them(house: House) -> None:
    for value in (0, 0.5):
        answer = house.ask("small:1b", frequency_penalty=value, presence_penalty=value)
        assert answer.status == 200, answer.body
        options = house.engines["ollama"].last["options"]
        assert (options.get("frequency_penalty"), options.get("presence_penalty")) == (value, value)
        assert "repeat_penalty" not in options


def test_what_an_engine_ignores_is_said(house: House) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    answer = house.ask("small:1b", tools=[tool], tool_choice="required")
    assert answer.headers.get("x-ai-backend-ignored") == "tool_choice"
    assert "x-ai-backend-ignored" not in house.ask("small:1b", tools=[tool], tool_choice="auto").headers


# -- the corpus


def test_the_corpus_takes_no_model_from_anybody(house: House) -> None:
    """Four clients send everything that is wrong, for two minutes, and one beside them what is right."""
    assert len(CORPUS) >= 60
    end, stop = time.monotonic() + CORPUS_SECONDS, threading.Event()
    found: Counter[str] = Counter()
    wrong: list[str] = []

    def misbehave(client: str) -> None:
        key = KEYS[f"AI_BACKEND_CLIENT_{client.upper()}"]
        cases = [(path, odd) for path in PATHS for odd in CORPUS]
        random.Random(client).shuffle(cases)
        for path, odd in itertools.cycle(cases):
            if time.monotonic() > end:
                return
            problem = judged(send(house.slot, key, path, odd), odd.body)
            found["sent"] += 1
            if problem:
                wrong.append(f"{path} {odd.name}: {problem}")

    lost: list[Answer] = []

    def behave() -> None:
        while not stop.wait(0.3):
            for model in ("text", "anything", "small:1b"):
                answer = house.ask(model)
                found["good"] += 1
                if answer.status != 200:
                    lost.append(answer)

    good = threading.Thread(target=behave)
    good.start()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(misbehave, ("one", "two", "three", "four")))
    stop.set()
    good.join()
    print(dict(found))
    assert sorted(set(wrong)) == []
    assert house.cooled() == {}
    assert lost == []
    assert found["good"] > 0


def send(slot: Slot, key: str, path: str, odd: Odd) -> tuple[int, dict[str, str], bytes]:
    """One request as it stands there."""
    connection = UnixConnection(slot.socket, 60)
    try:
        headers = {"authorization": f"Bearer {key}", "x-forwarded-for": "203.0.113.7", "content-type": odd.content_type}
        connection.request(odd.method, path, odd.body, headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()
