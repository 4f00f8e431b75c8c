"""What every fault has in common: steady traffic, what stands on the host, and how long clients went without."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fleet import Client, Machine, Run, play, registry, wait
from traffic import Traffic, paced_engine, steady_traffic

OUTAGES = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "outages.json"
GENERATIONS = "/var/lib/ai-backend/generations"
# Everything that services run from, with the active slot's colour left out: link, release, drop-in and units.
STANDING = """
cd /opt/ai-backend/instances
for name in redis edge llama-cpp@llama_cpp_native litellm@{slot}; do
  echo "$name $(readlink "$name")"
  (cd -P "$name" && find . -type f | sort | xargs sha256sum)
  sha256sum < /etc/systemd/system/ai-backend-$name.service.d/release.conf
done
sha256sum /etc/systemd/system/ai-backend-*.service
"""


def standing(machine: Machine) -> str:
    """Checksums of what the host runs from; a straight run to the same registry gives the same text."""
    slot = machine.slot()
    return machine.run(STANDING.format(slot=slot)).replace(f"litellm@{slot}", "litellm")


def serving(machine: Machine) -> list[str]:
    """The gateway slots that run or are on their way up or down."""
    states = "running,activating,deactivating,reloading"
    listed = machine.run(f"systemctl list-units 'ai-backend-litellm@*' --state={states} --plain --no-legend")
    return [line.split()[0] for line in listed.splitlines()]


@dataclass
class World:
    """The host under traffic, and which of two registries it was brought to last: one names a route more."""

    machine: Machine
    traffic: Traffic
    more: bool = False
    trees: dict[bool, str] = field(default_factory=dict)

    def variables(self, more: bool, **changes: Any) -> dict[str, Any]:
        """Extra variables of one of the two registries, with some parts changed."""
        routing = registry("routing")
        if more:
            routing["exact_matches"]["passing"] = {"provider": "llama_cpp_native", "backend_model": "lab-tiny"}
        return {"ai_backend_routing": routing, **changes}

    def same(self, **changes: Any) -> dict[str, Any]:
        """Extra variables of the registry that the host has, with some parts changed."""
        return self.variables(self.more, **changes)

    def other(self) -> dict[str, Any]:
        """Extra variables of the registry that the host has not."""
        return self.variables(not self.more)

    def is_other(self) -> None:
        """The host was brought to the other registry."""
        self.more = not self.more

    def straight(self) -> Run:
        """Bring the host to the other registry by a run that nothing happens to."""
        run = play("deploy", "--tags", "litellm", extra=self.other())
        assert run.code == 0, run.output
        self.is_other()
        return run

    def mend(self) -> None:
        """After a test that failed: the others begin where it began."""
        play("deploy", "--tags", "litellm", extra=self.same())

    def stands(self) -> None:
        """Fail unless the host is exactly what a straight run to its registry makes, with one slot running."""
        wait(lambda: serving(self.machine) == [f"ai-backend-litellm@{self.machine.slot()}.service"], 30)
        assert standing(self.machine) == self.trees[self.more]

    def stand(self) -> str:
        """Checksums of what the host runs from."""
        return standing(self.machine)

    def newest(self) -> dict[str, Any]:
        """The newest generation's content."""
        names = self.machine.run(f"ls {GENERATIONS}").split()
        number = max(int(name.partition(".")[0]) for name in names)
        content: dict[str, Any] = json.loads(self.machine.run(f"cat {GENERATIONS}/{number}.json"))
        return content

    def lost_nothing(self) -> None:
        """Fail when a client lost a request or a stream since the last report, or asked too little to say so."""
        seen = self.traffic.report()
        assert seen["requests"]["sent"] >= 10
        lost = {"failed": seen["requests"]["failed"], **{kind: seen["streams"][kind] for kind in ("cut", "refused")}}
        assert lost == {"failed": 0, "cut": 0, "refused": 0}, json.dumps(seen)


@pytest.fixture(scope="session")
def paced() -> Iterator[None]:
    """The engine behind the streams."""
    place = urlsplit(registry("providers")["paced"]["base_url"])
    assert place.hostname
    assert place.port
    with paced_engine(place.hostname, place.port):
        yield


@pytest.fixture(scope="session")
def traffic(client: Client, paced: None) -> Iterator[Traffic]:
    """Ten requests a second and ten open streams, all the time."""
    with steady_traffic(client.base, client.key) as running:
        yield running


@pytest.fixture(scope="session")
def world(gateway: Machine, traffic: Traffic) -> World:
    """The host after straight runs to both registries."""
    made = World(gateway, traffic)
    made.mend()
    made.trees[False] = standing(gateway)
    for more in (True, False):
        made.straight()
        assert more or standing(gateway) == made.trees[False]
        made.trees[more] = standing(gateway)
    traffic.report()
    return made


@pytest.fixture
def unharmed(world: World) -> Callable[[], AbstractContextManager[None]]:
    """A block after which clients have lost nothing, and the host is what a straight run makes."""

    @contextmanager
    def block() -> Iterator[None]:
        world.traffic.steady()
        try:
            yield
            world.lost_nothing()
            world.stands()
        except BaseException:
            world.mend()
            raise

    return block


@pytest.fixture
def bounded(world: World, client: Client) -> Callable[[str, float], AbstractContextManager[None]]:
    """A block in which clients may go without for so many seconds; how long they did is written down."""

    @contextmanager
    def block(name: str, seconds: float) -> Iterator[None]:
        world.traffic.steady()
        try:
            yield
            wait(lambda: all(client.answers() for _ in range(3)), 120)
            seen = world.traffic.report()
            note = {
                "seconds": max((window["seconds"] for window in seen["outages"]), default=0.0),
                "requests_failed": seen["requests"]["failed"],
                "streams_lost": seen["streams"]["cut"] + seen["streams"]["refused"],
            }
            written = json.loads(OUTAGES.read_text()) if OUTAGES.exists() else {}
            OUTAGES.write_text(json.dumps({**written, name: note}, indent=2) + "\n")
            assert note["seconds"] <= seconds, json.dumps(seen)
        except BaseException:
            world.mend()
            raise
        world.traffic.steady()

    return block


def pytest_sessionstart() -> None:
    """Outages of an earlier run are none of this one."""
    OUTAGES.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how long clients went without, where a fault hit what they were served by."""
    for name, note in (json.loads(OUTAGES.read_text()) if OUTAGES.exists() else {}).items():
        rest = f"{note['requests_failed']} requests failed, {note['streams_lost']} streams lost"
        terminalreporter.write_line(f"outage_{name}: {note['seconds']:.1f} s ({rest})")
