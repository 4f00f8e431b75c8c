"""A Redis that hangs, against the locked LiteLLM: every request is answered, and only a few of them notice."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import MASTER_KEY, ROOT, Redis, Slot, engine, free_port, plan

KEY = "sk-limited-" + "k" * 30
CLIENTS = {"limited": {"requests_per_minute": 100000, "tokens_per_minute": 10**9, "parallel": 1000}}
# Requests in a second, and for how long Redis hangs: longer than the pause after which it is tried again.
RATE, SECONDS = 5, 12
# Longest time that one of the requests which find it out waits, on a busy machine. LiteLLM alone: ten seconds.
MOST_SECONDS = 1.5


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    redis = Redis(free_port())
    redis.start()
    yield redis
    redis.kill()


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory, redis: Redis) -> Iterator[Slot]:
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    with engine() as port:
        row = plan(port, redis.port, CLIENTS, ["alpha"])
        slot = Slot(python, row, {"AI_BACKEND_CLIENT_LIMITED": KEY}, 1, tmp_path_factory.mktemp("gateway") / "blue")
        try:
            slot.wait()
            for _time in range(10):
                assert slot.ask(MASTER_KEY).status == slot.ask(KEY).status == 200
            yield slot
        finally:
            slot.stop()


def timed(slot: Slot, key: str) -> float:
    """Seconds until the answer."""
    begin = time.monotonic()
    answer = slot.ask(key)
    assert answer.status == 200, answer.body
    return time.monotonic() - begin


def steady(slot: Slot, seconds: float) -> list[float]:
    """The times of requests at a fixed rate, sorted; every second one is of a client with limits."""
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        running = []
        for number in range(int(seconds * RATE)):
            running.append(pool.submit(timed, slot, (KEY, MASTER_KEY)[number % 2]))
            time.sleep(1 / RATE)
        return sorted(future.result() for future in running)


def test_a_redis_that_hangs_costs_a_request_a_fraction_of_a_second(slot: Slot, redis: Redis) -> None:
    assert redis.process
    usual = steady(slot, 3)
    redis.process.send_signal(signal.SIGSTOP)
    try:
        times = steady(slot, SECONDS)
    finally:
        redis.process.send_signal(signal.SIGCONT)
    assert times[-1] < usual[-1] + MOST_SECONDS, times[-10:]
    # Most of them do not ask it at all.
    assert times[len(times) * 8 // 10] < 2 * usual[-1] + 0.1, times


def test_then_the_cache_is_used_again(slot: Slot, redis: Redis) -> None:
    question = os.urandom(8).hex()

    def cached() -> bool:
        return slot.ask(MASTER_KEY, text=question).headers.get("x-litellm-cache-key") is not None

    end = time.monotonic() + 15
    while not cached():
        assert time.monotonic() < end
        time.sleep(0.5)
