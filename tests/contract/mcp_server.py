"""A small real MCP server, with the library of the locked LiteLLM. Usage: mcp_server.py PORT [TRANSPORT] [KEY]

With a key, other requests get 401. The tool `headers` tells what a request had.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

server = MCPServer("lab")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def headers(context: Context) -> dict[str, str]:
    """The headers of this request."""
    return dict(context.headers or {})


def guarded(app: ASGIApp, key: str) -> ASGIApp:
    """The same server for those who have the key."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        given: dict[bytes, Any] = dict(scope.get("headers", []))
        if scope["type"] == "http" and given.get(b"authorization") != f"Bearer {key}".encode():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    return check


def main() -> None:
    port, transport, key = [*sys.argv[1:], *("", "http", "")[len(sys.argv) - 1 :]]
    app: ASGIApp = server.sse_app() if transport == "sse" else server.streamable_http_app()
    uvicorn.run(guarded(app, key) if key else app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
