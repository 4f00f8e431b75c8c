"""Who has a key: nobody's mistake takes a model from others, on the real engine, through the edge."""

import concurrent.futures
import itertools
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

import httpx
from fleet import wait

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "contract"))

from odd_requests import CORPUS, PATHS, judged

SECRETS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets"
SECONDS = float(os.environ.get("CORPUS_SECONDS", "120"))
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def key(name):
    """A client's."""
    return (SECRETS / f"AI_BACKEND_CLIENT_{name.upper()}").read_text().strip()


def ask(client, name, **more):
    """One chat of a client."""
    body = {
        "model": "lab-tiny",
        "max_tokens": 3,
        "messages": [{"role": "user", "content": os.urandom(6).hex()}],
        **more,
    }
    return httpx.post(
        f"{client.base}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key(name)}"}, timeout=60
    )


def test_what_the_model_cannot_do_is_said_and_costs_it_nothing(client, gateway):
    before = gateway.tokens()
    for _time in range(4):
        answer = ask(client, "one", messages=[{"role": "user", "content": [PICTURE]}])
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ability_missing")
        assert "vision" in answer.json()["error"]["message"]
    for path, body in (("embeddings", {"input": "x"}), ("images/generations", {"prompt": "x"})):
        answer = httpx.post(
            f"{client.base}/v1/{path}",
            json={"model": "lab-tiny", **body},
            headers={"Authorization": f"Bearer {key('one')}"},
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ability_missing")
    assert gateway.tokens() == before
    assert ask(client, "two").status_code == 200


def test_a_client_beyond_its_limit_is_told_when_to_come_back_and_others_are_not(client):
    # The eight requests belong to one minute of the clock.
    wait(lambda: time.time() % 60 < 40, 30)
    answers = [ask(client, "limited") for _time in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    for answer in answers[5:]:
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.headers["x-ratelimit-limit-requests"] == "5"
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert ask(client, "good").status_code == 200


def test_everything_wrong_at_once_takes_nothing_from_anybody(client, gateway):
    """Four clients send the corpus to every path, and one next to them what is right."""
    end, stop = time.monotonic() + SECONDS, threading.Event()
    wrong, lost, counted = [], [], {"wrong": 0, "good": 0}

    def misbehave(name):
        cases = [(path, odd) for path in PATHS for odd in CORPUS]
        random.Random(name).shuffle(cases)
        headers = {"Authorization": f"Bearer {key(name)}"}
        with httpx.Client(base_url=client.base, timeout=60, headers=headers) as http:
            for path, odd in itertools.cycle(cases):
                if time.monotonic() > end:
                    return
                sent = odd.body.replace(b"anything", b"lab-tiny")
                answer = http.request(odd.method, path, content=sent, headers={"Content-Type": odd.content_type})
                counted["wrong"] += 1
                problem = judged((answer.status_code, dict(answer.headers), answer.content), sent)
                if problem:
                    wrong.append(f"{path} {odd.name}: {problem}")

    def behave():
        while not stop.wait(0.3):
            counted["good"] += 1
            answer = ask(client, "good")
            if answer.status_code != 200:
                lost.append((answer.status_code, answer.text))

    good = threading.Thread(target=behave)
    good.start()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(misbehave, ("one", "two", "three", "four")))
    stop.set()
    good.join()
    print(json.dumps(counted))
    assert sorted(set(wrong)) == []
    assert lost == []
    assert not gateway.run("find /var/lib/ai-backend/litellm/cooldowns -name '*.json' 2>/dev/null || :").strip()
