# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks; every finding belongs to one. docs/errors.md has a section for each, with the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Check: TypeAlias = Literal[
    "yaml",
    "schema",
    "references",
    "routes",
    "names",
    "ports",
    "secrets",
    "cache",
    "capacity",
    "rendered-config",
    "generations",
    "integrity",
]
Severity: TypeAlias = Literal["critical", "warning"]

# In the order of reading: an error in one check can make the next ones unreliable.
CHECKS: Mapping[Check, str] = {
    "yaml": "the files themselves: syntax, and duplicate keys",
    "schema": "keys, types and values of each part",
    "references": "all providers, models, chain items, inventory groups and addresses that are named exist",
    "routes": "chains end, patterns work in the written order, every name has an active provider",
    "names": "no name has two meanings, and none looks like a misspelt other one",
    "ports": "each port has one owner, inside its range, and none is reserved",
    "secrets": "every active provider has its key, and no key is written in the registry",  # pragma: allowlist secret
    "cache": "database, namespace and lifetime of cached answers",
    "capacity": "the models of a host fit into its GPU memory, and GPU layers have a GPU",
    "rendered-config": "LiteLLM knows every key of its config",
    "generations": "the generations on each host are kept, readable and complete",
    "integrity": "what is installed on each host is unchanged, and only root may change it",
}
# A wrong value below these variables; elsewhere it is `schema`.
BY_VALUE: Mapping[str, Check] = {"ai_backend_cache": "cache", "ai_backend_ports": "ports"}
DOCS = "docs/errors.md"


def anchor(check: str) -> str:
    """The section of the documentation about a check."""
    return f"{DOCS}#{check}"
