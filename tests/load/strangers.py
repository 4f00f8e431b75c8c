#!/usr/bin/env python3
"""Strangers without a valid key, from many addresses of this machine: bodies without an end, and a flood of requests.

`strangers.py ADDRESS PORT FIRST COUNT` attacks until it is ended. The COUNT addresses from FIRST on are this machine's;
each holds SLOW connections with a forged key, of which the body comes byte by byte, and opens one anew when it is
closed. Without a key, RATE requests a second come from all of them together. Every second a line is printed:
{open: slow connections now, sent, answers: {status: count}} since the start.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import ipaddress
import json
import sys

SLOW = 100
RATE = 1000
# Connections of the flood, of each address.
KEPT = 2
CHAT = "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
FORGED = f"{CHAT}Authorization: Bearer sk-forged\r\nContent-Length: 100000\r\n\r\n".encode()
WITHOUT = f"{CHAT}Content-Length: 2\r\n\r\n{{}}".encode()


class Strangers:
    """All of them."""

    def __init__(self, address: str, port: int, sources: list[str]) -> None:
        self.place, self.sources = (address, port), sources
        self.open, self.sent = 0, 0
        self.answers: collections.Counter[str] = collections.Counter()

    async def slow(self, source: str) -> None:
        """One connection after the other, each with a byte of its body a second."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(*self.place, local_addr=(source, 0))
                self.open += 1
                try:
                    await self.one_body(reader, writer)
                finally:
                    self.open -= 1
                    writer.close()
            await asyncio.sleep(0.5)

    async def one_body(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Byte by byte, until the edge answers or closes."""
        writer.write(FORGED)
        answered = asyncio.ensure_future(reader.readline())
        while not answered.done():
            writer.write(b" ")
            await writer.drain()
            await asyncio.wait([answered], timeout=1)
        self.answers[status_of(await answered)] += 1

    async def flood(self, source: str) -> None:
        """Requests at their pace on a connection that is kept, or a new one when it was closed."""
        pause = len(self.sources) * KEPT / RATE
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(*self.place, local_addr=(source, 0))
                try:
                    while True:
                        self.sent += 1
                        writer.write(WITHOUT)
                        self.answers[await read_answer(reader)] += 1
                        await asyncio.sleep(pause)
                finally:
                    writer.close()
            await asyncio.sleep(pause)

    async def tell(self) -> None:
        """A line a second."""
        while True:
            await asyncio.sleep(1)
            print(json.dumps({"open": self.open, "sent": self.sent, "answers": self.answers}), flush=True)

    async def attack(self) -> None:
        """Until ended."""
        slow = [self.slow(source) for source in self.sources for _number in range(SLOW)]
        flood = [self.flood(source) for source in self.sources for _number in range(KEPT)]
        await asyncio.gather(*slow, *flood, self.tell())


def status_of(line: bytes) -> str:
    """The status of an answer's first line; `closed` where none came."""
    words = line.split()
    return words[1].decode() if len(words) > 1 else "closed"


async def read_answer(reader: asyncio.StreamReader) -> str:
    """The status of one whole answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _before, _name, rest = head.partition("content-length:")
    await reader.readexactly(int(rest.split()[0]) if rest else 0)
    return status_of(head.encode())


def main() -> None:
    """Read the arguments."""
    address, port, first, count = sys.argv[1:5]
    sources = [str(ipaddress.ip_address(first) + number) for number in range(int(count))]
    asyncio.run(Strangers(address, int(port), sources).attack())


if __name__ == "__main__":
    main()
