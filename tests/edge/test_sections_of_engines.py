"""The way to an engine of the host: it listens on a Unix socket, and the edge has its port."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import pathlib
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.edge import places_of
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from stand_in import Answer, Slot, free_port, gateway_row, listens, rendered, started, until

ENGINE = "llama-cpp@native"


class Handler(BaseHTTPRequestHandler):
    """A llama-server that answers with its own name, and 503 while it loads."""

    server: Any

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(503 if self.server.loading else 200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"socket")

    def address_string(self) -> str:
        return "the edge"

    def log_message(self, *_: Any) -> None:
        """It writes no log."""


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An engine on a Unix socket."""

    daemon_threads = True

    def __init__(self, path: pathlib.Path, loading: bool = False) -> None:
        super().__init__(str(path), Handler)
        self.asked: list[str] = []
        self.loading = loading
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Way:
    """An edge with one engine, which is not started."""

    def __init__(self, folder: pathlib.Path, shared: bool = False, before: str = "", paths: Sequence[str] = ()) -> None:
        self.path, self.port, self.admin = folder / "http.sock", free_port(), folder / "admin.sock"
        row = gateway_row({})
        row["config"]["gateway"] = None
        (section,) = [one for one in row["config"]["published"] if one["name"] == "native"]
        section |= {"to": f"unix@{self.path}", "port": self.port} | ({"retries": 0} if shared else {})
        section |= {"paths": list(paths)} if paths else {}
        row["config"]["published"] = [section]
        self.process = started(folder, rendered(folder, row, serving={ENGINE: before} if before else None))
        until(lambda: listens(("127.0.0.2", self.port)), folder / "log", self.process)

    def ask(self, path: str = "/v1/models") -> Answer:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.2", self.port, timeout=30)) as asked:
            asked.request("GET", path)
            return Answer(asked.getresponse())

    def until(self, good: Callable[[Answer], bool]) -> Answer:
        """The first good answer within five seconds."""
        end = time.monotonic() + 5
        while not good(answer := self.ask()):
            assert time.monotonic() < end, (answer.status, answer.body)
            time.sleep(0.05)
        return answer

    def order(self, words: str) -> None:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.admin))
            admin.sendall(words.encode() + b"\n")
            assert admin.recv(1000).strip() == b""


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    """The path of a socket has 107 bytes at most, which the folder of a test may exceed."""
    with tempfile.TemporaryDirectory(prefix="edge-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def way(folder: pathlib.Path) -> Iterator[Any]:
    """Starts an edge."""
    running: list[subprocess.Popen[bytes]] = []

    def start(**options: Any) -> Way:
        found = Way(folder, **options)
        running.append(found.process)
        return found

    yield start
    for process in running:
        process.terminate()
        process.wait()


def test_it_is_asked_at_its_socket(way: Any) -> None:
    edge = way()
    engine = Engine(edge.path)
    assert (edge.ask().body, engine.asked) == (b"socket", ["/health", "/v1/models"])


def test_paths_for_which_it_asks_no_key_are_closed(way: Any) -> None:
    edge = way(paths=["/health", "/v1/"])
    engine = Engine(edge.path)
    assert [edge.ask(path).status for path in ("/health", "/v1/models", "/v1/chat/completions?x=1")] == [200] * 3
    closed = (
        "/metrics",
        "/invocations",
        "/docs",
        "/",
        "/v1",
        "//v1/models",
        "/V1/models",
        "/health/",
        "/healthy",
        "/?/v1/",
    )
    assert [edge.ask(path).status for path in closed] == [404] * len(closed)
    assert not set(engine.asked) & set(closed)


def test_a_request_waits_for_one_that_is_not_there_yet(way: Any) -> None:
    edge = way()
    with concurrent.futures.ThreadPoolExecutor() as clients:
        asked = clients.submit(edge.ask)
        time.sleep(1)
        assert not asked.done()
        Engine(edge.path)
        assert asked.result().body == b"socket"


def test_and_for_one_that_loads_its_model(way: Any) -> None:
    edge = way()
    engine = Engine(edge.path, loading=True)
    with concurrent.futures.ThreadPoolExecutor() as clients:
        asked = clients.submit(edge.ask)
        time.sleep(1)
        assert (asked.done(), set(engine.asked)) == (False, {"/health"})
        engine.loading = False
        assert asked.result().body == b"socket"


def test_one_that_does_not_come_is_given_up_after_ten_seconds(way: Any) -> None:
    edge, began = way(), time.monotonic()
    answer = edge.ask()
    assert (answer.status, answer.problem()["message"]) == (503, "native is not up")
    assert 9 < time.monotonic() - began < 12


def test_nobody_waits_for_one_that_others_can_stand_in_for(way: Any) -> None:
    answer = way(shared=True).ask()
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.problem()["message"] == "native is not up"


def test_an_older_release_is_asked_on_its_port_until_it_is_switched(way: Any, slot: Slot) -> None:
    """No request is lost when it ends there and begins at its socket: they wait."""
    edge = way(before=slot.where)
    assert (edge.ask().body, len(slot.seen)) == (b"{}", 2)
    answers: list[Answer] = []
    over = threading.Event()

    def client() -> None:
        while not over.is_set():
            answers.append(edge.ask())

    asking = threading.Thread(target=client)
    asking.start()
    time.sleep(0.5)
    slot.shutdown()
    slot.server_close()
    time.sleep(1)
    Engine(edge.path)
    time.sleep(1)
    over.set()
    asking.join()
    assert {answer.status for answer in answers} == {200}
    assert (answers[0].body, answers[-1].body) == (b"{}", b"socket")


def ends_with(older: socket.socket, answers: list[bytes]) -> threading.Thread:
    """An older release that gives these answers to what it is asked, and listens no longer with the last of them.

    HAProxy's own checks only connect.
    """

    def serve() -> None:
        left = list(answers)
        while left:
            connection = older.accept()[0]
            with connection:
                if connection.recv(1000):
                    if len(left) == 1:
                        older.close()
                    connection.sendall(left.pop(0))

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


LOOK = b"HTTP/1.0 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("last", "attempts"),
    [([b""], 1), ([LOOK], 2), ([LOOK, b""], 2)],
    ids=["while looked at", "after the look", "at work"],
)
def test_a_request_that_meets_its_end_waits_too(way: Any, last: list[bytes], attempts: int) -> None:
    older = socket.create_server(("127.0.0.1", 0))
    edge = way(before=f"127.0.0.1:{older.getsockname()[1]}")
    ending = ends_with(older, last)
    with concurrent.futures.ThreadPoolExecutor() as clients:
        asked = clients.submit(edge.ask)
        ending.join()
        time.sleep(2)
        assert not asked.done()
        engine = Engine(edge.path)
        assert asked.result().body == b"socket"
    log = edge.path.parent / "log"
    # The line of an attempt is written after its answer.
    until(lambda: log.read_text().count(" native native/") >= attempts, log)
    assert (log.read_text().count(" native native/"), engine.asked.count("/v1/models")) == (attempts, 1)


class Mortal(Engine):
    """An engine that each question ends, after a moment in which it is not there it is back."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(OSError):
            if b"/health" in request.recv(10_000):
                request.sendall(LOOK)
            else:
                self.asked.append("")


def test_a_request_that_ends_the_engine_is_given_to_it_twice(way: Any) -> None:
    edge = way()
    engine = Mortal(edge.path)
    assert (edge.ask().status, len(engine.asked)) == (503, 2)


def test_a_rollback_reads_from_the_configuration_where_it_is_asked(tmp_path: pathlib.Path) -> None:
    layout, socket_ = Layout(str(tmp_path)), f"unix@{Layout().socket(ENGINE)}"
    file = pathlib.Path(layout.release("edge", "one"), "files", "haproxy.cfg")
    file.parent.mkdir(parents=True)
    for serving, places in (({}, {socket_}), ({ENGINE: "127.0.0.1:8080"}, {socket_, "127.0.0.1:8080"})):
        file.write_text(rendered(tmp_path, gateway_row({}), serving=serving))
        assert places_of(layout, "one", "native") == places
        assert places_of(layout, "one", "redis") == {f"unix@{Layout().socket('redis', 'redis')}"}
        assert places_of(layout, "one", "nobody") == set()


def test_while_it_leaves_its_port_out_of_rotation_the_socket_is_not_asked_in_vain(way: Any, slot: Slot) -> None:
    edge = way(shared=True, before=slot.where)
    edge.order("set server native/local state drain")
    # Until the edge has looked once, it takes the socket for one that answers.
    answer = edge.until(lambda found: found.headers["retry-after"] == "1")
    assert (answer.status, answer.problem()["message"]) == (503, "native is out of rotation while it restarts")
    Engine(edge.path)
    assert edge.until(lambda found: found.status == 200).body == b"socket"
