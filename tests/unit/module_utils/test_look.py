"""One look at a host: what it asks, and what it leaves alone."""

from __future__ import annotations

import json
import pathlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from gguf_stand_in import llama, write
from host_stand_in import FakeSystemctl, made, manifest
from proc_stand_in import Proc

from ansible_collections.lab.ai_backend.plugins.module_utils.host import graphics
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import generations
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching
from ansible_collections.lab.ai_backend.plugins.modules import host as preparation
from ansible_collections.lab.ai_backend.plugins.modules import look as module
from ansible_collections.lab.ai_backend.plugins.modules import model_files

SECRET = "the-password"  # pragma: allowlist secret


@pytest.fixture
def proc(tmp_path: pathlib.Path) -> Proc:
    return Proc(tmp_path)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Callable[[str], None]:
    """Put a nvidia-smi in the path that runs a shell script, and nothing else."""

    def make(script: str) -> None:
        path = tmp_path / "bin" / "nvidia-smi"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

    monkeypatch.setenv("PATH", str(tmp_path))
    return make


def asked(**changes: Any) -> dict[str, Any]:
    return {
        "host": "gpu1",
        "port_rows": [],
        "instances": {},
        "sockets": {},
        "published": [],
        "upstreams": [],
        "cache": {},
        "certificate": "",
        "unencrypted": "",
        "keep": 10,
        "sums": False,
        "engines": [],
        "gpu": "none",
        "timeout": 1,
        **changes,
    }


def test_every_finding_names_the_host_and_nothing_changes_on_it(
    layout: Layout, systemd: Systemd, systemctl: FakeSystemctl, proc: Proc, tool: Callable[[str], None]
) -> None:
    write_atomic(generations.path_of(layout, 1), "{")
    port_rows = [{"port": 6379, "name": "redis", "reserved": False}]
    findings, memory = module.look(layout, systemd, asked(port_rows=port_rows, instances={"redis": 6379}))
    assert [(finding["check"], finding["host"]) for finding in findings] == [("ports", "gpu1"), ("generations", "gpu1")]
    assert all(list(finding) == ["check", "severity", "path", "message", "hint", "host"] for finding in findings)
    assert (memory, systemctl.calls) == ([], [])


@pytest.fixture
def gateway(layout: Layout, proc: Proc) -> Layout:
    """A host with a deployed gateway and its password."""
    switching.point(layout, "litellm@blue", made(layout, manifest("litellm", slotted=True, secrets=["litellm.env"])))
    pathlib.Path(layout.secrets).mkdir(mode=0o700, parents=True)
    write_atomic(f"{layout.secrets}/litellm.env", f'REDIS_PASSWORD="{SECRET}"\n', 0o600)
    return layout


def cache(port: int) -> dict[str, Any]:
    place = {"host": "store", "unit": "ai-backend-redis.service", "address": "127.0.0.1", "port": port}
    return {**place, "user": "gateway"}


GOOD, REFUSED = b"+OK\r\n+PONG\r\n", b"-WRONGPASS x\r\n-NOAUTH\r\n"


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        pytest.param([GOOD], "", id="as the user of gateways"),
        pytest.param([REFUSED, GOOD], "", id="a Redis of an older release has no such user"),
        pytest.param([REFUSED, REFUSED], "refuses the password", id="another password"),
    ],
)
def test_the_cache_is_asked_with_the_gateways_password(
    gateway: Layout, systemd: Systemd, tool: Callable[[str], None], answers: list[bytes], problem: str
) -> None:
    asked_with = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _address = server.accept()
                with connection:
                    asked_with.append(connection.recv(4096))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        findings, _memory = module.look(gateway, systemd, asked(cache=cache(server.getsockname()[1])))
        thread.join(5)
    assert all(SECRET.encode() in text for text in asked_with)
    assert [b"gateway" in text for text in asked_with] == [True, False][: len(answers)]
    assert [(finding["check"], finding["severity"]) for finding in findings] == [("cache", "critical")] * bool(problem)
    assert all(problem in finding["message"] and "on store" in finding["hint"] for finding in findings)
    assert SECRET not in str(findings)


def test_a_stranger_on_the_port_of_the_cache_is_not_sent_its_password(
    gateway: Layout, systemd: Systemd, proc: Proc, tool: Callable[[str], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        proc.process(7, "nc")
        proc.listen(port, 7)
        port_rows = [{"port": port, "name": "redis", "reserved": False}]
        findings, _memory = module.look(
            gateway, systemd, asked(port_rows=port_rows, instances={"redis": port}, cache=cache(port))
        )
        with pytest.raises(BlockingIOError):
            server.accept()
    assert [finding["check"] for finding in findings] == ["ports", "cache"]
    assert "another process listens" in findings[1]["message"]


def test_before_the_first_deploy_only_who_wants_no_key_is_asked(
    layout: Layout, systemd: Systemd, proc: Proc, tool: Callable[[str], None]
) -> None:
    urls = {"health": "http://127.0.0.1:9/h", "models_url": "http://127.0.0.1:9/m", "local_port": 0, "models": []}
    common = {"host": "gpu1", "headers": {}, "unit": "", **urls}
    upstreams = [{**common, "provider": "keyed", "key": "K"}, {**common, "provider": "open", "key": ""}]
    findings, _memory = module.look(layout, systemd, asked(upstreams=upstreams, cache=cache(9)))
    assert [finding["path"] for finding in findings] == ["ai_backend_providers.open"]


@pytest.mark.parametrize(
    ("script", "memory"),
    [
        ("echo 24564; echo 24564", [24564, 24564]),
        ("echo '[N/A]'", []),
        ('test "$*" = "--query-gpu=memory.total --format=csv,noheader,nounits" && echo 16384', [16384]),
    ],
)
def test_cards_tell_their_memory(tool: Callable[[str], None], script: str, memory: list[int]) -> None:
    tool(script)
    assert graphics.gpu_memory("gpu1") == (memory, [])


def test_without_the_tool_there_is_no_card_and_no_finding(tool: Callable[[str], None]) -> None:
    assert graphics.gpu_memory("gpu1") == ([], [])


def test_a_driver_that_does_not_answer_is_a_warning(tool: Callable[[str], None]) -> None:
    tool("echo 'Driver/library version mismatch'; exit 18")
    memory, (finding,) = graphics.gpu_memory("gpu1")
    assert (memory, finding["check"], finding["severity"]) == ([], "capacity", "warning")

    def hang(argv: list[str], timeout: float) -> tuple[int, str]:
        return 124, "it hangs"

    assert graphics.gpu_memory("gpu1", run=hang)[1][0]["severity"] == "warning"


def test_a_deploy_asks_the_cards_only_if_there_is_a_model(tool: Callable[[str], None], tmp_path: pathlib.Path) -> None:
    tool(f"touch {tmp_path}/asked; echo 24564")
    there, missing = write(tmp_path / "m.gguf", **llama()), tmp_path / "later.gguf"
    params = {"host": "gpu1", "gpu": "cuda", "model_files": [str(missing)]}
    layout = Layout(str(tmp_path / "root"))
    assert preparation.found_models(layout, params) == {"models": {}, "gpu_memory_mib": [], "memory_mib": 0}
    assert not (tmp_path / "asked").exists()
    found = preparation.found_models(layout, {**params, "model_files": [str(missing), str(there)]})
    assert (list(found["models"]), found["gpu_memory_mib"]) == ([str(there)], [24564])
    assert found["models"][str(there)]["problem"] == ""


def test_the_modules_that_read_models_take_the_same_files() -> None:
    assert preparation.ARGUMENTS["model_files"] == model_files.ARGUMENTS["model_files"]


def test_the_facts_of_models_leave_a_module_as_json(
    monkeypatch: pytest.MonkeyPatch, tool: Callable[[str], None], tmp_path: pathlib.Path
) -> None:
    tool("echo 16384")
    path = str(write(tmp_path / "m.gguf", **llama()))
    left: dict[str, Any] = {}

    class Module:
        def __init__(self, argument_spec: dict[str, Any], supports_check_mode: bool) -> None:
            assert supports_check_mode
            given = {"host": "gpu1", "gpu": "cuda", "model_files": [path]}
            assert set(given) == set(argument_spec)
            self.params = given

        def exit_json(self, **result: Any) -> None:
            left.update(json.loads(json.dumps(result)))

    monkeypatch.setattr(model_files, "AnsibleModule", Module)
    model_files.main()
    assert (left["changed"], left["gpu_memory_mib"], left["memory_mib"]) == (False, [16384], 0)
    assert left["models"][path]["architecture"] == "llama"
