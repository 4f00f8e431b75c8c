"""Fixtures of the scenario: what watches, and a little traffic."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from fleet import Client, Machine
from watching import Watch


@pytest.fixture(scope="session")
def watch(gateway: Machine) -> Watch:
    found = Watch(gateway)
    found.listen()
    return found


@pytest.fixture(scope="session", autouse=True)
def traffic(client: Client) -> Iterator[None]:
    """Two requests a second, of which some are the same and some streams; one in twenty has no valid key."""
    over = threading.Event()

    def ask() -> None:
        number = 0
        while not over.wait(1):
            number += 1
            try:
                client.ask(text=f"question {number % 7 or number}", stream=number % 3 == 0)
                client.ask("flaky-model", text=f"question {number}")
                if number % 10 == 0:
                    client.http.get("/v1/models", headers={"Authorization": "Bearer sk-wrong"})
                    client.ask(model="no-such-model")
            except Exception:  # noqa: S112  # faults are what this is for
                continue

    user = threading.Thread(target=ask)
    user.start()
    yield
    over.set()
    user.join()
