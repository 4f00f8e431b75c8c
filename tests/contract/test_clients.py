"""The clients of a gateway against the locked LiteLLM: two slots, one with two workers, a Redis and an engine.

Each test has clients of its own, so that no count of one is in the way of another.
"""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import MASTER_KEY, ROOT, TOKENS, Answer, Redis, Slot, begin_in_a_minute, engine, free_port, plan

OUTSIDE = "203.0.113.7"
MODELS = ["alpha", "beta", "gamma-1", "gamma-2"]
CLIENTS = {
    "named": {"models": ["alpha", "gamma-*"]},
    "free": {},
    "requests": {"requests_per_minute": 12},
    "tokens": {"tokens_per_minute": 2 * TOKENS + 5},
    "parallel": {"parallel": 2},
    "streams": {"parallel": 1},
    "alone": {"requests_per_minute": 3, "tokens_per_minute": 100000, "parallel": 50},
    "again": {"requests_per_minute": 12},
    "revoked": {},
    "rotated": {},
}
WORKERS = {"blue": 2, "green": 1}


def key_of(client: str) -> str:
    return f"sk-{client}-" + "k" * 30


PAGE_KEY = "sk-page-" + "k" * 30
KEYS = {f"AI_BACKEND_CLIENT_{name.upper()}": key_of(name) for name in CLIENTS} | {"AI_BACKEND_WEBUI_KEY": PAGE_KEY}
OLD_KEY = "sk-old-" + "k" * 30


@dataclass
class Gateway:
    """Both slots and their Redis."""

    blue: Slot
    green: Slot
    redis: Redis

    def burst(self, client: str, count: int, **more: object) -> list[Answer]:
        """Requests at once, to both slots in turn."""
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            slots = [self.blue if number % 2 else self.green for number in range(count)]
            return list(pool.map(lambda slot: slot.ask(key_of(client), **more), slots))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    from ansible_collections.lab.ai_backend.plugins.module_utils.host.secret_folder import for_hosts

    name = "AI_BACKEND_CLIENT_ROTATED"
    before = {f"{name}_BEFORE": for_hosts(name, OLD_KEY), f"{name}_BEFORE_UNTIL": str(int(time.time()) + 3600)}
    folder, redis = tmp_path_factory.mktemp("gateway"), Redis(free_port())
    redis.start()
    with engine() as port:
        row = plan(port, redis.port, CLIENTS, MODELS)
        # The next release of the registry: a client was removed.
        after = plan(port, redis.port, {name: client for name, client in CLIENTS.items() if name != "revoked"}, MODELS)
        blue = Slot(python, row, {**KEYS, **before}, WORKERS["blue"], folder / "blue")
        green = Slot(python, after, {**KEYS, **before}, WORKERS["green"], folder / "green")
        try:
            for slot in (blue, green):
                slot.wait()
            # The first requests of each process take seconds.
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda slot: slot.ask(MASTER_KEY), [blue, green] * 4))
            yield Gateway(blue, green, redis)
        finally:
            blue.stop()
            green.stop()
            redis.kill()


@pytest.fixture
def minute() -> None:
    """One that does not end in a test."""
    begin_in_a_minute()


def attempts(attempt: Callable[[], list[Answer]], good: Callable[[list[Answer]], bool]) -> list[Answer]:
    """The answers of the first good attempt, or of the third one.

    A worker whose Redis does not answer within a tenth of a second counts alone for some seconds, and on a busy machine
    that happens: it is tried again, in another minute.
    """
    for _ in range(3):
        answers = attempt()
        if good(answers):
            break
        time.sleep(60.2 - time.time() % 60)
    return answers


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def test_the_page_of_the_gateway_is_a_client_with_a_key_that_its_host_has(gateway: Gateway) -> None:
    assert gateway.blue.ask(PAGE_KEY).status == 200
    assert gateway.blue.request("GET", "/health", PAGE_KEY, source=OUTSIDE).status == 403


def test_an_unknown_key_is_refused(gateway: Gateway) -> None:
    for key in ("sk-" + "unknown", "", key_of("named")[:-1], KEYS["AI_BACKEND_CLIENT_FREE"] + "x"):
        answer = gateway.blue.ask(key)
        assert answer.status == 401
        assert answer.error == {
            "message": "missing or wrong API key",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        }
    assert gateway.blue.request("GET", "/v1/models", "sk-" + "unknown").status == 401


def test_the_digest_of_a_key_is_not_a_key(gateway: Gateway) -> None:
    from ansible_collections.lab.ai_backend.plugins.module_utils.host.secret_folder import for_hosts

    digest = for_hosts("AI_BACKEND_CLIENT_FREE", key_of("free"))
    assert gateway.blue.ask(digest).status == gateway.blue.ask(digest.removeprefix("sha256:")).status == 401


def test_a_client_uses_its_models_alone(gateway: Gateway) -> None:
    slot, key = gateway.blue, key_of("named")
    assert [slot.ask(key, model).status for model in ("alpha", "gamma-1", "gamma-2", "beta")] == [200, 200, 200, 403]
    assert slot.ask(key, "beta").error["code"] == "model_not_allowed"
    assert slot.ask(key, "alpha,beta").status == 404
    assert slot.ask(key, "alpha", fallbacks=["beta"]).status == 403
    assert slot.ask(key, "alpha", fallbacks=[{"alpha": ["beta"]}]).status == 400
    body = {"model": "alpha", "messages": [{"role": "user", "content": "another way"}]}
    for path in (
        "/openai/deployments/beta/chat/completions",
        "/engines/beta/completions",
        "/v1/completions?model=beta",
    ):
        assert slot.request("POST", path, key, body, OUTSIDE).status == 403, path
    assert slot.request("POST", "/v1/chat/completions?model=beta", key, body, OUTSIDE).status == 403
    assert [slot.ask(key, model).status for model in (["beta"], "", None)] == [404, 400, 400]  # type: ignore[arg-type]
    assert [slot.ask(key_of("free"), model).status for model in MODELS] == [200] * 4


def test_a_client_sees_its_models_alone(gateway: Gateway) -> None:
    def listed(key: str, source: str | None = OUTSIDE) -> list[str]:
        answer = gateway.blue.request("GET", "/v1/models", key, source=source)
        assert answer.status == 200, answer.body
        return sorted(entry["id"] for entry in answer.body["data"])

    assert listed(key_of("named")) == ["alpha", "gamma-1", "gamma-2"]
    for more in ("?scope=expand", "?return_wildcard_routes=true", "?include_metadata=true", "?team_id=x"):
        answer = gateway.blue.request("GET", f"/v1/models{more}", key_of("named"), source=OUTSIDE)
        assert "beta" not in str(answer.body), more
    assert listed(key_of("free")) == listed(MASTER_KEY) == listed(MASTER_KEY, None) == MODELS
    assert gateway.blue.request("GET", "/v1/models/beta", key_of("named"), source=OUTSIDE).status in (403, 404)
    assert gateway.blue.request("GET", "/model/info", key_of("named"), source=OUTSIDE).status == 403


def test_an_unknown_name_is_answered_with_a_similar_one(gateway: Gateway) -> None:
    for key in (key_of("named"), MASTER_KEY):
        answer = gateway.blue.ask(key, "alhpa")
        assert answer.status == 404
        assert answer.error == {
            "message": "there is no model 'alhpa'; did you mean 'alpha'?",
            "type": "invalid_request_error",
            "param": None,
            "code": "model_not_found",
        }
    # A model that a client may not use is not named to it.
    assert "'beta'" not in gateway.blue.ask(key_of("named"), "betta").error["message"]
    assert "'beta'" in gateway.blue.ask(MASTER_KEY, "betta").error["message"]


def test_requests_are_counted_in_all_slots_together(gateway: Gateway, minute: None) -> None:
    wanted = {200: 12, 429: 12}
    answers = attempts(lambda: gateway.burst("requests", 24), lambda found: statuses(found) == wanted)
    assert statuses(answers) == wanted
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.error["code"] == "rate_limit_exceeded"
    assert refused.error["type"] == "requests"
    # The log of LiteLLM has this line, so it must name the client.
    assert refused.error["message"].startswith(
        "the client 'requests' has used its 12 requests of this minute; try again"
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == "12"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-ratelimit-reset-requests"] == f"{refused.headers['retry-after']}s"
    assert "x-ratelimit-limit-tokens" not in refused.headers
    # The model list is not counted.
    assert gateway.blue.request("GET", "/v1/models", key_of("requests"), source=OUTSIDE).status == 200


def test_tokens_are_counted_in_all_slots_together(gateway: Gateway, minute: None) -> None:
    def attempt() -> list[Answer]:
        answers = []
        for slot in (gateway.blue, gateway.green, gateway.blue, gateway.green, gateway.blue):
            answers.append(slot.ask(key_of("tokens")))
            # LiteLLM reports an answer a moment after it was sent.
            time.sleep(1)
        return answers

    wanted = [200, 200, 200, 429, 429]
    answers = attempts(attempt, lambda found: [answer.status for answer in found] == wanted)
    assert [answer.status for answer in answers] == wanted, [a.body for a in answers]
    assert answers[-1].error["type"] == "tokens"
    assert answers[-1].headers["x-ratelimit-limit-tokens"] == str(2 * TOKENS + 5)
    assert answers[-1].headers["x-ratelimit-remaining-tokens"] == "0"
    assert "x-ratelimit-reset-tokens" in answers[-1].headers


def test_requests_at_the_same_time_are_counted_in_all_slots_together(gateway: Gateway) -> None:
    wanted = {200: 2, 429: 4}
    answers = attempts(lambda: gateway.burst("parallel", 6, text="wait 2"), lambda found: statuses(found) == wanted)
    assert statuses(answers) == wanted
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["retry-after"] == "1"
    # What has ended makes room, and so does what was refused for another reason.
    assert [gateway.blue.ask(key_of("parallel"), "nothing").status for _ in range(4)] == [404] * 4
    assert [gateway.green.ask(key_of("parallel")).status for _ in range(4)] == [200] * 4


def test_a_stream_that_its_client_leaves_makes_room(gateway: Gateway) -> None:
    body = json.dumps({"model": "alpha", "stream": True, "messages": [{"role": "user", "content": "wait 30"}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key_of('streams')}\r\n"
    head += f"x-forwarded-for: {OUTSIDE}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(gateway.blue.socket)
        client.sendall((head + body).encode())
        assert b" 200 " in client.recv(4096)
        assert gateway.green.ask(key_of("streams")).status == 429
    end = time.monotonic() + 10
    while gateway.green.ask(key_of("streams")).status != 200:
        assert time.monotonic() < end, "the stream is still counted"
        time.sleep(0.3)


def test_a_removed_client_is_unknown_to_the_next_release(gateway: Gateway) -> None:
    assert gateway.blue.ask(key_of("revoked")).status == 200
    assert gateway.green.ask(key_of("revoked")).status == 401


def test_the_old_key_of_a_client_is_valid_until_its_time(gateway: Gateway) -> None:
    assert [gateway.blue.ask(key).status for key in (key_of("rotated"), OLD_KEY)] == [200, 200]


ADMIN = [
    ("/cache/flushall", {}),
    ("/guardrails/test_custom_code", {"custom_code": "def apply_guardrail(*a): return allow()", "test_input": {}}),
    ("/config/update", {"litellm_settings": {}}),
]


@pytest.mark.parametrize(("path", "body"), ADMIN)
def test_only_the_host_itself_may_change_the_gateway(gateway: Gateway, path: str, body: object) -> None:
    def status(key: str, source: str | None) -> int:
        return gateway.blue.request("POST", path, key, body, source).status

    for source in (OUTSIDE, "127.0.0.1, 203.0.113.7", "::1, 2001:db8::7", "nonsense", "::ffff:203.0.113.7"):
        answer = gateway.blue.request("POST", path, MASTER_KEY, body, source)
        assert (answer.status, answer.error["code"]) == (403, "path_not_allowed"), source
    # A client of the same host is no operator.
    assert status(key_of("free"), None) == status(key_of("free"), "127.0.0.1") == 403
    for source in (None, "127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert status(MASTER_KEY, source) not in (401, 403), source


def test_the_master_key_from_outside_asks_every_model(gateway: Gateway) -> None:
    assert [gateway.blue.ask(MASTER_KEY, model).status for model in MODELS] == [200] * 4
    for path in ("/key/generate", "/model/new", "/openai/v1/files", "/vllm/v1/models", "/config/yaml", "/model/info"):
        assert gateway.blue.request("POST", path, MASTER_KEY, {}, OUTSIDE).status in (403, 404, 405), path


def test_without_redis_each_worker_counts(gateway: Gateway, minute: None) -> None:
    gateway.redis.kill()
    try:
        began = time.monotonic()
        answers = gateway.burst("alone", 30)
        seconds = time.monotonic() - began
        found, workers = statuses(answers), sum(WORKERS.values())
        assert set(found) == {200, 429}
        assert 3 <= found[200] <= 3 * workers
        assert seconds < 15
        # Nor does what was counted before end with Redis.
        assert gateway.burst("free", 4)[0].status == 200
    finally:
        gateway.redis.start()


def test_redis_counts_again_when_it_is_back(gateway: Gateway, minute: None) -> None:
    # Longer than a worker waits before it asks again.
    time.sleep(5.2)
    wanted = {200: 12, 429: 12}
    answers = attempts(lambda: gateway.burst("again", 24), lambda found: statuses(found) == wanted)
    assert statuses(answers) == wanted


def test_no_key_is_in_the_log(gateway: Gateway) -> None:
    text = gateway.blue.log.read_text() + gateway.green.log.read_text()
    assert [key for key in (*KEYS.values(), MASTER_KEY, OLD_KEY) if key in text] == []
