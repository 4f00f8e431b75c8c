"""The official MCP client at a slot of the gateway. Usage: ask_mcp.py SOCKET PATH SOURCE [TOOL ARGUMENTS]

The key is the first line of the input. Prints {tools} or {result}, or {error} where the gateway refuses, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client


async def ask(socket: str, path: str, source: str, key: str, tool: list[str]) -> dict[str, Any]:
    """What the client sees."""
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": source}
    transport = httpx2.AsyncHTTPTransport(uds=socket)
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers, timeout=30) as http,
        Client(streamable_http_client(f"http://gateway{path}", http_client=http)) as client,
    ):
        if not tool:
            return {"tools": sorted(one.name for one in (await client.list_tools()).tools)}
        result = await client.call_tool(tool[0], json.loads(tool[1]))
        words = [getattr(part, "text", "") for part in result.content]
        return {"result": words, "failed": bool(result.is_error)}


def innermost(error: BaseException) -> str:
    """The words of an error in a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def main() -> None:
    socket, path, source, *tool = sys.argv[1:]
    key = sys.stdin.readline().strip()
    try:
        found = asyncio.run(ask(socket, path, source, key, tool))
    except BaseException as error:  # a refusal has many forms
        found = {"error": innermost(error)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
