"""A drain ends by itself, at its limit, or by the hand of an operator; the new slot serves all the while."""

import csv
import threading
import time

import httpx
import pytest
from fleet import wait
from underway import Underway

# What `TimeoutStopSec` of the gateway's unit leaves to a slot that was told to stop, in seconds.
STOPS_WITHIN = 30
# The scenario's litellm_soak_seconds: how long the new slot is watched before the old one is drained.
WATCHED = 4


class Reader(threading.Thread):
    """A client that reads a stream of many minutes; `ended` says how it was cut."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.chunks, self.ended = client, 0, ""

    def run(self):
        body = {"model": "lab-endless", "stream": True, "messages": [{"role": "user", "content": str(time.time_ns())}]}
        headers = {"Authorization": f"Bearer {self.client.key}"}
        url = f"{self.client.base}/v1/chat/completions"
        try:
            with httpx.stream("POST", url, json=body, headers=headers, timeout=60) as answer:
                for _line in answer.iter_lines():
                    self.chunks += 1
            self.ended = "without a word"
        except httpx.TransportError as error:
            self.ended = type(error).__name__


def open_answers(machine, slot):
    """How many requests the edge has open at a slot."""
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/ai-backend-edge/admin.sock'); "
        "s.sendall(b'show stat\\n'); print(s.makefile().read())"
    )
    rows = csv.DictReader(machine.run(f'python3 -c "{script}"').lstrip("# ").splitlines())
    (count,) = [row["scur"] for row in rows if (row["pxname"], row["svname"]) == (f"litellm_{slot}", slot)]
    return int(count)


@pytest.fixture
def reader(client):
    reading = Reader(client)
    reading.start()
    wait(lambda: reading.chunks > 2, 20)
    return reading


def test_an_answer_that_outlasts_the_drain_is_cut_at_its_limit_and_the_operator_is_told(world, unharmed, reader):
    with (
        unharmed(),
        Underway("deploy", "--tags", "litellm", "-e", "litellm_drain_seconds=5", extra=world.other()) as run,
    ):
        run.until("Run | Commit litellm")
        begun = time.monotonic()
        done = run.finish()
        took = time.monotonic() - begun
        assert done.code == 0, done.output
        world.is_other()
    assert WATCHED + 5 < took < WATCHED + 5 + STOPS_WITHIN + 10
    assert "1 answers of the slot before were still open after 5 s, and were cut" in " ".join(done.output.split())
    assert reader.ended
    assert world.machine.settled()


def test_an_operator_who_cannot_wait_stops_the_old_slot_by_hand(world, unharmed, reader):
    machine = world.machine
    old = machine.slot()
    with unharmed(), Underway("deploy", "--tags", "litellm", extra=world.other()) as run:
        run.until("Run | Commit litellm")
        # Everybody else's answers have ended: what the drain waits for now is this one.
        wait(lambda: machine.slot() != old and open_answers(machine, old) == 1, 60)
        assert not reader.ended
        machine.run(f"systemctl stop ai-backend-litellm@{old}")
        done = run.finish(60)
        assert done.code == 0, done.output
        world.is_other()
    assert reader.ended
