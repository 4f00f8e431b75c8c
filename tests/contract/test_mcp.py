"""Tools of MCP servers through the locked LiteLLM, asked with the official client: each caller has its own only."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import MASTER_KEY, ROOT, Slot, UnixConnection, engine, free_port, planned

HERE = pathlib.Path(__file__).resolve().parent
OUTSIDE, OPERATOR = "203.0.113.7", "127.0.0.1"
SERVER_KEY = "of-the-mcp-server"
CLIENTS = ("one", "both", "none")


def key_of(client: str) -> str:
    return f"sk-{client}-" + "k" * 30


@dataclass
class Gateway:
    """A slot, and the Python with the official client."""

    slot: Slot
    python: str

    def mcp(self, key: str, path: str = "/mcp/", tool: str = "", source: str = OUTSIDE, **more: Any) -> dict[str, Any]:
        """What the client gets: {tools}, or {result, failed} of a call, or {error}."""
        words = [tool, json.dumps(more)] if tool else []
        command = [self.python, str(HERE / "ask_mcp.py"), self.slot.socket, path, source, *words]
        run = subprocess.run(command, input=key, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(run.stdout)
        return found


def registry(engine_port: int, ports: dict[str, int]) -> dict[str, Any]:
    """Three servers: with a key, without, and with the older transport. Nobody but the master key has the last one."""
    return {
        "providers": {
            "engine": {
                "type": "vllm",
                "managed": False,
                "base_url": f"http://127.0.0.1:{engine_port}",
                "models": ["alpha"],
            }
        },
        "cache": {"enabled": False},
        "secrets": {"LAB_TOOLS_KEY": SERVER_KEY},
        "clients": {name: {} for name in CLIENTS},
        "mcp_servers": {
            "guarded": {
                "url": f"http://127.0.0.1:{ports['guarded']}/mcp",
                "auth": "bearer",
                "env_var": "LAB_TOOLS_KEY",
                "clients": ["one", "both"],
            },
            "open": {"url": f"http://127.0.0.1:{ports['open']}/mcp", "clients": ["both"], "tools": ["add"]},
            "old": {"url": f"http://127.0.0.1:{ports['old']}/sse", "transport": "sse"},
        },
    }


@contextlib.contextmanager
def servers(python: str) -> Iterator[dict[str, int]]:
    """{name: port} of three real servers that run."""
    ports = {name: free_port() for name in ("guarded", "open", "old")}
    words = {"guarded": ["http", SERVER_KEY], "open": [], "old": ["sse"]}
    started = [
        subprocess.Popen([python, str(HERE / "mcp_server.py"), str(port), *words[name]], stderr=subprocess.DEVNULL)
        for name, port in ports.items()
    ]
    try:
        end = time.monotonic() + 60
        for port in ports.values():
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert time.monotonic() < end, "an MCP server did not start"
                time.sleep(0.1)
        yield ports
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    tool = [sys.executable, str(ROOT / "tests/tools/litellm_venv.py")]
    python = subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()
    keys = {f"AI_BACKEND_CLIENT_{name.upper()}": key_of(name) for name in CLIENTS} | {"LAB_TOOLS_KEY": SERVER_KEY}
    with engine() as port, servers(python) as ports:
        slot = Slot(python, planned(registry(port, ports)), keys, 1, tmp_path_factory.mktemp("gateway") / "blue")
        try:
            slot.wait()
            yield Gateway(slot, python)
        finally:
            slot.stop()


def test_a_client_finds_the_tools_of_its_servers(gateway: Gateway) -> None:
    assert gateway.mcp(key_of("one")) == {"tools": ["guarded-add", "guarded-headers"]}
    assert gateway.mcp(key_of("both")) == {"tools": ["guarded-add", "guarded-headers", "open-add"]}


def test_the_owner_of_the_master_key_finds_all(gateway: Gateway) -> None:
    for source in (OUTSIDE, OPERATOR):
        tools = gateway.mcp(MASTER_KEY, source=source)["tools"]
        assert {tool.partition("-")[0] for tool in tools} == {"guarded", "old", "open"}


def test_a_tool_answers(gateway: Gateway) -> None:
    assert gateway.mcp(key_of("one"), tool="guarded-add", a=2, b=3) == {"result": ["5"], "failed": False}
    assert gateway.mcp(MASTER_KEY, tool="old-add", a=2, b=3)["result"] == ["5"]


def test_the_server_gets_its_own_key_and_not_that_of_the_client(gateway: Gateway) -> None:
    (text,) = gateway.mcp(key_of("one"), tool="guarded-headers")["result"]
    assert json.loads(text)["authorization"] == f"Bearer {SERVER_KEY}"
    assert key_of("one") not in text


# The last form is not offered by the edge.
@pytest.mark.parametrize("path", ["/mcp/", "/mcp", "/mcp/guarded", "/mcp/open", "/open/mcp"])
def test_a_client_without_tools_gets_403(gateway: Gateway, path: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = gateway.slot.request("POST", path, key_of("none"), body, source=OUTSIDE)
    assert answer.status == 403, answer.body
    assert "error" in gateway.mcp(key_of("none"), path)


def test_a_client_can_not_call_a_tool_of_another(gateway: Gateway) -> None:
    for tool in ("open-add", "old-add"):
        answer = gateway.mcp(key_of("one"), tool=tool, a=2, b=3)
        assert answer.get("failed") or "error" in answer, answer
        assert answer.get("result") != ["5"]
    assert "error" in gateway.mcp(key_of("one"), "/mcp/open")


def test_a_tool_that_is_not_offered_can_not_be_called(gateway: Gateway) -> None:
    answer = gateway.mcp(key_of("both"), tool="open-headers")
    assert answer.get("failed") or "error" in answer, answer


def test_one_server_has_a_path_of_its_own(gateway: Gateway) -> None:
    tools = gateway.mcp(key_of("both"), "/mcp/open")["tools"]
    assert [tool.removeprefix("open-") for tool in tools] == ["add"]


def test_headers_of_a_client_do_not_widen_what_it_may(gateway: Gateway) -> None:
    """LiteLLM lets a request choose servers; only among its own."""
    headers = {"x-mcp-servers": "open,old"}
    found = ask_with(gateway, headers)
    assert "open-add" not in found
    assert "old-add" not in found


def ask_with(gateway: Gateway, headers: dict[str, str]) -> str:
    """The text of a list with further headers, without the official client."""
    connection = UnixConnection(gateway.slot.socket, 60)
    given = {"authorization": f"Bearer {key_of('one')}", "content-type": "application/json", "x-forwarded-for": OUTSIDE}
    given |= {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18", **headers}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})
    connection.request("POST", "/mcp/", body, given)
    return connection.getresponse().read().decode()


@pytest.mark.parametrize("path", ["/mcp-rest/tools/list", "/v1/mcp/server", "/mcp/guarded/authorize"])
def test_other_paths_of_litellm_are_the_operators(gateway: Gateway, path: str) -> None:
    assert gateway.slot.request("GET", path, key_of("both"), source=OUTSIDE).status in (403, 404)


def test_a_chat_can_not_use_tools_that_its_client_may_not(gateway: Gateway) -> None:
    """In a chat LiteLLM calls its own tools, if the request names them."""
    own = {"type": "mcp", "server_label": "litellm", "require_approval": "never"}
    answer = gateway.slot.ask(key_of("none"), tools=[{**own, "server_url": "litellm_proxy/mcp/old"}])
    assert answer.status == 403, answer.body
    answer = gateway.slot.ask(key_of("none"), tools=[{**own, "server_url": "litellm_proxy"}])
    assert "add" not in json.dumps(answer.body)
    assert gateway.slot.ask(key_of("none")).status == 200


def test_a_wrong_key_gets_401(gateway: Gateway) -> None:
    answer = gateway.slot.request("POST", "/mcp/", "sk-unknown", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert answer.status == 401
