"""The command `ai-backend`: exit codes, words where there is nothing, and no key of others in the cache."""

from __future__ import annotations

import fnmatch
import json
import pathlib
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from host_stand_in import FakeSystemctl

from ansible_collections.lab.ai_backend.plugins.module_utils.host.haproxy import AdminSocket
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.records import cache
from ansible_collections.lab.ai_backend.plugins.module_utils.records.asking import EDGE_TIMES, hops, lines
from ansible_collections.lab.ai_backend.plugins.module_utils.records.command import main
from ansible_collections.lab.ai_backend.plugins.module_utils.records.looking import Look
from ansible_collections.lab.ai_backend.plugins.module_utils.records.screen import frame

PASSWORD = "of-the-test"  # pragma: allowlist secret


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    return Host(Layout(str(tmp_path)), Systemd(FakeSystemctl()), AdminSocket(str(tmp_path / "admin.sock")))


def put(host: Host, *records: dict[str, Any]) -> None:
    path = pathlib.Path(host.layout.records)
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in records))


RECORD = {"time": "2026-11-30T15:00:00.000Z", "id": "r1", "model": "alpha", "status": 200, "duration_ms": 5.0}


@pytest.mark.parametrize("verb", [["requests"], ["ask", "--model", "x"], ["cache", "stats"], ["top", "--json"]])
def test_a_host_without_a_gateway_is_told_in_words(
    host: Host, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(host, verb) == 1
    told = capsys.readouterr()
    assert "ai-backend: no gateway serves on this host" in told.err
    assert "Traceback" not in told.err
    if "--json" in verb:
        assert "no gateway" in json.loads(told.out)["problem"]


@pytest.mark.parametrize(
    "words",
    [[], ["requests", "--since", "soon"], ["requests", "--last", "0"], ["cache"], ["cache", "keys", "x"], ["ask"]],
)
def test_wrong_words_end_with_2(host: Host, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(host, words)
    assert ended.value.code == 2


@pytest.mark.parametrize("words", [[], ["requests"], ["ask"], ["cache"], ["top"]])
def test_help_has_examples(host: Host, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(host, [*words, "--help"])
    assert ended.value.code == 0
    assert "examples:\n  ai-backend " in capsys.readouterr().out


def test_requests_are_shown_and_nothing_found_is_1(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    put(host, RECORD, {**RECORD, "id": "r2", "model": "beta"})
    assert main(host, ["requests", "--model", "beta", "--json"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["r2"]
    assert main(host, ["requests", "--model", "gamma"]) == 1
    assert "no request fits" in capsys.readouterr().err
    assert main(host, ["requests", "--summary"]) == 0
    assert "by model" in capsys.readouterr().out


def test_a_flush_without_yes_deletes_nothing(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(host, ["cache", "flush"]) == 2
    assert "add --yes" in capsys.readouterr().err


# -- the cache


class Handler(socketserver.StreamRequestHandler):
    """As much of Redis as is asked, and what was asked of it."""

    server: Server

    def handle(self) -> None:
        """A connection."""
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2])
            self.wfile.write(self.reply(words))

    def reply(self, words: list[bytes]) -> bytes:
        """The answer to a command."""
        name, *rest = words
        kept = self.server.kept
        self.server.asked.append(name.decode())
        if name == b"AUTH":
            return b"+OK\r\n" if rest == [b"gateway", PASSWORD.encode()] else b"-WRONGPASS invalid\r\n"
        if name == b"SCAN":
            pattern = rest[2].decode().replace("\\.", ".")
            keys = [key for key in kept if fnmatch.fnmatch(key, pattern)]
            half = len(keys) // 2
            some, cursor = (keys[:half], b"7") if rest[0] == b"0" else (keys[half:], b"0")
            items = b"".join(b"$%d\r\n%s\r\n" % (len(key), key.encode()) for key in some)
            return b"*2\r\n$1\r\n%s\r\n*%d\r\n%s" % (cursor, len(some), items)
        if name == b"GET":
            value = kept.get(rest[0].decode(), "").encode()
            return b"$%d\r\n%s\r\n" % (len(value), value)
        if name == b"UNLINK":
            return b":%d\r\n" % sum(kept.pop(key.decode(), None) is not None for key in rest)
        if name == b"INFO":
            text = b"# Stats\r\nkeyspace_hits:3\r\nkeyspace_misses:1\r\nused_memory:1000"
            return b"$%d\r\n%s\r\n" % (len(text), text)
        return b":60\r\n" if name == b"TTL" else b"+OK\r\n"


class Server(socketserver.ThreadingTCPServer):
    """The server of that."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        kept = {f"lab.ai:{number}": json.dumps({"response": json.dumps({"model": "alpha"})}) for number in range(5)}
        kept |= {"lab.ai:beta": json.dumps({"response": {"model": "beta"}}), "lab.ai:odd": "{"}
        self.kept = {**kept, "other:1": "not ours", "labxai:1": "not ours either"}
        self.asked: list[str] = []


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def redis(server: Server, password: str = PASSWORD) -> cache.Redis:
    where = {
        "host": "127.0.0.1",
        "port": server.server_address[1],
        "db": 1,
        "namespace": "lab.ai",
        "username": "gateway",
    }
    return cache.Redis(where, password)


def test_the_cache_is_counted_and_listed_in_its_own_namespace(server: Server) -> None:
    one = redis(server)
    numbers = cache.stats(one)
    assert (numbers["keys"], numbers["hit_ratio"], numbers["memory_bytes"]) == (7, 0.75, 1000)
    rows = list(cache.entries(one))
    assert [row["model"] for row in rows] == ["alpha"] * 5 + ["beta", None]
    assert [row["key"] for row in cache.entries(one, "beta")] == ["lab.ai:beta"]
    assert "KEYS" not in server.asked


def test_a_flush_takes_one_model_or_all_and_nothing_of_others(server: Server) -> None:
    one = redis(server)
    assert cache.flush(one, "beta") == 1
    assert cache.flush(one) == 6
    assert cache.flush(one) == 0
    assert set(server.kept) == {"other:1", "labxai:1"}
    assert not {"FLUSHDB", "FLUSHALL", "KEYS"} & set(server.asked)


def test_a_redis_that_refuses_or_is_away_is_told_without_the_password(server: Server) -> None:
    with pytest.raises(cache.CacheError, match="refuses: WRONGPASS") as refused:
        redis(server, "wrong-password")
    assert "wrong-password" not in str(refused.value)
    away = {"host": "127.0.0.1", "port": 1, "db": 1, "namespace": "x", "username": "gateway"}
    with pytest.raises(cache.CacheError, match="does not answer"):
        cache.Redis(away, PASSWORD)


# -- one question


def test_hops_add_up_to_the_whole() -> None:
    edge = {"request": 0, "queue": 0, "connect": 1, "response": 95, "total": 98}
    record = {"duration_ms": 90.0, "overhead_ms": 15.0, "provider": "local"}
    found = hops(100.0, edge, record)
    assert [one["hop"] for one in found] == ["client to edge", "edge", "gateway", "engine of local"]
    assert sum(one["ms"] for one in found) == 100.0
    assert [one["hop"] for one in hops(100.0, None, record)] == ["client and edge", "gateway", "engine of local"]
    assert hops(100.0, None, None) == []


def test_the_times_of_the_edge_are_read_from_its_line() -> None:
    line = (
        "127.0.0.1:51234 [30/Nov/2026:15:00:00.000] gateway litellm_blue/blue 0/0/1/95/98 200 512 - - ---- "
        '1/1/0/0/0 0/0 "POST /v1/chat/completions HTTP/1.1" ask-7'
    )
    match = EDGE_TIMES.search(line)
    assert match is not None
    assert match.groups() == ("0", "0", "1", "95", "98")


def test_an_answer_that_is_shown_changes_no_terminal() -> None:
    found = {"status": 200, "total_ms": 5.0, "id": "ask-1", "edge": None, "gateway": None, "hops": [], "error": None}
    assert lines({**found, "answer": "one\n\x1b[2Jtwo"})[-1] == "one\n?[2Jtwo"


# -- the screen


def seen(models: int = 3, providers: int = 2, **more: Any) -> Look:
    row = {"minute": 4, "requests": 60, "errors": 2, "went_on": 1, "p50_ms": 120.4, "ttft_p50_ms": None}
    found: Any = {
        "time": 0.0,
        "records": "",
        "slots": [
            {"slot": "blue", "serves": True, "state": "active (running)", "release": "3f2a" * 4},
            {"slot": "green", "serves": False, "state": "inactive", "release": ""},
        ],
        "providers": [{**row, "name": f"engine_{number}", "breaker": "closed"} for number in range(providers)],
        "models": [{**row, "name": f"model-{number}-" + "x" * 40} for number in range(models)],
        "cards": ["RTX 4090  87 %  20123 of 24564 MiB  71 C"],
        "changes": [{"generation": 7, "created": "2026-11-30T15:00:00Z", "complete": False, "summary": "litellm"}],
    }
    return {**found, **more}


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (40, 10), (10, 3)])
@pytest.mark.parametrize("many", [0, 3, 300])
def test_a_screen_fits(width: int, height: int, many: int) -> None:
    lines = frame(seen(many, many), width, height)
    assert len(lines) == height
    assert max(map(len, lines)) < width
    assert lines[-1] == "q quits"[: width - 1]


def test_80_by_24_shows_all_there_is() -> None:
    text = "\n".join(frame(seen(many := 30, 20), 80, 24))
    for words in (
        "blue (serves)",
        "engine_0",
        "closed",
        "model-0",
        "RTX 4090",
        "   7  2026-11-30T15:00",
        "not complete",
    ):
        assert words in text
    shown = text.count("model-")
    assert f"and {many - shown} more" in text


def test_a_screen_without_requests_tells_so() -> None:
    text = "\n".join(frame(seen(0, 0, slots=[], cards=[], changes=[], records="there are no records yet"), 80, 24))
    assert "slots: none" in text
    assert "there are no records yet" in text
    assert "no requests in the last 15 minutes" in text
