"""The hash locks of the checkout, and which releases none of them may contain."""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from toolcache import ROOT

# source -> (lock, the lock whose versions it follows), in the order in which they are made
LOCKS = {
    "requirements/deploy.in": ("requirements/deploy.txt", ""),
    "requirements/dev.in": ("requirements/dev.txt", "requirements/deploy.txt"),
    "requirements/mutation.in": ("requirements/mutation.txt", "requirements/dev.txt"),
    "requirements/browser.in": ("requirements/browser.txt", ""),
    "requirements/audit.in": ("requirements/audit.txt", "requirements/dev.txt"),
    "requirements/litellm.in": ("roles/litellm/files/litellm.lock", ""),
    "requirements/llama-cpp-python.in": ("roles/llama_cpp_python/files/llama-cpp-python.lock", ""),
    "requirements/llama-cpp-python-build.in": (
        "roles/llama_cpp_python/files/llama-cpp-python-build.lock",
        "roles/llama_cpp_python/files/llama-cpp-python.lock",
    ),
    "requirements/vllm-cpu.in": ("roles/vllm/files/vllm-cpu.lock", ""),
    "requirements/vllm-cuda.in": ("roles/vllm/files/vllm-cuda.lock", ""),
    "requirements/open-webui.in": ("roles/open_webui/files/open-webui.lock", ""),
}
# Locks of gigabytes, and one of a build of a quarter of an hour: what installs each lock leaves them to
# `make test-heavy` and `make llama-python`.
LARGE = (
    "roles/llama_cpp_python/files/llama-cpp-python.lock",
    "roles/vllm/files/vllm-cpu.lock",
    "roles/vllm/files/vllm-cuda.lock",
    "roles/open_webui/files/open-webui.lock",
)
DENIED = ROOT / "requirements" / "denied.toml"
Pin = tuple[str, str]
Denied = dict[str, Any]


def denied_releases(file: pathlib.Path = DENIED) -> list[Denied]:
    """The entries of requirements/denied.toml: package, versions, ids, why."""
    entries: list[Denied] = tomllib.loads(file.read_text())["denied"]
    return entries


def pins_of(lock: str) -> list[Pin]:
    """(name, version) of all pins of a lock, whatever Python or machine they are for."""
    found = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, re.M)
    return sorted({(canonicalize_name(name), version) for name, version in found})


def refused(pins: Iterable[Pin], entries: Iterable[Denied]) -> Iterator[str]:
    """A line for each pin that an entry denies: what is wrong, and what to do."""
    entries = list(entries)
    for name, version in pins:
        for entry in entries:
            fits = (SpecifierSet(each).contains(version, prereleases=True) for each in entry["versions"])
            if name == canonicalize_name(entry["package"]) and any(fits):
                ids = ", ".join(entry["ids"])
                yield f"{name} {version} is denied ({ids}): {entry['why']} → exclude it in the .in file, run make lock"
