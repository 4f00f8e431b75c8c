# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What roles write for systemd to read: the lines they add to a unit's drop-in, and files of environment."""

from __future__ import annotations

import pathlib
from typing import Any

import jinja2
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def dropin(role: str, template: str = "dropin.conf.j2", **variables: Any) -> list[str]:
    """The lines of a role's template, rendered as Ansible does."""
    text = (ROOT / "roles" / role / "templates" / template).read_text().replace(" | combine(litellm_environment)", "")
    return jinja2.Template(text, trim_blocks=True, undefined=jinja2.StrictUndefined).render(**variables).splitlines()


def engine(config: dict[str, Any]) -> dict[str, Any]:
    whole = {"presets": "", "models_max": 1, **config}
    row = {"instance": "llama-cpp@x", "sockets": {"llama-cpp@x": "/run/x/http.sock"}, "config": whole}
    return {"ai_backend_service": row, "__llama_cpp_model": {"path": "/x", "name": "x"}}


def ollama(config: dict[str, Any]) -> dict[str, Any]:
    row = {"instance": "ollama@x", "ports": {"ollama@x": 1}, "config": {"store": "/models/ollama/x/0", **config}}
    paths = {"__ollama_program": "/opt/x/bin/ollama", "__ollama_stores": "/models/ollama/x"}
    return {"ai_backend_service": row, "ai_backend_host": {"cores": 8}, **paths}


def edge(port: int) -> list[str]:
    return dropin(
        "edge", ai_backend_service={"secrets": {}, "config": {"gateway": {"port": port, "tls_certificate": ""}}}
    )


def gateway(environment: dict[str, Any], records: str = "") -> list[str]:
    more = {"__litellm_artifact": "/opt/x", "__litellm_workers": 1, "__litellm_records_folder": records}
    return dropin("litellm", __litellm_environment=environment, **more)


@pytest.mark.parametrize("port", [80, 443, 1023])
def test_the_edge_may_listen_below_1024_where_it_has_to(port: int) -> None:
    lines = edge(port)
    assert {"CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"} <= set(lines)
    # In a user namespace of its own the capability would not count for the host's ports.
    assert "PrivateUsers=no" in lines


@pytest.mark.parametrize("plan", [{"port": 4000, "tls_certificate": ""}, {"port": 1024, "tls_certificate": ""}, None])
def test_nobody_gets_that_right_without_need(plan: dict[str, Any] | None) -> None:
    lines = dropin("edge", ai_backend_service={"secrets": {}, "config": {"gateway": plan}})
    assert [line for line in lines if "Capabilit" in line or "PrivateUsers" in line] == []


@pytest.mark.parametrize("unit", sorted(ROOT.glob("roles/*/files/*.service")), ids=lambda path: path.name)
def test_a_service_that_cannot_start_is_tried_for_good(unit: pathlib.Path) -> None:
    """Five failed starts in ten seconds left a unit failed, although its port was free again."""
    text = unit.read_text()
    if "Restart=always" in text:
        assert "StartLimitIntervalSec=0" in text.partition("[Service]")[0].splitlines()


def test_the_check_before_a_reload_sees_the_certificate() -> None:
    """systemd shows a unit's credentials to its main process alone: the check goes there."""
    unit = (ROOT / "roles" / "edge" / "files" / "ai-backend-edge.service").read_text()
    (check,) = [line for line in unit.splitlines() if line.startswith("ExecReload=") and "haproxy" in line]
    assert check.startswith("ExecReload=+/usr/bin/nsenter --target $MAINPID --mount /usr/sbin/haproxy -c ")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("http://user:50%25@proxy:3128", 'Environment="X=http://user:50%%25@proxy:3128"'),
        ('{"a": "b\\c"}', 'Environment="X={\\"a\\": \\"b\\\\c\\"}"'),
        (7, 'Environment="X=7"'),
    ],
)
def test_the_gateways_environment_reaches_it_as_it_was_written(value: object, line: str) -> None:
    """systemd takes a percent sign for a specifier, and drops a line with one that it does not know."""
    lines = gateway({"X": value})
    assert line in lines


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("q8_0", "X=q8_0"),
        (r"blk\.(\d+)=CPU", r'X="blk\\.(\\d+)=CPU"'),
        ('say "a"', r'X="say \"a\""'),
    ],
)
def test_an_engines_environment_reaches_it_as_it_was_written(value: str, line: str) -> None:
    config = {"threads": "3", "environment": {"X": value}}
    assert line in dropin("llama_cpp", "llama-server.env.j2", **engine(config), llama_cpp_gpu="none")


def test_of_several_models_each_is_named_in_the_presets() -> None:
    config = {"threads": "3", "environment": {}, "presets": "version = 1", "models_max": 2}
    lines = dropin("llama_cpp", "llama-server.env.j2", **engine(config), llama_cpp_gpu="none")
    assert {"LLAMA_ARG_MODELS_PRESET=@RELEASE@/files/models.ini", "LLAMA_ARG_MODELS_MAX=2"} <= set(lines)
    assert not [line for line in lines if line.startswith(("LLAMA_ARG_MODEL=", "LLAMA_ARG_ALIAS="))]


@pytest.mark.parametrize(("gpu", "cores", "threads"), [("none", 8, ["7"]), ("none", 1, ["1"]), ("cuda", 8, [])])
def test_an_engine_without_a_card_leaves_a_core(gpu: str, cores: int, threads: list[str]) -> None:
    config = {"threads": "cores - 1", "environment": {}}
    host = {"cores": cores}
    lines = dropin("llama_cpp", "llama-server.env.j2", **engine(config), llama_cpp_gpu=gpu, ai_backend_host=host)
    assert [line.partition("=")[2] for line in lines if line.startswith("LLAMA_ARG_THREADS=")] == threads


@pytest.mark.parametrize(
    ("gpu", "given", "threads"),
    [("none", {}, ["7"]), ("none", {"LLAMA_ARG_THREADS": "3"}, ["3"]), ("cuda", {}, [])],
)
def test_an_ollama_without_a_card_leaves_a_core_too(gpu: str, given: dict[str, str], threads: list[str]) -> None:
    lines = dropin("ollama", "ollama.env.j2", **ollama({"environment": given}), ollama_gpu=gpu)
    assert [line.partition("=")[2] for line in lines if line.startswith("LLAMA_ARG_THREADS=")] == threads
    assert {"OLLAMA_HOST=127.0.0.1:1", "OLLAMA_MODELS=/models/ollama/x/0", "OLLAMA_NOPRUNE=1"} <= set(lines)


@pytest.mark.parametrize("gpu", ["none", "cuda", "vulkan"])
def test_only_an_ollama_with_a_card_gets_the_devices(gpu: str) -> None:
    lines = dropin("ollama", **ollama({}), ollama_gpu=gpu)
    assert ("SupplementaryGroups=render video" in lines) == ("PrivateDevices=no" in lines) == (gpu != "none")
    # The devices of cards and the few that every program may have, and no disk.
    assert ("DevicePolicy=closed" in lines) == ("DeviceAllow=char-drm rw" in lines) == (gpu != "none")
    # Its releases share a folder, and it writes nowhere else.
    assert [line for line in lines if line.startswith("ReadWritePaths=")] == ["ReadWritePaths=/models/ollama/x"]


def vllm(template: str, backend: str, **config: Any) -> list[str]:
    """The lines of a template of vLLM's role for a row with this configuration."""
    given = {"devices": "", "threads": "cores - 1", "environment": {}, "stop_seconds": 30, **config}
    row = {"instance": "vllm@x"}
    host = {"cores": 8}
    return dropin(
        "vllm",
        template,
        ai_backend_service=row,
        ai_backend_host=host,
        vllm_backend=backend,
        __vllm_config=given,
        __vllm_python="/opt/x/bin/python",
    )


@pytest.mark.parametrize(
    ("backend", "threads", "lines"),
    [
        ("cpu", "cores - 1", ["OMP_NUM_THREADS=7"]),
        ("cpu", "3", ["OMP_NUM_THREADS=3"]),
        ("cuda", "cores - 1", []),
    ],
)
def test_a_vllm_without_a_card_leaves_a_core_too(backend: str, threads: str, lines: list[str]) -> None:
    found = vllm("vllm.env.j2", backend, threads=threads)
    assert [line for line in found if line.startswith("OMP_NUM_THREADS=")] == lines
    assert ("VLLM_CPU_OMP_THREADS_BIND=nobind" in found) == (backend == "cpu")


@pytest.mark.parametrize("backend", ["cpu", "cuda", "rocm"])
def test_only_a_vllm_with_a_card_gets_the_devices(backend: str) -> None:
    lines = vllm("dropin.conf.j2", backend)
    assert ("SupplementaryGroups=render video" in lines) == ("PrivateDevices=no" in lines) == (backend != "cpu")
    assert ("DevicePolicy=closed" in lines) == ("DeviceAllow=char-nvidia* rw" in lines) == (backend != "cpu")


def test_a_vllm_has_the_time_to_end_its_answers() -> None:
    assert "TimeoutStopSec=150" in vllm("dropin.conf.j2", "cuda", stop_seconds=120)
    unit = (ROOT / "roles" / "vllm" / "files" / "ai-backend-vllm@.service").read_text()
    # Its processes would else all be ended at once.
    assert "KillMode=mixed" in unit.splitlines()


def test_a_vllm_downloads_and_sends_nothing() -> None:
    lines = vllm("vllm.env.j2", "cuda", devices="2,3", environment={"VLLM_X": 'say "a"'})
    assert {"HF_HUB_OFFLINE=1", "VLLM_NO_USAGE_STATS=1", "VLLM_PLUGINS=", "CUDA_VISIBLE_DEVICES=2,3"} <= set(lines)
    assert r'VLLM_X="say \"a\""' in lines


def test_the_gateway_writes_into_the_folder_of_its_records_and_starts_without_it() -> None:
    writable = [line for line in gateway({}, "/var/log/ai-backend") if "/var/log" in line]
    make, allow = writable
    assert make.startswith("ExecStartPre=-+/usr/bin/install -d -o ai-backend-litellm -g ai-backend-records -m 2750 ")
    assert allow == "ReadWritePaths=-/var/log/ai-backend"
    assert [line for line in gateway({}) if "ReadWrite" in line or "/var/log" in line] == []


def test_who_reads_the_records_reads_what_is_out_of_rotation() -> None:
    """In a folder of the gateway alone, the exporter found nothing and told that all is in rotation."""
    (make,) = [line for line in gateway({}) if line.endswith("/cooldowns")]
    assert "-g ai-backend-records -m 2750" in make
