#!/usr/bin/env python3
"""A client outside the host that never lets up: requests on a fixed schedule, and streams that are always open.

The schedule is open-loop: a request is sent when its time has come, also while earlier ones wait, so a stall costs as
many requests as it would cost a crowd of users. Nothing is retried. A stream that ends is replaced at once.

One JSON document is printed at the end (--seconds, SIGINT or SIGTERM: open answers may finish first); each line on
standard input prints the document of the stretch since the one before:

  {seconds, requests: {sent, failed, first_failures}, streams: {opened, finished, cut, refused, open, first_failures},
   outages: [{begin, seconds}], latency_ms: {p50, p99}}

A request belongs to the stretch in which it was sent, a stream to the one in which it ended. A stream is cut when it
was answered and does not end with [DONE], or carries an error; refused when it was not answered with 200. An outage
lasts from a failure (for one that was waited for in vain: from its sending) until a request sent later is answered.
`begin` and `at` are Unix time; latencies are those of answered requests, to the last byte. The key comes from
STEADY_KEY in the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import math
import os
import signal
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

# A refused stream is tried again so soon, not at once: an outage must not become a flood.
REFUSED_PAUSE = 0.2
# Failures that a document shows in full.
SHOWN = 5
CHAT = "/v1/chat/completions"


class FailedError(Exception):
    """What a client saw in place of an answer: status (0 where there was none) and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Stretch:
    """What happened since the last document."""

    begin: float = field(default_factory=time.time)
    # (begin, end, answered) of each request, in Unix seconds: a failure begins when it shows, all else when it is sent.
    requests: list[tuple[float, float, bool]] = field(default_factory=list)
    request_failures: list[dict[str, Any]] = field(default_factory=list)
    streams: collections.Counter[str] = field(default_factory=collections.Counter)
    stream_failures: list[dict[str, Any]] = field(default_factory=list)
    waiting: set[asyncio.Task[None]] = field(default_factory=set)

    def document(self, end: float, open_streams: int) -> dict[str, Any]:
        """The document of a stretch that ended at `end`."""
        latencies = sorted(1000 * (ended - sent) for sent, ended, answered in self.requests if answered)
        return {
            "seconds": round(end - self.begin, 1),
            "requests": {
                "sent": len(self.requests),
                "failed": sum(not answered for _sent, _ended, answered in self.requests),
                "first_failures": self.request_failures[:SHOWN],
            },
            "streams": {
                **{kind: self.streams[kind] for kind in ("opened", "finished", "cut", "refused")},
                "open": open_streams,
                "first_failures": self.stream_failures[:SHOWN],
            },
            "outages": outages(self.requests, end),
            "latency_ms": {"p50": percentile(latencies, 0.5), "p99": percentile(latencies, 0.99)},
        }


def percentile(ordered: list[float], share: float) -> float | None:
    """The smallest value that `share` of all do not exceed; None where there is no value."""
    return round(ordered[math.ceil(share * len(ordered)) - 1], 1) if ordered else None


def outages(requests: list[tuple[float, float, bool]], end: float) -> list[dict[str, float]]:
    """From a failure until the first answer to a request sent later, or `end`."""
    windows = []
    over = 0.0
    for begin, _ended, answered in sorted(requests):
        if answered or begin < over:
            continue
        over = min((done for later, done, good in requests if good and later > begin), default=end)
        windows.append({"begin": round(begin, 2), "seconds": round(over - begin, 2)})
    return windows


class Load:
    """The running client."""

    def __init__(self, options: argparse.Namespace, key: str) -> None:
        self.options = options
        self.http = httpx.AsyncClient(
            base_url=options.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(options.timeout, connect=5),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            trust_env=False,
        )
        self.stretch = Stretch()
        self.open = 0
        self.over = asyncio.Event()

    def question(self, model: str, **more: Any) -> dict[str, Any]:
        """A question nobody asked before: a cached answer would prove nothing."""
        return {"model": model, "messages": [{"role": "user", "content": uuid.uuid4().hex}], **more}

    async def request(self, stretch: Stretch) -> None:
        """Send one ordinary request."""
        sent = time.time()
        try:
            answer = await self.http.post(CHAT, json=self.question(self.options.model, max_tokens=4))
            if answer.status_code != 200 or not answer.json().get("choices"):
                raise FailedError(answer.status_code, answer.text)
        except (FailedError, httpx.HTTPError, ValueError) as error:
            stretch.request_failures.append(told(error))
            ended = time.time()
            stretch.requests.append((sent if isinstance(error, httpx.TimeoutException) else ended, ended, False))
        else:
            stretch.requests.append((sent, time.time(), True))

    async def stream(self) -> None:
        """Read one stream to its end."""
        answered = False
        try:
            body = self.question(self.options.stream_model, stream=True)
            async with self.http.stream("POST", CHAT, json=body) as answer:
                if answer.status_code != 200:
                    raise FailedError(answer.status_code, (await answer.aread()).decode("utf-8", "replace"))
                self.stretch.streams["opened"] += 1
                self.open += 1
                answered = True
                await read_to_done(answer)
            self.stretch.streams["finished"] += 1
        except (FailedError, httpx.HTTPError, ValueError) as error:
            self.stretch.streams["cut" if answered else "refused"] += 1
            self.stretch.stream_failures.append(told(error))
            await asyncio.sleep(REFUSED_PAUSE)
        finally:
            self.open -= answered

    async def keep_open(self, delay: float) -> None:
        """One place that always has a stream open; the places begin apart, so that not all streams end at once."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), delay)
        while not self.over.is_set():
            await self.stream()

    async def schedule(self) -> None:
        """Send ordinary requests when their time has come."""
        begin, number = time.monotonic(), 0
        while not self.over.is_set():
            task = asyncio.create_task(self.request(self.stretch))
            self.stretch.waiting.add(task)
            task.add_done_callback(self.stretch.waiting.discard)
            number += 1
            with contextlib.suppress(TimeoutError):
                pause = begin + number / self.options.rate - time.monotonic()
                await asyncio.wait_for(self.over.wait(), max(0.0, pause))

    async def report(self) -> None:
        """Begin a new stretch; print the document of the old one when its last request has ended."""
        stretch, self.stretch = self.stretch, Stretch()
        end = time.time()
        await asyncio.gather(*stretch.waiting)
        print(json.dumps(stretch.document(end, self.open)), flush=True)

    async def run(self) -> None:
        """Ask until it is over, then let what is open finish."""
        apart = self.options.stream_seconds / max(1, self.options.streams)
        places = [asyncio.create_task(self.keep_open(index * apart)) for index in range(self.options.streams)]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.schedule(), self.options.seconds or None)
        self.over.set()
        # Streams have a deadline between two chunks each, so all of them end.
        await asyncio.gather(*places)
        await self.report()
        await self.http.aclose()


async def read_to_done(answer: httpx.Response) -> None:
    """Read a stream's frames. Raises FailedError unless it ends with [DONE]."""
    frame = ""
    async for line in answer.aiter_lines():
        frame = line.removeprefix("data:").strip() or frame
        if frame.startswith("{") and "error" in json.loads(frame):
            raise FailedError(200, frame)
    if frame != "[DONE]":
        raise FailedError(200, f"the stream ended with {frame!r}")


def told(error: Exception) -> dict[str, Any]:
    """A failure as the document shows it."""
    return {
        "at": round(time.time(), 2),
        "status": getattr(error, "status", 0),
        "text": f"{type(error).__name__}: {error}"[:300],
    }


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", required=True, help="the endpoint, such as http://192.0.2.1:4000")
    parser.add_argument("--rate", type=float, default=10, help="ordinary requests a second (default 10)")
    parser.add_argument("--streams", type=int, default=10, help="streams that are always open (default 10)")
    parser.add_argument("--seconds", type=float, default=0, help="end by itself (default: at SIGINT or SIGTERM)")
    parser.add_argument("--model", default="lab-tiny", help="model of ordinary requests")
    parser.add_argument("--stream-model", default="lab-paced", help="model of streams")
    parser.add_argument("--stream-seconds", type=float, default=8, help="about how long one of its streams lasts")
    parser.add_argument("--timeout", type=float, default=30, help="longest silence that a client bears (seconds)")
    return parser.parse_args()


async def main() -> None:
    """Run until told to stop."""
    load = Load(read_options(), os.environ["STEADY_KEY"])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, load.over.set)
    reports: set[asyncio.Task[None]] = set()

    def report() -> None:
        reports.add(asyncio.create_task(load.report()))

    def listen() -> None:
        # A thread: the loop can't wait for every kind of standard input (/dev/null, a file).
        for _line in sys.stdin:
            loop.call_soon_threadsafe(report)

    threading.Thread(target=listen, daemon=True).start()
    await load.run()
    await asyncio.gather(*reports)


if __name__ == "__main__":
    asyncio.run(main())
