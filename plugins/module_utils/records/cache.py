# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The answers that the gateway keeps in Redis: counted, listed and deleted, those of its own namespace alone.

Keys are found with SCAN, which stops nobody, never with KEYS.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Reply: TypeAlias = "bytes | int | list[Any] | None"
SCANNED = 500


class CacheError(Exception):
    """Why the cache can't be asked, in words; it contains no password."""


class Redis:
    """One connection, as the gateway's own user. `where` is {host, port, db, namespace, username}."""

    def __init__(self, where: Mapping[str, Any], password: str, timeout: float = 5) -> None:
        self.place = f"{where['host']}:{where['port']}"
        self.namespace = str(where["namespace"])
        try:
            self.socket = socket.create_connection((where["host"], where["port"]), timeout)
            self.file = self.socket.makefile("rb")
            self.ask("AUTH", where["username"], password)
            self.ask("SELECT", str(where["db"]))
        except OSError as error:
            raise CacheError(f"Redis at {self.place} does not answer: {error}") from None

    def ask(self, *words: str | bytes) -> Reply:
        """The answer to a command. Raises CacheError."""
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        data = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        try:
            self.socket.sendall(data)
            return self._read()
        except OSError as error:
            raise CacheError(f"Redis at {self.place} does not answer: {error}") from None

    def _read(self) -> Reply:
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise CacheError(f"Redis at {self.place} has closed the connection")
        kind, text = line[:1], line[1:-2]
        if kind == b"-":
            raise CacheError(f"Redis at {self.place} refuses: {text.decode(errors='replace')}")
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == b"-1" else self.file.read(int(text) + 2)[:-2]
        if kind == b"*":
            return [self._read() for _each in range(int(text))]
        return text

    def close(self) -> None:
        """End the connection."""
        self.file.close()
        self.socket.close()

    def scanned(self) -> Iterator[bytes]:
        """Every key of the namespace. One may come twice if the cache grows or shrinks at that moment."""
        cursor: str | bytes = b"0"
        escaped = "".join(f"\\{letter}" if letter in "*?[]^\\" else letter for letter in self.namespace)
        while True:
            reply = self.ask("SCAN", cursor, "MATCH", f"{escaped}:*", "COUNT", str(SCANNED))
            cursor, found = reply if isinstance(reply, list) else (b"0", [])
            yield from found
            if cursor == b"0":
                return

    def info(self) -> dict[str, str]:
        """What Redis tells of itself."""
        text = self.ask("INFO")
        pairs = (line.partition(":") for line in (text if isinstance(text, bytes) else b"").decode().splitlines())
        return {name: value for name, separator, value in pairs if separator}


def stats(redis: Redis) -> dict[str, Any]:
    """Numbers of the cache. Those of keys are the namespace's; memory, hits and evictions are of the whole Redis."""
    info = redis.info()

    def count(name: str) -> int:
        return int(info.get(name) or 0)

    hits, misses = count("keyspace_hits"), count("keyspace_misses")
    return {
        "namespace": redis.namespace,
        "keys": len(set(redis.scanned())),
        "memory_bytes": count("used_memory"),
        "memory_limit_bytes": count("maxmemory"),
        "hits": hits,
        "misses": misses,
        "hit_ratio": round(hits / (hits + misses), 4) if hits + misses else None,
        "evicted": count("evicted_keys"),
        "expired": count("expired_keys"),
    }


def model_of(value: Reply) -> str | None:
    """The model that gave a kept answer, as its engine calls it."""
    try:
        found = json.loads(value) if isinstance(value, bytes) else None
        answer = found.get("response") if isinstance(found, dict) else None
        answer = json.loads(answer) if isinstance(answer, str) else answer
        model = answer.get("model") if isinstance(answer, dict) else None
    except ValueError:
        return None
    return model if isinstance(model, str) else None


def entries(redis: Redis, model: str = "") -> Iterator[dict[str, Any]]:
    """{key, model, ttl_seconds, bytes} of each kept answer, or of those of a model."""
    for key in sorted(set(redis.scanned())):
        value = redis.ask("GET", key)
        name = model_of(value)
        if value is not None and (not model or name == model):
            seconds = redis.ask("TTL", key)
            size = len(value) if isinstance(value, bytes) else 0
            yield {"key": key.decode(errors="replace"), "model": name, "ttl_seconds": seconds, "bytes": size}


def flush(redis: Redis, model: str = "") -> int:
    """Delete the kept answers, or those of a model; returns how many went."""
    chosen = {key for key in redis.scanned() if not model or model_of(redis.ask("GET", key)) == model}
    waiting, gone = sorted(chosen), 0
    while waiting:
        some, waiting = waiting[:SCANNED], waiting[SCANNED:]
        reply = redis.ask("UNLINK", *some)
        gone += reply if isinstance(reply, int) else 0
    return gone
