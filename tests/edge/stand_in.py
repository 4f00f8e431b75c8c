"""A real HAProxy with the edge's configuration as a host gets it, and a stand-in behind it that notes what arrives."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jinja2
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan
from toolcache import ROOT

HAPROXY = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
ROLE = ROOT / "roles" / "edge"
KEY = {"Authorization": "Bearer sk-test"}
CHAT = "/v1/chat/completions"
# What the tests need not wait for in full: seconds of a whole body, in the configuration and here.
BODY_SECONDS, BODY_SECONDS_HERE = 10, 1


def own_address() -> str:
    """An address of this machine that is not loopback: who comes from there is a stranger to the edge."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: the system says which address it would send from.
        probe.connect(("192.0.2.1", 9))
        address = str(probe.getsockname()[0])
    assert not address.startswith("127."), "these tests need an address of this machine besides loopback"
    return address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Slot(http.server.ThreadingHTTPServer):
    """Answers like LiteLLM, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        # As the configuration writes it.
        self.where = f"127.0.0.1:{self.server_port}"
        # One entry for each request: {method, path, headers, body = bytes read}.
        self.seen: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.status = 200
        # Seconds before the first byte of the answer, and between its ten pieces.
        self.wait = self.gap = 0.0
        # Seconds before it reads a body, and whether its answer is none.
        self.stall, self.nonsense = 0.0, False
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is what many tests want."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of the stand-in."""

    protocol_version = "HTTP/1.1"
    server: Slot

    def log_message(self, *_: Any) -> None:
        """It writes no log."""

    def answer(self) -> None:
        entry = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": 0}
        self.server.seen.append(entry)
        time.sleep(self.server.stall)
        for length in self.pieces():
            entry["body"] += length
        time.sleep(self.server.wait)
        if self.server.nonsense:
            self.wfile.write(b"nonsense\r\n\r\n")
            self.close_connection = True
            return
        self.send_response_only(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in [b"{}"] if not self.server.gap else [b"data: x\n\n"] * 3:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(self.server.gap)
        self.wfile.write(b"0\r\n\r\n")

    def __getattr__(self, name: str) -> Any:
        """The library looks for do_GET and its like."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def pieces(self) -> Iterator[int]:
        """The lengths of what comes of the body."""
        if self.headers.get("Transfer-Encoding"):
            while length := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                yield len(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
        left = int(self.headers.get("Content-Length") or 0)
        while left and (piece := self.rfile.read1(min(left, 65536))):
            left -= len(piece)
            yield len(piece)


def deny_write_execute() -> None:
    """As the unit's MemoryDenyWriteExecute: nothing becomes machine code (Linux 6.3 and later, before it nothing)."""
    ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)


def started(folder: pathlib.Path, configuration: str) -> subprocess.Popen[bytes]:
    """A HAProxy with a configuration, in a folder where it writes its log."""
    path = folder / "haproxy.cfg"
    path.write_text(configuration)
    with (folder / "log").open("w") as log:
        argv = [HAPROXY or "haproxy", "-db", "-f", str(path)]
        return subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, preexec_fn=deny_write_execute)


def listens(address: tuple[str, int]) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(address):
        return True
    return False


def until(condition: Callable[[], Any], log: pathlib.Path, process: subprocess.Popen[bytes] | None = None) -> Any:
    """Poll until something holds, and return it; fail with the log after ten seconds, or once the process has ended."""
    end = time.monotonic() + 10
    while not (found := condition()):
        assert process is None or process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)
    return found


class Edge:
    """A running HAProxy."""

    def __init__(self, folder: pathlib.Path, slot: Slot, **gateway: Any) -> None:
        self.folder, self.slot, self.port, self.address = folder, slot, free_port(), own_address()
        self.log, self.bind = folder / "log", gateway.get("bind", "127.0.0.1")
        self.process = started(folder, configuration_of(folder, slot.where, self.port, gateway))
        until(self.listens, self.log, self.process)

    def listens(self) -> bool:
        # Made after the others.
        if not (self.folder / "admin.sock").exists():
            return False
        return any(listens((there, self.port)) for there in ("127.0.0.1", self.bind))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def connect(self, operator: bool = False, tls: ssl.SSLContext | None = None) -> socket.socket:
        """A connection of a stranger, or of one who works on the host itself."""
        there = "127.0.0.1" if operator else self.address
        plain = socket.create_connection((there, self.port), timeout=30)
        return tls.wrap_socket(plain) if tls else plain

    def ask(self, path: str, method: str = "GET", **options: Any) -> Answer:
        """One request. `headers` are the client's, with a key if none are given; `body` and `operator` as they say.

        `to` is the address to ask; a client has the same one.
        """
        host = options.get("to") or ("127.0.0.1" if options.get("operator") else self.address)
        connection = http.client.HTTPConnection(host, self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, options.get("body"), options.get("headers", KEY))
            return Answer(connection.getresponse())

    def raw(self, text: bytes, **options: Any) -> Answer:
        """What comes of bytes as they are."""
        with contextlib.closing(self.connect(**options)) as connection:
            connection.sendall(text)
            return answer_on(connection)

    def logged(self, pattern: str) -> list[str]:
        """Lines of the log that match, once there is one."""
        found: list[str] = until(
            lambda: [line for line in self.log.read_text().splitlines() if re.search(pattern, line)], self.log
        )
        return found


class Answer:
    """An answer, read to its end."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    @property
    def names(self) -> set[str]:
        return {name.lower() for name in self.headers}

    def problem(self) -> dict[str, Any]:
        """The error of an answer that the edge made, in OpenAI's shape."""
        assert self.headers["content-type"] == "application/json", self.body
        error: dict[str, Any] = json.loads(self.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["code"] == str(self.status) and error["message"] and error["type"]
        assert "server" not in self.names
        return error


def answer_on(connection: socket.socket) -> Answer:
    """The answer that comes on a connection."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return Answer(answer)


def gateway_row(gateway: dict[str, Any]) -> dict[str, Any]:
    """What the plan tells the edge of a host with an engine and these keys of ai_backend_gateway."""
    registry = {
        "providers": {
            "native": {"type": "llama_cpp", "hosts": "llama_cpp", "models": [{"name": "lab-tiny", "source": "tiny"}]}
        },
        "ports": {"services": {"native": 8080}},
        "gateway": gateway,
    }
    groups = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}
    return {"config": config_of(make_plan(load(registry), groups, {}), "one", "edge")}


def configuration_of(folder: pathlib.Path, slot: str, port: int, gateway: dict[str, Any]) -> str:
    """The configuration as the role renders it, with what lies on a host replaced by what lies in the folder."""
    published_at, status_page = gateway.pop("published_at", ["127.0.0.1"]), gateway.pop("status_page", "")
    row = gateway_row(gateway)
    row["config"]["gateway"] |= {
        "port": port,
        "status_page": status_page,
        "slots": dict.fromkeys(row["config"]["gateway"]["slots"], slot),
    }
    for service in row["config"]["published"]:
        service["addresses"], service["port"] = published_at, free_port()
    seconds = row["config"]["gateway"]["stream_timeout_seconds"]
    return rendered(folder, row, seconds)


def rendered(
    folder: pathlib.Path,
    row: dict[str, Any],
    seconds: int = 610,
    serving: dict[str, str] | None = None,
    leaving: list[dict[str, Any]] | None = None,
) -> str:
    """The configuration of a row as the role renders it, with the paths of a host in a folder.

    `serving` is where instances listen that are not yet where the plan has them, `leaving` what the plan has no longer.
    """
    active = folder / "active-slot"
    active.write_text("active blue\n")
    shutil.copytree(ROLE / "files", folder / "files", dirs_exist_ok=True)
    names = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # no page for browsers
    ).from_string((ROLE / "templates" / "haproxy.cfg.j2").read_text())
    text = template.render(
        ai_backend_service=row,
        edge_leaving=leaving or [],
        edge_serving=serving or {},
        service_admin_socket=folder / "admin.sock",
        __edge_active_slot=active,
        __edge_stream_seconds=seconds,
        **{name: value for name, value in names.items() if "{{" not in str(value) and name != "__edge_active_slot"},
    )
    text = text.replace("/run/ai-backend-edge/", f"{folder}/")
    text = text.replace(f"wait-for-body time {BODY_SECONDS}s", f"wait-for-body time {BODY_SECONDS_HERE}s")
    text = re.sub(rf"(filter lua.body \d+) {BODY_SECONDS}$", rf"\1 {BODY_SECONDS_HERE}", text, flags=re.M)
    return text.replace("@RELEASE@", str(folder))
