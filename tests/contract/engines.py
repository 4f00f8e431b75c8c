"""Recording back ends on loopback for a LiteLLM that runs as a process of its own, and the ways in which they fail."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from ask_litellm import reply

SECONDS = 20
# A request that a back end saw: provider, host, model.
Asked: TypeAlias = tuple[str, str, str]
STATUS = {"500": 500, "429": 429}


class Engines:
    """One server for each provider and host.

    `failing` says how a provider fails: 500 and 429 are answered with that, `hang` is heard and never answered,
    `refused` is a closed port. No connection is kept, so that a port that is closed refuses the next request.
    """

    def __init__(self, served: Mapping[str, tuple[str, str]]) -> None:
        """`served` is address:port -> (provider, host)."""
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.served = served
        self.servers: dict[str, asyncio.Server] = {}
        self.failing: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.fail({})

    def fail(self, failing: Mapping[str, str]) -> None:
        """Begin anew, with these providers failing."""
        self._run(self._fail, failing)

    def _run(self, do: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
        asyncio.run_coroutine_threadsafe(do(*arguments), self.loop).result(SECONDS)

    async def _fail(self, failing: Mapping[str, str]) -> None:
        self.failing, self.asked = dict(failing), []
        for place, (provider, host) in self.served.items():
            refused = failing.get(provider) == "refused"
            if refused and place in self.servers:
                server = self.servers.pop(place)
                server.close()
                await server.wait_closed()
            elif not refused and place not in self.servers:
                self.servers[place] = await self._listen(place, provider, host)

    async def _listen(self, place: str, provider: str, host: str) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self._serve(provider, host, reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        parts = urlsplit(f"//{place}")
        return await asyncio.start_server(serve, parts.hostname, parts.port)

    async def _serve(
        self, provider: str, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        length = next((int(line[15:]) for line in head if line.lower().startswith("content-length:")), 0)
        body = json.loads(await reader.readexactly(length) or b"{}")
        path = head[0].split(" ")[1]
        chat = path.endswith(("/chat/completions", "/api/chat", "/messages"))
        if chat:
            self.asked.append((provider, host, body["model"]))
        how = self.failing.get(provider, "")
        if chat and how == "hang":
            await reader.read()
            return
        status, text = STATUS.get(how, 200), {"error": {"message": "failing", "type": "server_error"}}
        data = json.dumps(reply(path, body.get("model", "")) if status == 200 else text).encode()
        head_lines = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n"
        writer.write(head_lines.encode() + b"content-length: %d\r\n\r\n" % len(data) + data)
        await writer.drain()

    def close(self) -> None:
        """Close every port."""
        self._run(self._close)
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _close(self) -> None:
        for server in self.servers.values():
            server.close()
