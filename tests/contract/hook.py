#!/usr/bin/env python3
"""The hook that runs in LiteLLM's process, against the real LiteLLM: run with the gateway's own environment.

Prints how long the import takes that LiteLLM tries for every request; see roles/litellm/files/ai_backend_auth.py.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import sys
import time
import timeit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "roles" / "litellm" / "files"))
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_MASTER_KEY"] = "the-key"

import litellm

# As LiteLLM's cache does before the hook is loaded, and beside a callback that somebody asked for.
litellm.success_callback += ["cache", "langfuse"]

import ai_backend_auth  # noqa: E402
from fastapi import HTTPException  # noqa: E402
from litellm.proxy.hooks import PROXY_HOOKS  # noqa: E402

# Microseconds. Reading the module's code and failing took 170 here, and a sixth of a busy worker's time.
MOST = 50


def tracing() -> bool:
    """What LiteLLM tries for every request."""
    try:
        __import__(ai_backend_auth.TRACING)
    except ImportError:
        return False
    return True


def status(key: str | None) -> int:
    """What a caller with this key gets."""
    try:
        asyncio.run(ai_backend_auth.authenticate(None, key))
    except HTTPException as refused:
        return int(refused.status_code)
    return 200


def rotated(until: float) -> dict[str, int]:
    """What the key and the one before it get, which counts until then."""
    os.environ["LITELLM_MASTER_KEY_BEFORE"] = "the-key-before"
    os.environ["LITELLM_MASTER_KEY_BEFORE_UNTIL"] = str(int(until))
    return {key: status(key) for key in ("the-key", "Bearer the-key-before", "another", "")}


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
    if microseconds > MOST:
        sys.exit(f"LiteLLM pays {microseconds:.0f} us a request for an import that fails; at most {MOST} are allowed")


if __name__ == "__main__":
    main()
