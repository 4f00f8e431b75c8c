#!/usr/bin/env python3
"""Stands in for a big, slow model: an OpenAI-compatible server whose streams take their time.

The tests' own model answers so fast that streams of it load a gateway more than any crowd of users does. It proves
nothing about engines; it only keeps streams open. `paced_engine.py ADDRESS PORT` serves until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

CHUNKS = 20
# Seconds between two chunks; CHUNKS of them make a stream of eight seconds.
PACE = 0.4
MODEL = "lab-paced"
# A model that is listed and gives no answer.
BROKEN = "lab-broken"
# A model whose streams outlast every drain of a test.
ENDLESS = "lab-endless"


def body_of(kind: str, part: dict[str, Any], finish: str | None) -> bytes:
    """One OpenAI object with one choice."""
    choice = {"index": 0, "finish_reason": finish, **part}
    content: dict[str, Any] = {"id": "paced", "object": kind, "created": int(time.time()), "model": MODEL}
    if kind == "chat.completion":
        content["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return json.dumps({**content, "choices": [choice]}).encode()


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, Any]]:
    """(path, body) of a request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])}
    text = await reader.readexactly(int(headers.get("content-length", "0")))
    return lines[0].split()[1], json.loads(text) if text else {}


async def stream(writer: asyncio.StreamWriter, chunks: int) -> None:
    """So many chunks at their pace, then [DONE]."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    for number in range(chunks):
        finish = "stop" if number == chunks - 1 else None
        delta = {"delta": {"role": "assistant", "content": f"{number} "}}
        writer.write(b"data: " + body_of("chat.completion.chunk", delta, finish) + b"\n\n")
        await writer.drain()
        await asyncio.sleep(PACE)
    writer.write(b"data: [DONE]\n\n")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request and close the connection."""
    try:
        path, body = await read_request(reader)
        if body.get("model") == BROKEN:
            writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        elif body.get("stream"):
            await stream(writer, CHUNKS * 100 if body["model"] == ENDLESS else CHUNKS)
        else:
            answer = {"message": {"role": "assistant", "content": "paced"}}
            text = (
                json.dumps({"object": "list", "data": [{"id": name} for name in (MODEL, BROKEN, ENDLESS)]}).encode()
                if path.endswith("/models")
                else body_of("chat.completion", answer, "stop")
            )
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + text)
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client went away
    finally:
        writer.close()


async def main() -> None:
    """Serve until ended."""
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]))
    async with server:
        print("serving", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
