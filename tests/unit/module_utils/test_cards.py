"""Layers and cards: an engine for the processor takes `gpu_layers` without a word, and looks healthy."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from host_stand_in import NOBODY, FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host import cards, graphics
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection import status as reporting
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching

NVIDIA = {"class": "0x030000", "vendor": "0x10de"}
NETWORK = {"class": "0x020000", "vendor": "0x8086"}
LOADED = """\
0.01 I llama_prepare_model_devices: using device CUDA0 (NVIDIA RTX A6000) (0000:41:00.0) - 48000 MiB free
0.02 I load_tensors: offloaded 33/33 layers to GPU
"""


def host(tmp_path: pathlib.Path, *devices: dict[str, str], nodes: tuple[str, ...] = ()) -> Layout:
    """A host with these devices on its PCI bus, and these device nodes."""
    for number, device in enumerate(devices):
        folder = tmp_path / "sys" / "bus" / "pci" / "devices" / f"0000:0{number}:00.0"
        folder.mkdir(parents=True)
        for name, value in device.items():
            (folder / name).write_text(f"{value}\n")
    for node in nodes:
        (tmp_path / node).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / node).touch()
    return Layout(str(tmp_path))


def engine(layers: str = "") -> dict[str, Any]:
    return {"provider": "native", "gpu_layers": layers, "gpu_variable": "llama_cpp_gpu"}


def said(layout: Layout, gpu: str, *engines: dict[str, Any]) -> list[tuple[str, str]]:
    return [(found["severity"], found["message"]) for found in cards.card_findings(layout, "gpu1", engines, gpu)]


@pytest.mark.parametrize("layers", ["99", "all"])
def test_layers_for_engines_of_the_processor_are_critical(tmp_path: pathlib.Path, layers: str) -> None:
    ((severity, message),) = said(host(tmp_path, NVIDIA), "none", engine(layers))
    assert (severity, message) == (
        "critical",
        f"gpu_layers is {layers}, but the engines of 'gpu1' are for the processor (llama_cpp_gpu: none)",
    )


def test_no_layers_on_a_host_without_cards_are_fine(tmp_path: pathlib.Path) -> None:
    assert said(host(tmp_path, NETWORK), "none", engine()) == []


@pytest.mark.parametrize(
    ("device", "gpu", "counts"),
    [
        (NETWORK, "none", True),
        ({"class": "0x030000", "vendor": "0x1234"}, "none", True),
        (NVIDIA, "none", False),
        (NETWORK, "cuda", False),
    ],
    ids=["no card", "a console", "a card", "a build for one"],
)
def test_the_memory_of_a_host_counts_where_it_has_no_card(
    tmp_path: pathlib.Path, device: dict[str, str], gpu: str, counts: bool
) -> None:
    layout = host(tmp_path, device)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:       16777216 kB\nMemFree: 1 kB\n")
    assert graphics.host_memory(layout, gpu) == (16384 if counts else 0)


def test_a_card_that_no_engine_uses_is_a_warning(tmp_path: pathlib.Path) -> None:
    assert said(host(tmp_path, NETWORK, NVIDIA), "none", engine()) == [
        ("warning", "it has an NVIDIA card, and its engines compute on the processor (llama_cpp_gpu: none)")
    ]


def test_a_host_without_engines_may_have_any_card(tmp_path: pathlib.Path) -> None:
    assert said(host(tmp_path, NVIDIA), "none") == []


@pytest.mark.parametrize("gpu", ["cuda", "vulkan"])
def test_a_build_for_a_card_on_a_host_without_one_is_critical(tmp_path: pathlib.Path, gpu: str) -> None:
    assert said(host(tmp_path, NETWORK), gpu, engine("99")) == [
        ("critical", f"llama_cpp_gpu is {gpu}, and the host shows no graphics card")
    ]


def test_a_card_without_its_driver_is_critical(tmp_path: pathlib.Path) -> None:
    assert said(host(tmp_path, NVIDIA), "cuda", engine("99")) == [
        ("critical", "llama_cpp_gpu is cuda, and the host shows a card of NVIDIA without a driver")
    ]


@pytest.mark.parametrize(("gpu", "node"), [("cuda", "dev/nvidia0"), ("vulkan", "dev/dri/renderD128")])
def test_a_card_with_its_driver_is_fine(tmp_path: pathlib.Path, gpu: str, node: str) -> None:
    assert said(host(tmp_path, NVIDIA, nodes=(node,)), gpu, engine("all")) == []


@pytest.mark.parametrize(("journal", "device"), [(LOADED, "CUDA0 NVIDIA RTX A6000, 33/33 layers"), ("", "cpu")])
def test_status_shows_the_card_and_the_layers_that_the_engine_itself_names(
    layout: Layout,
    systemd: Systemd,
    systemctl: FakeSystemctl,
    monkeypatch: pytest.MonkeyPatch,
    journal: str,
    device: str,
) -> None:
    on = Host(layout, systemd, NOBODY)
    switching.install(on, "llama-cpp@native", made(layout, manifest("llama-cpp", probes=[], listener="native")))
    systemctl.active["ai-backend-llama-cpp@native.service"] = 77
    ask = FakeSystemctl.__call__

    def run(self: FakeSystemctl, argv: list[str], timeout: int = 0) -> tuple[int, str]:
        if argv[0] != "journalctl":
            return ask(self, argv, timeout)
        assert "_PID=77" in argv
        return (0, journal) if journal else (1, "")

    monkeypatch.setattr(FakeSystemctl, "__call__", run)
    (row,) = reporting.report(on, "gpu1")["rows"]
    assert row["device"] == device
