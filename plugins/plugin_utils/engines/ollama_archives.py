# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The archive of a release of Ollama that fits a host, with the checksum from the release's own sha256sum.txt.

One archive has everything for processors, CUDA and Vulkan; those named rocm, mlx and jetpack are additions to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..data.plain import to_plain
from ..findings.findings import Finding, RegistryError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SUMS = "sha256sum.txt"
# The word of ollama_gpu for the makers of cards.
_GPU = {"NVIDIA": "cuda", "AMD": "vulkan", "Intel": "vulkan"}


def ollama_advice(raw: object, architecture: str, cards: object, sums: str) -> list[str]:
    """What to write into the inventory for a host with graphics cards of these makers, as lines of text.

    `raw` is a release as GitHub's API gives it, `sums` the text of its sha256sum.txt. Raises RegistryError if the
    release has no archive for the architecture, or no checksum for it.
    """
    machine = ARCHITECTURES.get(architecture)
    if machine is None:
        remedy = "set `managed: false` and run it there in another way, or choose another host"
        raise RegistryError([Finding("host", f"upstream publishes nothing for {architecture}", remedy)])
    name = f"ollama-linux-{machine}.tar.zst"
    address = _addresses(raw).get(name)
    if address is None:
        remedy = "name another one (-e engine_source_release=<tag>); archives are packed with zstd since v0.14"
        raise RegistryError([Finding("engine_source_release", f"the release has no {name}", remedy)])
    found = re.search(rf"^([0-9a-f]{{64}}) [ *](?:\./)?{re.escape(name)}$", sums, re.MULTILINE)
    if found is None:
        remedy = f"compute it from a download that you trust: curl -fsSL {address} | sha256sum"
        raise RegistryError([Finding("engine_source_release", f"{SUMS} has no sum of {name}", remedy)])
    makers = to_plain(cards)
    known = [maker for maker in _GPU if isinstance(makers, list) and maker in makers]
    shown = f"a graphics card of {', '.join(known)}" if known else "no graphics card"
    return [
        f"{architecture}, {shown}: {name}",
        f"ollama_archive_url: {address}",
        f"ollama_archive_sha256: {found[1]}",
        f"ollama_gpu: {_GPU[known[0]] if known else 'none'}",
    ]


def sums_url(raw: object) -> str:
    """The address of a release's sha256sum.txt. Raises RegistryError if it has none."""
    address = _addresses(raw).get(SUMS)
    if address is None:
        problem = f"does not answer with a release that has a {SUMS}"
        raise RegistryError([Finding("engine_source_api", problem, "set it to the address of the releases of Ollama")])
    return address


def _addresses(raw: object) -> Mapping[str, str]:
    release = to_plain(raw)
    assets = release.get("assets") if isinstance(release, dict) else None
    rows = [asset for asset in assets if isinstance(asset, dict)] if isinstance(assets, list) else []
    return {str(row.get("name")): str(row.get("browser_download_url")) for row in rows}
