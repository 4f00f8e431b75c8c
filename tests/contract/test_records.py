"""The record of each request, against the locked LiteLLM: one line, whatever becomes of the request."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import MASTER_KEY, ROOT, Answer, Redis, Slot, begin_in_a_minute, free_port, planned
from odd_engine import Behaviour, odd_engine

KEYS = {f"AI_BACKEND_CLIENT_{name}": f"sk-{name}-" + "k" * 30 for name in ("FREE", "NAMED", "LIMITED", "KEPT")}
FREE, NAMED, LIMITED, KEPT = KEYS.values()
TIMEOUT_SECONDS = 3
ALWAYS = [
    *("time", "id", "client", "path", "model", "deployment", "provider", "status", "error", "ttft_ms", "duration_ms"),
    *("overhead_ms", "stream", "tokens_in", "tokens_out", "cost", "cache_hit", "fallbacks", "slow"),
]


class House:
    """A gateway in front of three engines."""

    def __init__(self, slot: Slot, engines: dict[str, Behaviour], state: pathlib.Path) -> None:
        self.slot, self.engines, self.state = slot, engines, state

    def cooled(self) -> bool:
        """Whether a deployment is out of rotation."""
        records = [json.loads(file.read_text()) for file in (self.state / "cooldowns").glob("*.json")]
        return any(record["until"] > time.time() for record in records)

    def ask(self, key: str = FREE, model: str = "alpha", identifier: str = "", **more: Any) -> tuple[Answer, str]:
        """A chat with an id of its own; its answer and that id."""
        identifier = identifier or f"test-{os.urandom(6).hex()}"
        text = more.pop("text", "") or os.urandom(8).hex()
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        headers = {"x-request-id": identifier}
        answer = self.slot.request("POST", "/v1/chat/completions", key, body, "203.0.113.7", more=headers)
        return answer, identifier

    def recorded(self, key: str = FREE, model: str = "alpha", **more: Any) -> dict[str, Any]:
        """The record of such a chat."""
        return self.line(self.ask(key, model, **more)[1])

    def lines(self) -> list[dict[str, Any]]:
        """All that is in the file."""
        there = self.slot.records.exists()
        return [json.loads(line) for line in self.slot.records.read_text().splitlines()] if there else []

    def line(self, identifier: str, seconds: float = 12) -> dict[str, Any]:
        """The one line with an id."""
        end = time.monotonic() + seconds
        while not (found := [line for line in self.lines() if line["id"] == identifier]):
            assert time.monotonic() < end, f"no record of {identifier}"
            time.sleep(0.05)
        assert len(found) == 1
        assert list(found[0])[: len(ALWAYS)] == ALWAYS
        return found[0]

    @contextlib.contextmanager
    def left(self, stream: bool, **more: Any) -> Iterator[str]:
        """The id of a request whose client leaves at the end of the block."""
        identifier = f"left-{os.urandom(6).hex()}"
        question = [{"role": "user", "content": identifier}]
        body = json.dumps({"model": "alpha", "stream": stream, "messages": question, **more})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {FREE}\r\n"
        head += f"x-request-id: {identifier}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.slot.socket)
            client.sendall((head + body).encode())
            yield identifier


@pytest.fixture(scope="module")
def python() -> str:
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    return subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def house(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    redis = Redis(free_port())
    redis.start()
    with contextlib.ExitStack() as stack:
        engines = {name: stack.enter_context(odd_engine()) for name in ("good", "odd", "paid")}
        row = planned(registry({name: engine.port for name, engine in engines.items()}, redis.port))
        slot = Slot(python, row, {**KEYS, "OPENAI_API_KEY": "of-the-test"}, 1, folder / "blue", folder)
        try:
            slot.wait()
            slot.ask(MASTER_KEY, "alpha")
            yield House(slot, engines, folder)
        finally:
            slot.stop()
            redis.kill()


@pytest.fixture(autouse=True)
def _well(house: House) -> Iterator[None]:
    yield
    for engine in house.engines.values():
        engine.well()
    end = time.monotonic() + 20
    while house.cooled():
        assert time.monotonic() < end
        time.sleep(0.1)


def registry(ports: dict[str, int], redis_port: int) -> dict[str, Any]:
    """Three engines; `chained` and `pair` have another one after the odd engine."""

    def at(name: str) -> str:
        return f"http://127.0.0.1:{ports[name]}"

    price = {"input": 0.001, "output": 0.002}
    # One failure takes an engine out, and not in the way of the next test.
    breaker = {"failures": 1, "cooldown_seconds": 2}
    timeouts = {"request_seconds": TIMEOUT_SECONDS, "stream_gap_seconds": TIMEOUT_SECONDS}
    return {
        "providers": {
            "local": {
                "type": "vllm",
                "managed": False,
                "base_url": at("good"),
                "models": [{"name": "alpha", "cost_per_1k_tokens": price}, "vectors"],
            },
            "strange": {
                "type": "vllm",
                "managed": False,
                "base_url": at("odd"),
                "models": ["chained", "alone", "pair"],
            },
            "cloud": {
                "type": "openai_compatible",
                "base_url": at("paid") + "/v1",
                "env_var": "OPENAI_API_KEY",
                "models": ["paid"],
            },
        },
        "routing": {
            "fallback_chains": {"chained": ["alpha"], "pair": ["paid", "alpha"]},
            "patterns": {"qwen*": {"provider": "cloud"}},
        },
        "gateway": {"breaker": breaker, "timeouts": timeouts},
        "monitoring": {"requests": {"slow_seconds": 1}},
        "ports": {"services": {"redis": {"port": redis_port}}},
        "clients": {
            "free": {},
            "named": {"models": ["alpha"]},
            "limited": {"requests_per_minute": 1},
            "kept": {"log_content": True},
        },
        "secrets": {"OPENAI_API_KEY": True},
    }


# -- what is in it


def test_an_answer_is_recorded_with_who_asked_whom(house: House) -> None:
    answer, identifier = house.ask()
    line = house.line(identifier)
    assert answer.status == 200
    assert list(line) == ALWAYS
    expected = {"client": "free", "path": "chat/completions", "model": "alpha", "provider": "local", "status": 200}
    expected |= {"error": None, "ttft_ms": None, "stream": False, "tokens_in": 9, "tokens_out": 1, "cache_hit": False}
    expected |= {"fallbacks": [], "slow": False}
    assert {key: line[key] for key in expected} == expected
    assert line["deployment"].startswith("alpha#1|local@")
    assert line["cost"] == pytest.approx(9 * 0.001 / 1000 + 0.002 / 1000)
    assert 0 < line["overhead_ms"] < line["duration_ms"] < 10_000
    assert line["time"][-1] == "Z"
    assert abs(time.time() - time.mktime(time.strptime(line["time"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 30


def test_a_clients_id_is_kept_returned_and_sent_to_the_engine(house: House) -> None:
    answer, identifier = house.ask(identifier="ci/run-7:step.3@main")
    assert answer.headers["x-request-id"] == identifier == house.engines["good"].headers["x-request-id"]
    assert house.line(identifier)["status"] == 200


@pytest.mark.parametrize("odd", ["", "-starts-oddly", "two words", 'quo"te', "x" * 129])
def test_an_id_that_could_do_harm_is_replaced(house: House, odd: str) -> None:
    body = {"model": "alpha", "messages": [{"role": "user", "content": os.urandom(8).hex()}]}
    answer = house.slot.request("POST", "/v1/chat/completions", FREE, body, more={"x-request-id": odd})
    made = answer.headers["x-request-id"]
    assert made != odd
    assert len(made) == 32
    assert house.line(made)["status"] == 200


def test_a_stream_has_the_time_of_its_first_piece_and_its_tokens(house: House) -> None:
    line = house.recorded(stream=True)
    assert (line["status"], line["error"], line["stream"]) == (200, None, True)
    assert 0 < line["ttft_ms"] <= line["duration_ms"]
    assert line["tokens_out"] > 0


def test_an_answer_of_the_cache_is_one(house: House) -> None:
    text = os.urandom(8).hex()
    assert house.recorded(text=text)["cache_hit"] is False
    asked = house.engines["good"].requests
    for stream in (False, True):
        # Ids differ, and questions that differ by their id alone are the same question.
        line = house.recorded(text=text, stream=stream)
        if not stream:
            assert (line["cache_hit"], line["status"], line["tokens_out"]) == (True, 200, 1)
            assert house.engines["good"].requests == asked


def test_the_operator_is_named_as_such_and_a_pattern_by_its_own_name(house: House) -> None:
    assert house.recorded(MASTER_KEY)["client"] == "operator"
    for name in ("qwen-7b", "qwen-anything"):
        line = house.recorded(model=name)
        assert (line["model"], line["status"]) == ("qwen*", 200)
        assert name not in line["deployment"]


def test_other_paths_have_few_names(house: House) -> None:
    body = {"model": "vectors", "input": "x"}
    for path, given, name in (
        ("/v1/embeddings", body, "embeddings"),
        ("/v1/models", None, "models"),
        ("/openai/deployments/alpha/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, None),
        ("/v1/no/such/path", None, "other"),
    ):
        answer = house.slot.request("POST" if given else "GET", path, FREE, given)
        line = house.line(answer.headers["x-request-id"])
        assert (line["path"], line["status"]) == (name or "chat/completions", answer.status)


def test_what_looks_at_the_gateway_is_no_request_of_anybody(house: House) -> None:
    answer = house.slot.request("GET", "/health/readiness", MASTER_KEY)
    assert answer.headers["x-request-id"]
    house.recorded()
    assert [line for line in house.lines() if line["path"] == "health"] == []


def test_a_slow_answer_is_marked(house: House) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        house.engines["good"].fail("hangs")
        waiting = pool.submit(house.recorded)
        time.sleep(1.2)
        house.engines["good"].well()
        line = waiting.result()
    assert (line["status"], line["slow"]) == (200, True)


# -- what is refused


def test_refusals_are_recorded_with_their_reason(house: House) -> None:
    begin_in_a_minute()
    house.ask(LIMITED)
    cases: list[tuple[tuple[str, str], int, str, str | None, str | None]] = [
        (("sk-" + "wrong", "alpha"), 401, "refused_key", None, None),
        ((FREE, "no-such-model"), 404, "refused_model", "free", None),
        ((NAMED, "vectors"), 403, "refused_model", "named", "vectors"),
        ((LIMITED, "alpha"), 429, "rate_limited", "limited", "alpha"),
    ]
    for (key, model), status, error, client, known in cases:
        answer, identifier = house.ask(key, model)
        line = house.line(identifier)
        assert answer.status == status
        assert answer.headers["x-request-id"] == identifier
        assert (line["status"], line["error"], line["client"], line["model"]) == (status, error, client, known)
        assert (line["deployment"], line["tokens_in"], line["fallbacks"]) == (None, None, [])
    assert house.recorded(api_base="http://127.0.0.1:1")["error"] == "bad_request"
    answer = house.slot.request("POST", "/key/generate", FREE, {})
    assert house.line(answer.headers["x-request-id"])["error"] == "refused_path"


def test_what_is_no_request_is_recorded_too(house: House) -> None:
    answer = house.slot.request("POST", "/v1/chat/completions", FREE, ["no", "object"])
    line = house.line(answer.headers["x-request-id"])
    assert (line["status"], line["error"], line["model"]) == (400, "bad_request", None)


# -- what fails


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("how", "reason"), [("500", "engine_error"), ("503", "no_engine"), ("404", "engine_error"), ("refused", None)]
)
def test_a_request_that_went_on_to_another_engine_is_one_line(
    house: House, how: str, reason: str | None, stream: bool
) -> None:
    house.engines["odd"].fail(how)
    line = house.recorded(model="chained", stream=stream)
    assert (line["status"], line["error"], line["provider"]) == (200, None, "local")
    assert line["model"] == "chained"
    (before,) = line["fallbacks"]
    assert before["provider"] == "strange"
    assert before["deployment"].startswith("chained#1|strange@")
    assert before["reason"] in ({reason} if reason else {"no_engine", "engine_error"})


def test_the_way_of_a_request_is_told_in_its_order(house: House) -> None:
    house.engines["odd"].fail("500")
    house.engines["paid"].fail("401")
    line = house.recorded(model="pair")
    assert [(one["provider"], one["reason"]) for one in line["fallbacks"]] == [
        ("strange", "engine_error"),
        ("cloud", "provider_refused"),
    ]
    assert (line["provider"], line["status"]) == ("local", 200)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_timeout_is_one_and_so_is_that_its_engine_is_out_of_rotation(house: House, stream: bool) -> None:
    house.engines["odd"].fail("hangs")
    line = house.recorded(model="alone", stream=stream)
    assert (line["status"], line["error"], line["provider"]) == (504, "timeout", "strange")
    assert line["slow"] is True
    end = time.monotonic() + 5
    while not house.cooled():
        assert time.monotonic() < end, "a timeout took the engine from nobody"
    line = house.recorded(model="alone", stream=stream)
    assert (line["status"], line["error"], line["provider"]) == (503, "no_engine", "strange")
    assert line["deployment"] is None


def test_what_is_out_of_rotation_is_told_as_the_reason_of_a_fallback(house: House) -> None:
    house.engines["odd"].fail("hangs")
    first, second = (house.recorded(model="chained") for _ in range(2))
    assert [(one["provider"], one["reason"]) for one in first["fallbacks"]] == [("strange", "timeout")]
    assert second["fallbacks"] == [{"provider": "strange", "deployment": None, "reason": "out_of_rotation"}]
    assert (second["provider"], second["status"]) == ("local", 200)


@pytest.mark.parametrize(
    ("how", "status", "error"),
    [("too long", 400, "context_length"), ("401", 502, "provider_refused"), ("400", 400, "bad_request")],
)
def test_an_error_of_the_provider_has_its_class(house: House, how: str, status: int, error: str) -> None:
    house.engines["paid"].fail(how)
    line = house.recorded(model="paid")
    assert (line["status"], line["error"], line["provider"]) == (status, error, "cloud")
    assert line["deployment"].startswith("paid#1|cloud@")


def test_a_stream_that_breaks_in_the_middle_is_recorded_once(house: House) -> None:
    house.engines["odd"].fail("breaks")
    line = house.recorded(model="alone", stream=True)
    assert (line["status"], line["provider"]) == (200, "strange")
    assert line["error"] in ("engine_error", "no_engine")
    assert line["ttft_ms"] is not None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_leaves_is_recorded(house: House, stream: bool) -> None:
    house.engines["good"].fail("hangs")
    before = house.engines["good"].requests
    with house.left(stream) as identifier:
        end = time.monotonic() + 10
        while house.engines["good"].requests == before:
            assert time.monotonic() < end
            time.sleep(0.02)
    time.sleep(0.2)
    house.engines["good"].well()
    line = house.line(identifier)
    assert (line["status"], line["error"], line["client"]) == (499, "cancelled", "free")
    assert line["provider"] == "local"


# -- what is not in it


def test_texts_are_kept_for_a_client_alone_that_has_it_so(house: House) -> None:
    line = house.recorded(KEPT, text="what is kept")
    assert "what is kept" in line["prompt"]
    assert line["answer"] == "ok"
    assert list(line) == [*ALWAYS, "prompt", "answer"]
    assert len(house.recorded(KEPT, text="x" * 50_000)["prompt"]) == 16_384
    assert house.recorded(KEPT, stream=True, text="streamed")["answer"] == "ok"
    house.recorded(text="what is not kept")
    text = house.slot.records.read_text()
    assert "what is not kept" not in text
    assert [key for key in (*KEYS.values(), MASTER_KEY) if key in text] == []


# -- the file


def test_a_file_that_cannot_be_written_fails_no_request_and_is_counted(house: House) -> None:
    house.recorded()
    moved = house.slot.records.with_suffix(".moved")
    shutil.move(house.slot.records, moved)
    house.slot.records.mkdir()
    try:
        asked = [house.ask() for _ in range(3)]
        assert [answer.status for answer, _ in asked] == [200] * 3
        # The thread writes a moment after the answer.
        end = time.monotonic() + 10
        while "can't be written" not in house.slot.log.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(1)
    finally:
        house.slot.records.rmdir()
        shutil.move(moved, house.slot.records)
    assert house.recorded()["lost"] == 3
    assert "lost" not in house.recorded()
    assert house.slot.log.read_text().count("can't be written") == 1


def test_the_last_requests_before_a_stop_are_recorded(house: House, python: str) -> None:
    """Last: it ends the slot."""
    identifiers = [house.ask()[1] for _ in range(5)]
    house.slot.stop()
    there = [line["id"] for line in house.lines()]
    assert [there.count(identifier) for identifier in identifiers] == [1] * 5
