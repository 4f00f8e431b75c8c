# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which archive of a release of llama.cpp fits a host. The names are those of upstream's releases."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.ollama_archives import ollama_advice, sums_url
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.upstream_archives import (
    engine_advice,
    engine_assets,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError

NAMES = (
    "cudart-llama-bin-win-cuda-12.4-x64.zip",
    "llama-b10995-bin-macos-arm64.tar.gz",
    "llama-b10995-bin-ubuntu-arm64.tar.gz",
    "llama-b10995-bin-ubuntu-cuda-12.8-x64.tar.gz",
    "llama-b10995-bin-ubuntu-rocm-7.2-x64.tar.gz",
    "llama-b10995-bin-ubuntu-vulkan-arm64.tar.gz",
    "llama-b10995-bin-ubuntu-vulkan-x64.tar.gz",
    "llama-b10995-bin-ubuntu-x64.tar.gz",
    "llama-b10995-bin-win-vulkan-x64.zip",
)


def release(*without: str, digest: bool = True) -> dict[str, Any]:
    """An answer of the publisher's API."""
    assets = []
    for number, name in enumerate(NAMES):
        if not any(word in name for word in without):
            said = f"sha256:{number:064x}" if digest else None
            assets.append({"name": name, "browser_download_url": f"https://example.com/{name}", "digest": said})
    return {"tag_name": "b10995", "assets": assets}


def test_the_archives_of_an_architecture_are_told_by_what_they_compute_on() -> None:
    assert [row["backend"] for row in engine_assets(release(), "x86_64")] == ["cpu", "cuda", "rocm", "vulkan"]
    assert [row["backend"] for row in engine_assets(release(), "aarch64")] == ["cpu", "vulkan"]


@pytest.mark.parametrize(
    ("cards", "without", "name", "gpu"),
    [
        ([], (), "llama-b10995-bin-ubuntu-x64.tar.gz", "none"),
        (["unknown"], (), "llama-b10995-bin-ubuntu-x64.tar.gz", "none"),
        (["NVIDIA"], (), "llama-b10995-bin-ubuntu-cuda-12.8-x64.tar.gz", "cuda"),
        (["NVIDIA"], ("cuda",), "llama-b10995-bin-ubuntu-vulkan-x64.tar.gz", "vulkan"),
        (["AMD", "Intel"], (), "llama-b10995-bin-ubuntu-vulkan-x64.tar.gz", "vulkan"),
    ],
)
def test_a_host_is_told_the_lines_for_its_inventory(
    cards: list[str], without: tuple[str, ...], name: str, gpu: str
) -> None:
    lines = engine_advice(release(*without), "x86_64", cards)
    assert lines[1:4] == [
        f"llama_cpp_archive_url: https://example.com/{name}",
        f"llama_cpp_archive_sha256: {NAMES.index(name):064x}",
        f"llama_cpp_gpu: {gpu}",
    ]


def test_vulkan_is_named_as_the_way_without_cuda() -> None:
    lines = engine_advice(release(), "x86_64", ["NVIDIA"])
    assert (
        "Without CUDA on the host: llama-b10995-bin-ubuntu-vulkan-x64.tar.gz (vulkan, `llama_cpp_gpu: vulkan`)" in lines
    )


@pytest.mark.parametrize(
    ("raw", "architecture", "words"),
    [
        (release(), "riscv64", "upstream publishes nothing for riscv64 → build it there"),
        ({"message": "Not Found"}, "x86_64", "does not answer with a release and its assets"),
        (release("ubuntu"), "x86_64", "the release has no archive for this host → name another one"),
        (
            release(digest=False),
            "x86_64",
            "upstream publishes no sha256 for llama-b10995-bin-ubuntu-x64.tar.gz → compute it",
        ),
    ],
)
def test_what_does_not_lead_to_an_engine_says_so(raw: dict[str, Any], architecture: str, words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        engine_advice(raw, architecture, [])


OLLAMA = (
    "ollama-linux-amd64.tar.zst",
    "ollama-linux-amd64-rocm.tar.zst",
    "ollama-linux-arm64.tar.zst",
    "sha256sum.txt",
)
SUMS = "".join(f"{number:064x}  ./{name}\n" for number, name in enumerate(OLLAMA[:3]))


def of_ollama(*names: str) -> dict[str, Any]:
    return {"assets": [{"name": name, "browser_download_url": f"https://example.com/{name}"} for name in names]}


@pytest.mark.parametrize(
    ("architecture", "cards", "name", "number", "gpu"),
    [
        ("x86_64", [], OLLAMA[0], 0, "none"),
        ("x86_64", ["NVIDIA"], OLLAMA[0], 0, "cuda"),
        ("aarch64", ["AMD"], OLLAMA[2], 2, "vulkan"),
    ],
)
def test_ollama_has_one_archive_for_all_cards(
    architecture: str, cards: list[str], name: str, number: int, gpu: str
) -> None:
    assert ollama_advice(of_ollama(*OLLAMA), architecture, cards, SUMS)[1:] == [
        f"ollama_archive_url: https://example.com/{name}",
        f"ollama_archive_sha256: {number:064x}",
        f"ollama_gpu: {gpu}",
    ]


@pytest.mark.parametrize(
    ("names", "architecture", "sums", "words"),
    [
        (OLLAMA, "riscv64", SUMS, "upstream publishes nothing for riscv64"),
        (OLLAMA[1:], "x86_64", SUMS, "the release has no ollama-linux-amd64.tar.zst"),
        (OLLAMA, "x86_64", SUMS.splitlines()[1], "compute it from a download that you trust"),
    ],
)
def test_what_ollama_does_not_publish_is_not_invented(
    names: tuple[str, ...], architecture: str, sums: str, words: str
) -> None:
    with pytest.raises(RegistryError) as caught:
        ollama_advice(of_ollama(*names), architecture, [], sums)
    assert words in caught.value.text()


def test_another_release_than_one_of_ollama_has_no_list() -> None:
    assert sums_url(of_ollama(*OLLAMA)) == "https://example.com/sha256sum.txt"
    with pytest.raises(RegistryError):
        sums_url(of_ollama("llama-b1-bin-ubuntu-x64.tar.gz"))
