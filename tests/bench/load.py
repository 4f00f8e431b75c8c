#!/usr/bin/env python3
"""Clients of a gateway in a process of their own: each asks something new as soon as it has its answer.

Plain asyncio, because a client library costs about as much CPU a request as the gateway's edge, and both share the
machine. Connections are kept. Reads one JSON line {address, port, key, model, clients, seconds} and prints
{requests, seconds, failed, median_ms}; a failed request is one without the status 200.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import sys
import time
from typing import Any


def question(job: dict[str, Any], text: str) -> bytes:
    """One request; its text was never asked before, so no cache can answer."""
    body = json.dumps({"model": job["model"], "max_tokens": 4, "messages": [{"role": "user", "content": text}]})
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {job['address']}\r\nAuthorization: Bearer {job['key']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """The status of one request."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(found[1]) if found else 0)
    return int(head.split(b" ", 2)[1])


async def client(job: dict[str, Any], name: str, end: float, taken: list[float], failed: list[int]) -> None:
    """One client, until the end."""
    reader, writer = await asyncio.open_connection(job["address"], job["port"])
    number = 0
    while (begin := time.monotonic()) < end:
        number += 1
        status = await ask(reader, writer, question(job, f"{name} {number}"))
        taken.append(time.monotonic() - begin)
        if status != 200:
            failed.append(status)
    writer.close()


async def main(job: dict[str, Any]) -> dict[str, Any]:
    """All clients at once."""
    taken: list[float] = []
    failed: list[int] = []
    run = os.urandom(8).hex()
    begin = time.monotonic()
    end = begin + job["seconds"]
    await asyncio.gather(*(client(job, f"{run} {number}", end, taken, failed) for number in range(job["clients"])))
    return {
        "requests": len(taken),
        "seconds": time.monotonic() - begin,
        "failed": len(failed),
        "median_ms": statistics.median(taken) * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.stdin.readline())))))
