# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command `ai-backend`: its verbs, in words for people and in JSON for programs. It ends without a traceback."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..host.host import Host
from . import cache
from .arguments import NOTHING, USAGE, parser, since
from .asking import ask, lines
from .gateway import NoGatewayError, key_of, records_of, settings
from .looking import Recent, look
from .reading import Record, RecordsError, Tail, Wanted, found
from .screen import show
from .summary import summary
from .words import line_of, printable, summary_lines, table

LAST = 20
FOLLOW_SECONDS = 0.3
REDIS_KEY = "REDIS_PASSWORD"  # pragma: allowlist secret
PROBLEMS = (NoGatewayError, RecordsError, cache.CacheError)


def put(text: str) -> None:
    """A line, at once: a program may read it through a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """A line for people, apart from what a program may read."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def as_json(value: object) -> str:
    """A value in one line."""
    return json.dumps(value, ensure_ascii=False)


def requests(host: Host, given: argparse.Namespace) -> int:
    """Show records."""
    path = records_of(host.layout)
    wanted = Wanted(given.model, given.client, given.id, given.slow, given.errors, since(given))
    if given.follow:
        return follow(path, wanted, given.json)
    whole = given.summary or given.id or given.since
    chosen = found(path, wanted, given.last or (0 if whole else LAST))
    if not chosen:
        nothing(given.json, given.summary, "no request fits: ask for a longer time, or for less")
        return NOTHING
    if given.summary:
        total = summary(chosen)
        put(as_json(total) if given.json else "\n".join(summary_lines(total)))
        return 0
    for record in chosen:
        put(shown(record, given.json))
    return 0


def nothing(program: bool, whole: bool, words: str) -> None:
    """Tell that there is nothing; a program reads an empty answer."""
    if not program:
        tell(words)
    elif whole:
        put(as_json(summary([])))


def shown(record: Record, program: bool) -> str:
    """A record for a person or for a program."""
    return as_json(record) if program else line_of(record)


def follow(path: str, wanted: Wanted, program: bool) -> int:
    """Go on until Ctrl-C."""
    tail = Tail(path)
    if not program:
        tell("waiting for requests; Ctrl-C ends it")
    while True:
        for record in tail.new():
            if wanted.has(record):
                put(shown(record, program))
        time.sleep(FOLLOW_SECONDS)


def asked(host: Host, given: argparse.Namespace) -> int:
    """Ask a model."""
    answer = ask(host, given.model, given.prompt, given.max_tokens, given.timeout)
    put(as_json(answer) if given.json else "\n".join(lines(answer)))
    return 0 if answer["status"] == 200 and answer["error"] is None else NOTHING


def kept(host: Host, given: argparse.Namespace) -> int:
    """Look at the cache, or empty it."""
    if given.what == "flush" and not given.yes:
        which = f" of {given.model}" if given.model else ""
        tell(f"this deletes the kept answers{which}: add --yes")
        return USAGE
    where = settings(host.layout).get("cache")
    if not where:
        raise NoGatewayError("this gateway keeps no answers: ai_backend_cache.enabled is false")
    with contextlib.closing(cache.Redis(where, key_of(host, REDIS_KEY))) as redis:
        verb: Callable[[cache.Redis, argparse.Namespace], int] = {
            "stats": stats,
            "keys": keys,
            "watch": watch,
            "flush": flush,
        }[given.what]
        return verb(redis, given)


def stats(redis: cache.Redis, given: argparse.Namespace) -> int:
    """The numbers of the cache."""
    numbers = cache.stats(redis)
    if given.json:
        put(as_json(numbers))
    else:
        put(
            "\n".join(
                f"{name.replace('_', ' '):<20} {'-' if value is None else value}" for name, value in numbers.items()
            )
        )
    return 0


def keys(redis: cache.Redis, given: argparse.Namespace) -> int:
    """Every kept answer."""
    rows = list(cache.entries(redis, given.model))
    if given.json:
        for row in rows:
            put(as_json(row))
    elif rows:
        cells = [[row["key"], printable(row["model"]), f"{row['ttl_seconds']} s", f"{row['bytes']} B"] for row in rows]
        put("\n".join(table(["key", "model", "left", "size"], cells)))
    else:
        tell("no answer is kept" + (f" of {given.model}" if given.model else ""))
    return 0 if rows else NOTHING


def watch(redis: cache.Redis, given: argparse.Namespace) -> int:
    """A line every few seconds."""
    before, number = cache.stats(redis), 0
    if not given.json:
        put(f"{'keys':>8} {'memory MB':>10} {'hits':>8} {'misses':>8} {'expired':>8} {'evicted':>8}")
    while True:
        time.sleep(given.interval)
        now = cache.stats(redis)
        grown = {name: now[name] - before[name] for name in ("hits", "misses", "expired", "evicted")}
        if given.json:
            put(as_json({**now, "since_last": grown}))
        else:
            counts = " ".join(f"{count:>8}" for count in grown.values())
            put(f"{now['keys']:>8} {now['memory_bytes'] / 1e6:>10.1f} {counts}")
        before, number = now, number + 1
        if number == given.count:
            return 0


def flush(redis: cache.Redis, given: argparse.Namespace) -> int:
    """Delete kept answers."""
    gone = cache.flush(redis, given.model)
    if given.json:
        put(as_json({"deleted": gone, "namespace": redis.namespace, "model": given.model or None}))
    elif gone:
        put(f"{gone} answers were deleted; each worker may still give those of its own memory, until they expire there")
    else:
        tell("there was nothing to delete")
    return 0 if gone else NOTHING


def top(host: Host, given: argparse.Namespace) -> int:
    """The live view, or one look for a program."""
    known: Mapping[str, Any] = settings(host.layout)
    recent = Recent(str(known["records"])) if known.get("records") else None
    if given.json:
        put(as_json(look(host, known, recent)))
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        tell("top needs a terminal: use ssh -t, or add --json")
        return USAGE
    os.environ.setdefault("TERM", "xterm")
    show(lambda: look(host, known, recent))
    return 0


VERBS = {"requests": requests, "ask": asked, "cache": kept, "top": top}


def main(host: Host, words: Sequence[str]) -> int:
    """Run it. Returns the exit code."""
    given = parser().parse_args(words)
    try:
        return VERBS[given.verb](host, given)
    except PROBLEMS as error:
        problem = str(error)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Who read it, as `head` does, has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        problem = f"{error.filename or 'this host'}: {error.strerror}"
    if given.json:
        put(as_json({"problem": problem}))
    tell(f"ai-backend: {problem}")
    return NOTHING
