"""Known advisories of LiteLLM, replayed by a stranger against the pinned one through the edge: none has an effect."""

from __future__ import annotations

import http.server
import pathlib
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import MASTER_KEY, ROOT, Redis, Slot, engine, free_port, plan

import stand_in

ADVISORIES = tomllib.loads(pathlib.Path(__file__).with_name("advisories.toml").read_text())["advisory"]
KEY = "sk-replay-" + "k" * 30


class Reached(http.server.BaseHTTPRequestHandler):
    """A host that a request names: whoever contacts it is noted."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_error(500)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@dataclass
class World:
    """The edge in front of a slot, who must not be reached, and a file that must not be made."""

    edge: stand_in.Edge
    slot: Slot
    reached: list[str]
    address: str
    marker: pathlib.Path

    def ask(self, one: dict[str, Any]) -> int:
        """The status of a request of advisories.toml."""
        body = one.get("body", "").replace("{reached}", self.address).replace("{marker}", str(self.marker)).encode()
        headers = {"Host": "gateway", "Content-Type": "application/json", **one.get("headers", {})}
        if one.get("key"):
            headers["Authorization"] = f"Bearer {KEY}"
        lines = [f"{one.get('method', 'POST')} {one['path']} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        return self.edge.raw("\r\n".join([*lines, "", ""]).encode() + body).status

    def callbacks(self) -> object:
        """What LiteLLM calls for each request, of whatever client."""
        answer = self.slot.request("GET", "/active/callbacks", MASTER_KEY)
        assert answer.status == 200
        return answer.body


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    folder, redis, seen = tmp_path_factory.mktemp("advisories"), Redis(free_port()), cast("list[str]", [])
    redis.start()
    handler = type("OfThisTest", (Reached,), {"seen": seen})
    elsewhere = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    with engine() as port:
        row = plan(port, redis.port, {"replay": {}}, ["alpha"])
        slot = Slot(python, row, {"AI_BACKEND_CLIENT_REPLAY": KEY}, 1, folder / "blue")
        edge = None
        try:
            slot.wait()
            # LiteLLM adds callbacks of its own at the first request.
            slot.ask(MASTER_KEY)
            place = SimpleNamespace(where=f"unix@{slot.socket}")
            edge = stand_in.Edge(folder, cast("stand_in.Slot", place))
            address = f"http://127.0.0.1:{elsewhere.server_port}/v1"
            yield World(edge, slot, seen, address, folder / "marker")
        finally:
            if edge:
                edge.stop()
            slot.stop()
            redis.kill()
            elsewhere.shutdown()


def test_a_client_is_answered_by_the_same_edge_and_gateway(world: World) -> None:
    """Else each refusal would prove nothing."""
    body = '{"model": "alpha", "messages": [{"role": "user", "content": "x"}]}'
    assert world.ask({"path": "/v1/chat/completions", "key": True, "body": body}) == 200
    assert world.slot.request("GET", "/key/list", MASTER_KEY).status != 404, "the path exists behind the edge"


@pytest.mark.parametrize("advisory", ADVISORIES, ids=lambda advisory: advisory["ids"][0])
def test_an_advisory_has_no_effect(world: World, advisory: dict[str, Any]) -> None:
    before = world.callbacks()
    assert {world.ask(one) for one in advisory["ask"]} == {advisory["answer"]}
    assert not world.marker.exists()
    assert (world.reached, world.callbacks()) == ([], before)


@pytest.mark.parametrize("advisory", ADVISORIES, ids=lambda advisory: advisory["ids"][0])
def test_an_advisory_that_needs_a_key_is_refused_without_one(world: World, advisory: dict[str, Any]) -> None:
    asked = [{**one, "key": False} for one in advisory["ask"]]
    assert {world.ask(one) for one in asked} <= {401, 404}


def test_the_documentation_names_the_same_advisories_and_answers() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| ((?:CVE|GHSA|PYSEC)-[^|]+) \| ([^|]+) \| (\d+) \|$", page, re.M)
    assert [(ids.split(", "), what, int(answer)) for ids, what, answer in rows] == [
        (advisory["ids"], advisory["what"], advisory["answer"]) for advisory in ADVISORIES
    ]
