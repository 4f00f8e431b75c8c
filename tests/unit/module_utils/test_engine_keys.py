"""Before the engines' key is rotated each engine that runs says whether it takes two at a time."""

from __future__ import annotations

import pathlib

import pytest
from host_stand_in import NOBODY, FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd, run_command
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.engine_keys import takes_one_key

ENGINE = "llama-cpp@fast"
FILES = {
    "llama-cpp.env": {"LLAMA_API_KEY": "AI_BACKEND_ENGINE_KEY"},  # pragma: allowlist secret
    "litellm.env": {"AI_BACKEND_ENGINE_KEY": "AI_BACKEND_ENGINE_KEY"},
}
# As llama-server breaks its lines.
SEVERAL = """\
--api-key KEY                           API key to use for authentication, multiple keys can be provided as a
                                        comma-separated list (default: none)
--api-key-file FNAME                    path to file containing API keys (default: none)
"""
ONE = """\
--api-prefix PREFIX                     comma-separated is said elsewhere
--api-key KEY                           API key to use for authentication (default: none)
--api-key-file FNAME                    path to file containing API keys; no comma-separated list
"""

pytestmark = pytest.mark.usefixtures("environments")


@pytest.fixture
def running(host: Host, layout: Layout, tmp_path: pathlib.Path) -> pathlib.Path:
    """The program of an engine that runs."""
    program = tmp_path / "llama-server"
    program.touch(mode=0o755)
    dropin = f"ExecStart=\nExecStart={program}\n"
    parts = {"enable": [f"ai-backend-{ENGINE}.service"], "secrets": ["llama-cpp.env"]}
    release = made(layout, manifest("llama-cpp", dropin, slotted=True, **parts))
    switching.switch(host, ENGINE, release)
    return program


@pytest.mark.parametrize(("text", "expected"), [(SEVERAL, []), (ONE, [ENGINE])])
def test_it_is_asked_itself(
    layout: Layout, systemctl: FakeSystemctl, running: pathlib.Path, text: str, expected: list[str]
) -> None:
    running.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\n")
    systemd = Systemd(run=lambda argv: systemctl(argv) if argv[0] == "systemctl" else run_command(argv))
    assert takes_one_key(Host(layout, systemd, NOBODY), FILES) == expected


def test_one_that_does_not_run_refuses_nobody(host: Host, systemctl: FakeSystemctl, running: pathlib.Path) -> None:
    systemctl.active.clear()
    assert takes_one_key(host, FILES) == []
