"""What `make gpu-check` reads of a card's tools, and that a machine without one is told so for each check."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gpu_check
from ansible_collections.lab.ai_backend.plugins.module_utils.host.cards import vendors
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from toolcache import ROOT

DEVICES = """\
ggml_cuda_init: found 1 CUDA devices:
  Device 0: NVIDIA GeForce RTX 4090, compute capability 8.9, VMM: yes
Available devices:
  CUDA0: NVIDIA GeForce RTX 4090 (24078 MiB, 23650 MiB free)
"""
NVCC = "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 12.4, V12.4.131\n"
LOG = """\
load_tensors: offloading 30 repeating layers to GPU
load_tensors: offloading output layer to GPU
load_tensors: offloaded 31/31 layers to GPU
"""
NAMES = ["card", "compiler", "build", "devices", "layers", "memory"]


def test_cards_are_read_as_nvidia_smi_writes_them() -> None:
    text = "0, NVIDIA GeForce RTX 4090, 24564, 381, 550.54.14\n1, NVIDIA GB10, [N/A], [N/A], 580.95.05\n"
    assert gpu_check.cards_of(text) == [
        gpu_check.Card(0, "NVIDIA GeForce RTX 4090", 24564, 381, "550.54.14"),
        gpu_check.Card(1, "NVIDIA GB10", 0, 0, "580.95.05"),
    ]
    assert gpu_check.cards_of("No devices were found\n") == []


def test_devices_layers_and_the_compiler_are_read() -> None:
    assert "CUDA0" in gpu_check.devices_of(DEVICES)
    assert gpu_check.devices_of("Available devices:\n  (none)\n") == []
    assert gpu_check.layers_of(LOG) == (31, 31)
    assert gpu_check.layers_of("nothing") is None
    assert gpu_check.version_of(NVCC) == "12.4"
    assert gpu_check.version_of("") == ""


def test_the_flags_are_those_of_the_role() -> None:
    assert {"-DGGML_CUDA=ON", "-DGGML_NATIVE=OFF", "-DGGML_BACKEND_DL=ON"} <= set(gpu_check.flags())


@pytest.mark.parametrize(
    ("estimate", "taken", "wrong"),
    [(1000, 950, ""), (1000, 1090, ""), (1000, 1200, "would let a model start"), (1000, 400, "would refuse models")],
)
def test_an_estimate_is_compared_with_the_card(estimate: int, taken: int, wrong: str) -> None:
    if not wrong:
        assert f"{taken} MiB taken" in gpu_check.compared(estimate << 20, taken << 20)
        return
    with pytest.raises(gpu_check.WrongError, match=wrong):
        gpu_check.compared(estimate << 20, taken << 20)


def test_a_failure_is_not_a_reason_of_its_own_for_the_next_checks(capsys: pytest.CaptureFixture[str]) -> None:
    found = gpu_check.Found()

    def wrong() -> str:
        raise gpu_check.WrongError("no device nodes")

    assert gpu_check.check(found, "card", wrong) == "FAIL"
    assert gpu_check.check(found, "compiler", lambda: gpu_check.compiler(found)) == "skip"
    lines = ["FAIL  card: no device nodes", "skip  compiler: the check 'card' failed"]
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.skipif("NVIDIA" in vendors(Layout()), reason="this machine has a card: run make gpu-check")
def test_without_a_card_each_check_tells_why_it_was_not_made() -> None:
    tool = [sys.executable, str(ROOT / "tests/tools/gpu_check.py")]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert done.returncode == gpu_check.NOT_MADE, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"skip  {name}" for name in NAMES]
    assert all("the machine has no NVIDIA card" in line for line in lines)
    assert last == "gpu-check: 0 passed, 0 failed, 6 could not be made"
