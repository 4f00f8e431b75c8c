# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The archive of a llama.cpp release that fits a host, with the checksum of its publisher.

Names of the assets as releases b8757 to b10995 have them: `llama-<tag>-bin-ubuntu-x64.tar.gz` for the processor,
`…-vulkan-x64…`, `…-cuda-12.8-x64…`, `…-rocm-7.2-x64…`, the same for arm64.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..data.plain import to_plain
from ..findings.findings import Finding, RegistryError

ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
# What the host's graphics cards can use, best first; `cpu` is always possible.
BACKENDS = {"NVIDIA": ("cuda", "vulkan", "cpu"), "AMD": ("vulkan", "cpu"), "Intel": ("vulkan", "cpu")}
# The word of llama_cpp_gpu for a backend.
GPU = {"cuda": "cuda", "vulkan": "vulkan", "cpu": "none"}
_ASSET = re.compile(r"-bin-ubuntu-(?:(?P<backend>[a-z]+)(?:-[a-z0-9.]+)?-)?(?P<machine>x64|arm64)\.tar\.gz$")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


def engine_assets(raw: object, architecture: str) -> list[dict[str, str]]:
    """[{name, url, sha256, backend}] of a release's Linux archives for an architecture, sorted by backend and name.

    `raw` is a release as GitHub's API gives it. `sha256` is empty if upstream published none.
    Raises RegistryError for an answer of another shape, or an architecture that upstream does not build for.
    """
    machine = ARCHITECTURES.get(architecture)
    if machine is None:
        remedy = "build it there: `llama_cpp_install: source`"
        raise RegistryError([Finding("host", f"upstream publishes nothing for {architecture}", remedy)])
    release = to_plain(raw)
    assets = release.get("assets") if isinstance(release, dict) else None
    if not isinstance(assets, list):
        remedy = "set engine_source_api to the address of the releases of llama.cpp"
        raise RegistryError([Finding("engine_source_api", "does not answer with a release and its assets", remedy)])
    rows = [_row(asset) for asset in assets if isinstance(asset, dict)]
    return sorted((row for row in rows if row.pop("machine") == machine), key=lambda row: (row["backend"], row["name"]))


def _row(asset: Mapping[str, Any]) -> dict[str, str]:
    name = str(asset.get("name", ""))
    found = _ASSET.search(name)
    digest = _DIGEST.fullmatch(str(asset.get("digest", "")))
    return {
        "name": name,
        "url": str(asset.get("browser_download_url", "")),
        "sha256": digest[1] if digest else "",
        "backend": (found["backend"] or "cpu") if found else "",
        "machine": found["machine"] if found else "",
    }


def engine_advice(raw: object, architecture: str, cards: object) -> list[str]:
    """What to write into the inventory for a host with graphics cards of these makers, as lines of text.

    Raises RegistryError if no archive fits, or if the one that fits has no published checksum.
    """
    makers = to_plain(cards)
    known = [maker for maker in makers if maker in BACKENDS] if isinstance(makers, list) else []
    wanted = next((BACKENDS[maker] for maker in ("NVIDIA", "AMD", "Intel") if maker in known), ("cpu",))
    assets = engine_assets(raw, architecture)
    there = {row["backend"]: row for row in assets}
    backend = next((name for name in wanted if name in there), None)
    if backend is None:
        remedy = "name another one (-e engine_source_release=<tag>), or build it: `llama_cpp_install: source`"
        raise RegistryError([Finding("engine_source_release", "the release has no archive for this host", remedy)])
    row = there[backend]
    if not row["sha256"]:
        remedy = f"compute it from a download that you trust: curl -fsSL {row['url']} | sha256sum"
        problem = f"upstream publishes no sha256 for {row['name']}"
        raise RegistryError([Finding("engine_source_release", problem, remedy)])
    shown = f"a graphics card of {', '.join(known)}" if known else "no graphics card"
    lines = [
        f"{architecture}, {shown}: {row['name']} ({backend})",
        f"llama_cpp_archive_url: {row['url']}",
        f"llama_cpp_archive_sha256: {row['sha256']}",
        f"llama_cpp_gpu: {GPU[backend]}",
    ]
    if backend == "cuda":
        lines.append("It needs the CUDA runtime of its version on the host.")
    if known and "vulkan" in there and backend != "vulkan":
        lines.append(f"Without CUDA on the host: {there['vulkan']['name']} (vulkan, `llama_cpp_gpu: vulkan`)")
    others = ", ".join(sorted({other["backend"] for other in assets} - {backend}))
    return [*lines, f"Other builds of the release for {architecture}: {others or 'none'}"]
