#!/usr/bin/env python3
"""The hook that runs in LiteLLM's process, against the real LiteLLM: run with the gateway's own environment.

Prints how long the import takes that LiteLLM tries for every request, and how long the hook itself takes, with limits
counted in Redis and without; see roles/litellm/files/ai_backend_auth.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time
import timeit
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "roles" / "litellm" / "files"))
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_MASTER_KEY"] = "the-key"

import litellm

# As LiteLLM's cache does before the hook is loaded, and beside a callback that somebody asked for.
litellm.success_callback += ["cache", "langfuse"]

import ai_backend_auth  # noqa: E402
import ai_backend_limits  # noqa: E402
import ai_backend_redis  # noqa: E402
from fastapi import Request  # noqa: E402
from litellm.proxy.hooks import PROXY_HOOKS  # noqa: E402

CLIENT = {"models": None, "names": [], "requests": None, "tokens": None, "parallel": None, "mcp": []}
SETTINGS: dict[str, Any] = {
    "clients": {},
    "mcp": [],
    "paths": ["/v1/chat/completions"],
    "longest_seconds": 610,
    "redis": None,
}
# In place of the file beside the hook.
ai_backend_auth.settings = lambda: SETTINGS

# Microseconds. Reading the module's code and failing took 170 here, and a sixth of a busy worker's time.
MOST = 50


def tracing() -> bool:
    """What LiteLLM tries for every request."""
    try:
        __import__(ai_backend_auth.TRACING)
    except ImportError:
        return False
    return True


def request(stack: contextlib.AsyncExitStack | None = None) -> Request:
    """A chat of somebody outside, as LiteLLM hands it over: its body was read."""
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "fastapi_inner_astack": stack}
    headers = [(b"content-type", b"application/json"), (b"x-forwarded-for", b"203.0.113.7")]
    body = {"model": "alpha", "messages": [{"role": "user", "content": "hi"}]}
    return Request({**scope, "headers": headers, "query_string": b"", "parsed_body": (tuple(body), body)})


def status(key: str | None) -> int:
    """What a caller with this key gets."""
    try:
        asyncio.run(ai_backend_auth.authenticate(request(), key))
    except ai_backend_auth.Refusal as refused:
        return int(refused.code)
    return 200


def rotated(until: float) -> dict[str, int]:
    """What the key and the one before it get, which counts until then."""
    os.environ["LITELLM_MASTER_KEY_BEFORE"] = "the-key-before"
    os.environ["LITELLM_MASTER_KEY_BEFORE_UNTIL"] = str(int(until))
    ai_backend_auth.keys.cache_clear()
    return {key: status(key) for key in ("the-key", "Bearer the-key-before", "another", "")}


async def cost(key: str, times: int = 2000) -> float:
    """Microseconds of the hook for a request with this key, the median."""
    found = []
    for _ in range(times):
        async with contextlib.AsyncExitStack() as stack:
            asked = request(stack)
            began = time.perf_counter()
            await ai_backend_auth.authenticate(asked, key)
            found.append(time.perf_counter() - began)
    return statistics.median(found) * 1e6


def costs() -> dict[str, float]:
    """The same for the callers that there are: the clients' limits are never reached."""
    many = 10**9
    counted = {**CLIENT, "requests": many, "tokens": many, "parallel": many}
    SETTINGS["clients"] = {"free": CLIENT, "counted": counted}
    os.environ |= {"AI_BACKEND_CLIENT_FREE": "sha256:" + ai_backend_auth.digest_of("free")}
    os.environ |= {"AI_BACKEND_CLIENT_COUNTED": "sha256:" + ai_backend_auth.digest_of("counted")}
    os.environ["REDIS_PASSWORD"] = "of-the-test"  # pragma: allowlist secret
    ai_backend_auth.keys.cache_clear()
    alone, found = ai_backend_limits.Limits(None, 610), {}
    for name, key in (("master", "the-key"), ("client", "free"), ("counted_alone", "counted")):
        ai_backend_auth.limits = lambda: alone
        found[name] = asyncio.run(cost(key))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("there is no redis-server: run `apt-get install -y --no-install-recommends redis-server`")
    words = f"--port {port} --bind 127.0.0.1 --requirepass {os.environ['REDIS_PASSWORD']} --save".split()
    with subprocess.Popen([program, *words, ""], stdout=subprocess.DEVNULL) as process:
        time.sleep(1)
        shared = ai_backend_limits.Limits({"host": "127.0.0.1", "port": port, "db": 2}, 610)
        ai_backend_auth.limits = lambda: shared
        found["counted_in_redis"] = asyncio.run(cost("counted"))
        away = ai_backend_redis.BREAKER.is_open()
        process.terminate()
    if away:
        sys.exit("Redis did not answer in time, so its cost is not known")
    return found


def main() -> None:
    """Check, and print."""
    found = {key: status(key) for key in ("the-key", "Bearer the-key", "another", "", None)}
    if found != {"the-key": 200, "Bearer the-key": 200, "another": 401, "": 401, None: 401}:
        sys.exit(f"the hook lets in whom it should not, or not whom it should: {found}")
    if (found := rotated(time.time() + 60)) != {"the-key": 200, "Bearer the-key-before": 200, "another": 401, "": 401}:
        sys.exit(f"until its time is over the key before counts, and no other: {found}")
    if (found := rotated(time.time() - 60)) != {"the-key": 200, "Bearer the-key-before": 401, "another": 401, "": 401}:
        sys.exit(f"a key before counts when its time is over: {found}")
    if litellm.success_callback != ["langfuse"]:
        sys.exit(f"answers are worked through a second time for {litellm.success_callback}")
    if "parallel_request_limiter" in PROXY_HOOKS:
        sys.exit("tokens are counted for limits that no key has")
    microseconds = min(timeit.repeat(tracing, number=100, repeat=5)) * 1e4
    print(f"hook_tracing_import: {microseconds:.0f} us")
    for name, microseconds_of in costs().items():
        print(f"hook_{name}: {microseconds_of:.0f} us")
    if microseconds > MOST:
        sys.exit(f"LiteLLM pays {microseconds:.0f} us a request for an import that fails; at most {MOST} are allowed")


if __name__ == "__main__":
    main()
