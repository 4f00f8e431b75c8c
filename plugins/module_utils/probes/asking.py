# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP request of a probe, and what it expects."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any, TypeAlias

from ..host.layout import Layout
from ..host.secret_files import secret

Probe = Mapping[str, Any]
# A port on loopback, or the path of a Unix socket.
Address: TypeAlias = "int | str"


class ProbeError(Exception):
    pass


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def exchange(
    layout: Layout, probe: Probe, connection: http.client.HTTPConnection, body: object = None, key: str = ""
) -> tuple[int, str]:
    """(status, text) of one HTTP request on a connection, which stays open. Raises ProbeError where nobody answers."""
    headers = {"Content-Type": "application/json"}
    if probe.get("key"):
        headers["Authorization"] = f"Bearer {key or secret(layout, probe['key'])}"
    data = None if body is None else json.dumps(body).encode("utf-8")
    try:
        connection.request("GET" if data is None else "POST", probe["path"], data, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, ValueError, http.client.HTTPException) as error:
        where = getattr(connection, "path", None) or f"http://127.0.0.1:{connection.port}"
        raise ProbeError(f"{where}{probe['path']}: {error or type(error).__name__}") from error


def connect(address: Address, timeout: float = 30) -> contextlib.closing[http.client.HTTPConnection]:
    """A connection to a service, for a `with`; it is made by its first request."""
    if isinstance(address, str):
        return contextlib.closing(UnixConnection(address, timeout))
    return contextlib.closing(http.client.HTTPConnection("127.0.0.1", address, timeout=timeout))


def request(layout: Layout, probe: Probe, address: Address) -> tuple[int, str]:
    """(status, text) of one GET."""
    with connect(address) as connection:
        return exchange(layout, probe, connection)


def expect(condition: object, message: str) -> None:
    if not condition:
        raise ProbeError(message)


def shorten(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + " …"
