"""Engines that a request wakes, of which one of a group is in memory at a time: who waits, and who is asked."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from stand_in import Answer, free_port, gateway_row, listens, rendered, started, until

MEMBERS = ("one", "two", "three")


class Handler(BaseHTTPRequestHandler):
    """An engine that answers each question with its own name."""

    server: Any

    def do_GET(self) -> None:
        self.server.looks.append(self.path)
        self.reply(503 if self.server.loading else 200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.host.begun(self.server.name)
        time.sleep(float(self.headers.get("X-Seconds") or 0))
        # Before: once the edge has the answer, another engine may start, and this thread may run later.
        self.server.host.ended(self.server.name)
        self.reply(200)

    def reply(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(self.server.name)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):
            self.wfile.write(self.server.name.encode())

    def address_string(self) -> str:
        return "the edge"

    def log_message(self, *_: Any) -> None:
        """It writes no log."""


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An engine in memory."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(str(host.own(name)), Handler)
        self.host, self.name, self.loading = host, name, False
        self.looks: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        os.unlink(str(self.server_address))


class Host:
    """What systemd does: a connection where it listens for an engine starts that one, and stops the others."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.engines: dict[str, Engine] = {}
        self.start_seconds, self.broken = 0.2, set[str]()
        # What happened, in order: `starts one`, `asks one`.
        self.events: list[str] = []
        self.open = dict.fromkeys(MEMBERS, 0)
        self.cut: list[str] = []
        self.lock, self.counting = threading.Lock(), threading.Lock()
        for name in MEMBERS:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(self.wake(name)))
            listener.listen(128)
            threading.Thread(target=self.serve, args=(name, listener), daemon=True).start()

    def own(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.sock"

    def wake(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.wake"

    def begun(self, name: str) -> None:
        self.events.append(f"asks {name}")
        with self.counting:
            self.open[name] += 1

    def ended(self, name: str) -> None:
        with self.counting:
            self.open[name] -= 1

    def serve(self, name: str, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            with self.lock:
                self.start(name)
            threading.Thread(target=self.proxy, args=(name, connection), daemon=True).start()

    def start(self, name: str) -> None:
        if name in self.engines or name in self.broken:
            return
        for other in list(self.engines):
            self.cut += [other] if self.open[other] else []
            self.engines.pop(other).stop()
        self.events.append(f"starts {name}")
        time.sleep(self.start_seconds)
        self.engines[name] = Engine(self, name)

    def proxy(self, name: str, connection: socket.socket) -> None:
        with contextlib.closing(connection), socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect(str(self.own(name)))
            back = threading.Thread(target=self.copy, args=(engine, connection), daemon=True)
            back.start()
            self.copy(connection, engine)
            back.join()

    def copy(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := here.recv(65536):
                there.sendall(piece)
            there.shutdown(socket.SHUT_WR)

    @property
    def starts(self) -> list[str]:
        return [event.removeprefix("starts ") for event in self.events if event.startswith("starts ")]


class Way:
    """An edge in front of the engines of one group."""

    def __init__(
        self,
        host: Host,
        least: float = 0,
        most: int = 30,
        members: tuple[str, ...] = MEMBERS,
        leaves: bool = False,
        shared: bool = False,
    ) -> None:
        self.host, folder = host, host.folder
        row = gateway_row({})
        row["config"]["gateway"] = None
        (section,) = [one for one in row["config"]["published"] if one["name"] == "native"]
        self.ports = {name: free_port() for name in members}
        peers = {name: f"unix@{host.own(name)}" for name in members}
        turns = {"group": "gpu0", "peers": peers, "health": "/health", "min_resident": least, "max_wait": most}
        row["config"]["published"] = [
            {
                **section,
                "name": name,
                "instance": f"llama-cpp@{name}",
                "to": f"unix@{host.wake(name)}",
                "port": port,
                "turns": turns,
                "retries": 0 if shared else 10,
            }
            for name, port in self.ports.items()
        ]
        leaving = row["config"]["published"] if leaves else []
        row["config"]["published"] = [] if leaves else row["config"]["published"]
        self.process = started(folder, rendered(folder, row, leaving=leaving))
        until(lambda: listens(("127.0.0.2", max(self.ports.values()))), folder / "log", self.process)

    def order(self, words: str) -> None:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.host.folder / "admin.sock"))
            admin.sendall(words.encode() + b"\n")
            assert admin.recv(1000).strip() == b""

    def ask(self, name: str, seconds: float = 0, method: str = "POST", **headers: str) -> Answer:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.2", self.ports[name], timeout=60)) as asked:
            asked.request(method, "/v1/x", b"{}" if method == "POST" else None, {"X-Seconds": str(seconds), **headers})
            return Answer(asked.getresponse())


@pytest.fixture
def host() -> Iterator[Host]:
    """The path of a socket has 107 bytes at most, which the folder of a test may exceed."""
    with tempfile.TemporaryDirectory(prefix="turns-") as name:
        yield Host(pathlib.Path(name))


@pytest.fixture
def way(host: Host) -> Iterator[Any]:
    """Starts an edge."""
    running: list[subprocess.Popen[bytes]] = []

    def start(**options: Any) -> Way:
        found = Way(host, **options)
        running.append(found.process)
        return found

    yield start
    for process in running:
        process.terminate()
        process.wait()


@pytest.fixture
def clients() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        yield pool


def test_a_question_wakes_its_engine_and_each_model_answers_as_itself(way: Any, host: Host) -> None:
    edge = way()
    answers = [edge.ask(name).body.decode() for name in ("one", "one", "two", "one")]
    assert (answers, host.starts) == (["one", "one", "two", "one"], ["one", "two", "one"])


def test_one_that_the_plan_no_longer_has_is_woken_until_the_gateway_leaves_it(way: Any, host: Host) -> None:
    """HAProxy refused the configuration, because only the plan's own sections loaded what decides the turns."""
    assert way(leaves=True).ask("one").body == b"one"


def test_a_look_wakes_nobody(way: Any, host: Host) -> None:
    edge = way()
    answer = edge.ask("one", method="GET")
    assert (answer.status, answer.problem()["message"]) == (503, "one is asleep")
    assert (answer.headers["x-ai-backend-state"], host.events) == ("asleep", [])
    edge.ask("one")
    assert edge.ask("one", method="GET").body == b"one"
    assert edge.ask("two", method="GET").status == 503


def test_an_open_answer_ends_before_another_takes_the_place(way: Any, host: Host, clients: Any) -> None:
    edge = way()
    edge.ask("one")
    slow = clients.submit(edge.ask, "one", 2)
    time.sleep(0.5)
    began = time.monotonic()
    assert edge.ask("two").body == b"two"
    assert (slow.result().body, host.cut) == (b"one", [])
    assert time.monotonic() - began > 1.4


def test_who_came_later_for_the_same_engine_does_not_keep_the_others_waiting(
    way: Any, host: Host, clients: Any
) -> None:
    """Without an order a busy model would never leave."""
    edge = way()
    edge.ask("one")
    over = threading.Event()

    def busy() -> set[int]:
        found = set()
        while not over.is_set():
            found.add(edge.ask("one", 0.1).status)
        return found

    users = [clients.submit(busy) for _ in range(4)]
    time.sleep(0.5)
    began = time.monotonic()
    assert edge.ask("two").body == b"two"
    waited = time.monotonic() - began
    over.set()
    assert ({status for user in users for status in user.result()}, host.cut) == ({200}, [])
    assert waited < 10


def test_a_turn_that_was_given_is_not_given_back(way: Any, host: Host, clients: Any) -> None:
    """The one that waited first did not know of it yet, and one of the others took it: for up to 22 seconds."""
    edge = way()
    edge.ask("one")
    slow = clients.submit(edge.ask, "one", 2)
    time.sleep(0.5)
    asked = [clients.submit(edge.ask, "two")]
    time.sleep(0.5)
    for _ in range(12):
        # Each looks at another moment.
        asked.append(clients.submit(edge.ask, "one"))
        time.sleep(0.007)
    assert [answer.result().body for answer in (slow, *asked)] == [b"one", b"two"] + [b"one"] * 12
    assert host.events == ["starts one", *["asks one"] * 2, "starts two", "asks two", "starts one", *["asks one"] * 12]


def test_one_stays_for_its_least_time(way: Any, host: Host) -> None:
    edge = way(least=3)
    edge.ask("one")
    began = time.monotonic()
    edge.ask("two")
    assert 2.5 < time.monotonic() - began < 4.5


def test_a_proof_does_not_wait_for_the_least_time(way: Any, host: Host) -> None:
    edge = way(least=20)
    edge.ask("one")
    began = time.monotonic()
    answer = edge.ask("two", method="GET", **{"X-AI-Backend-Turn": "now"})
    assert (answer.body, time.monotonic() - began < 3) == (b"two", True)


def test_many_questions_over_all_models_at_once_are_all_answered(way: Any, host: Host, clients: Any) -> None:
    edge = way(least=1)
    wanted = [MEMBERS[number % 3] for number in range(90)]
    answers = list(clients.map(lambda name: edge.ask(name, 0.02), wanted))
    assert [(answer.status, answer.body.decode()) for answer in answers] == [(200, name) for name in wanted]
    assert host.cut == []
    # Each stays for a second, so a question for another does not start one each time.
    assert len(host.starts) < 12, host.starts


def test_who_waits_too_long_is_told_when_to_come_again_and_the_others_go_on(way: Any, host: Host, clients: Any) -> None:
    edge = way(most=2)
    edge.ask("one")
    slow = clients.submit(edge.ask, "one", 5)
    time.sleep(0.3)
    began = time.monotonic()
    answer = edge.ask("two")
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert 1.8 < time.monotonic() - began < 3
    assert edge.ask("one").body == b"one"
    assert (slow.result().body, host.starts) == (b"one", ["one"])


def test_a_client_that_leaves_while_it_waits_holds_nobody(way: Any, host: Host, clients: Any) -> None:
    edge = way()
    edge.ask("one")
    slow = clients.submit(edge.ask, "one", 8)
    time.sleep(0.3)
    with socket.create_connection(("127.0.0.2", edge.ports["two"])) as gone:
        gone.sendall(b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        time.sleep(0.3)
    began = time.monotonic()
    assert edge.ask("one").body == b"one"
    assert time.monotonic() - began < 5
    assert slow.result().body == b"one"


def test_an_engine_that_does_not_start_is_given_up_and_the_others_serve(way: Any, host: Host) -> None:
    edge = way()
    host.broken.add("two")
    began = time.monotonic()
    answer = edge.ask("two")
    assert answer.status == 503
    assert 9 < time.monotonic() - began < 14
    assert edge.ask("one").body == b"one"


def test_requests_wait_for_one_that_restarts(way: Any, host: Host, clients: Any) -> None:
    edge = way()
    edge.ask("one")
    edge.order("set server one/local state drain")
    asked = clients.submit(edge.ask, "one")
    time.sleep(1)
    assert not asked.done()
    edge.order("set server one/local state ready")
    assert asked.result().body == b"one"


def test_a_proof_wakes_one_that_is_out_of_rotation(way: Any, host: Host) -> None:
    """The release of before was never proven again: it slept, and what would have woken it waited for the proof."""
    edge = way()
    edge.order("set server one/local state drain")
    assert edge.ask("one", method="GET", **{"X-AI-Backend-Turn": "now"}).status == 503
    assert host.starts == ["one"]


def test_one_that_others_stand_in_for_is_refused_while_it_restarts(way: Any, host: Host) -> None:
    edge = way(shared=True)
    edge.order("set server one/local state drain")
    answer = edge.ask("one")
    assert (answer.status, answer.headers["retry-after"], host.starts) == (503, "1", [])


def test_a_new_edge_finds_who_is_awake(way: Any, host: Host) -> None:
    host.start("two")
    edge = way(least=3)
    assert edge.ask("two").body == b"two"
    assert host.starts == ["two"]


def test_one_that_ended_while_nobody_asked_is_woken_again(way: Any, host: Host) -> None:
    edge = way()
    edge.ask("one")
    host.engines.pop("one").stop()
    assert edge.ask("one").body == b"one"
    assert host.starts == ["one", "one"]


def test_alone_in_its_group_it_only_wakes(way: Any, host: Host) -> None:
    edge = way(members=("one",))
    assert [edge.ask("one").body for _ in range(3)] == [b"one"] * 3
    assert host.starts == ["one"]
