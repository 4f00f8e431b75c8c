"""The status page as a browser shows it, on a telephone and on a desk. Pictures are kept in build/, to be looked at.

The exporter's own code makes and serves it, from a state with everything in it that a page may show. The browser is
that of the machine: tests/tools/bootstrap chromium
"""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.inspection.cooldowns import Cooldown
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.operator_key import OperatorKey
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.served import Status, handler
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.status_data import (
    Card,
    Model,
    Picture,
    Provider,
    Service,
)
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.status_page import page
from locked_venv import locked_venv
from toolcache import ROOT

PICTURES = ROOT / "build" / "status"
KEY = "sk-operator"
WIDTHS = {"phone": 390, "phone-dark": 390, "narrow": 360, "desk": 1280, "desk-dark": 1280}
# As long as one is.
RELEASE = "a1b2" * 3
LONG = "Qwen/Qwen2.5-Coder-32B-Instruct-GPTQ-Int4-with-a-very-long-name-that-has-no-place-to-break"


def state(made: float) -> Picture:
    """A host with a fault in every part."""
    card = {"memory_used_bytes": 21.3e9, "memory_total_bytes": 25.7e9, "utilization_ratio": 0.87}
    generations: list[Any] = [
        {
            "number": 42,
            "created": "2026-11-30T15:31:02Z",
            "complete": True,
            "summary": ["ai_backend_routing.exact_matches.coder: provider vllm -> llama_cpp_native"],
            "touched": ["litellm@green"],
        },
        {"number": 41, "created": "2026-11-30T11:02:40Z", "complete": False, "refused": {"vllm@coder": RELEASE}},
        {
            "number": 40,
            "created": "2026-11-29T09:00:00Z",
            "complete": True,
            "restores": 38,
            "touched": ["edge", "redis"],
        },
    ]
    return Picture(
        host="gpu1",
        made=made,
        since=made - 3600,
        recorded=True,
        services=(
            Service("vllm@coder", "down", False, RELEASE, None, 7),
            Service("alertmanager", "runs", True, RELEASE, 31e6, 0),
            Service("edge", "runs", True, RELEASE, 44e6, 0),
            Service("litellm@blue", "idle slot", True, RELEASE, None, 0),
            Service("litellm@green", "serves", True, RELEASE, 1.21e9, 0),
            Service("llama-cpp@llama_cpp_native", "asleep", True, RELEASE, 9e6, 0),
            Service("redis", "runs", True, RELEASE, 12e6, 1),
        ),
        providers=(
            Provider("anthropic", (), 120, 1),
            Provider("llama_cpp_native", (), 1804, 0),
            Provider("vllm", (Cooldown(LONG, "vllm", "gpu1", 34, "503 connection refused"),), 31, 31),
        ),
        models=(
            Model("claude-sonnet", 120, 1, 2.4, 11.8, 0.71),
            Model("llama3.1:8b", 1804, 0, 0.84, 3.1, 0.09),
            Model(LONG, 31, 31, None, None, None),
        ),
        cards=(
            Card("0", "NVIDIA GeForce RTX 4090", {**card, "temperature_celsius": 71, "power_watts": 341}),
            Card("1", "NVIDIA T4", {"memory_total_bytes": 16e9}),
        ),
        card_driver=True,
        changes=tuple(generations),
        unread=("ollama",),
    )


@pytest.fixture(scope="module")
def shown() -> Iterator[dict[str, Any]]:
    """{size: what the browser shows}."""
    if not shutil.which("chromium"):
        pytest.fail("there is no chromium on this machine: tests/tools/bootstrap chromium")
    made = handler(lambda: "", Status(OperatorKey(KEY), lambda: page(state(time.time()))))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    PICTURES.mkdir(parents=True, exist_ok=True)
    python = locked_venv("browser", ROOT / "requirements/browser.txt") / "bin/python"
    url = f"http://127.0.0.1:{server.server_port}/status"
    command = [str(python), str(ROOT / "tests/heavy/picture.py"), url, str(PICTURES)]
    run = subprocess.run(command, input=KEY, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=True)
    yield json.loads(run.stdout)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("size", WIDTHS)
def test_nothing_is_wider_than_the_screen(shown: dict[str, Any], size: str) -> None:
    assert (shown[size]["status"], shown[size]["width"]) == (200, WIDTHS[size])


@pytest.mark.parametrize("size", WIDTHS)
def test_every_size_shows_everything(shown: dict[str, Any], size: str) -> None:
    for words in (
        "down: vllm@coder",
        "out of rotation",
        "for 34 s more",
        "12 s",
        "341 W",
        "refused",
        "generation 40",
        LONG,
    ):
        assert words in shown[size]["words"], words


def test_nothing_else_is_asked_for(shown: dict[str, Any]) -> None:
    paths = {url.partition("://")[2].partition("/")[2] for one in shown.values() for url in one["requests"]}
    assert paths <= {"status", "favicon.ico"}
