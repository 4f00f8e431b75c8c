# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks every finding belongs to. docs/errors.md has a section for each, under the same name."""

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
]
Severity: TypeAlias = Literal["critical", "warning"]

# In the order people read them: what must be mended before the next can be trusted comes first.
CHECKS: Mapping[Check, str] = {
    "yaml": "the files themselves: syntax, and keys that stand there twice",
    "schema": "keys, types and values of each part",
    "references": "providers, models, chain items, inventory groups and addresses that are named exist",
    "routes": "chains end, patterns decide as they are written, somebody active answers",
    "names": "no name stands for two things, and none looks like a misspelt other one",
    "ports": "each port has one owner, inside its range, and none is reserved",
    "secrets": "what is active has its key, and no key stands in the registry",  # pragma: allowlist secret
    "cache": "database, namespace and lifetime of cached answers",
    "capacity": "the models of a host fit into its GPU memory, and layers have a card to go to",
    "rendered-config": "LiteLLM knows every key of the config that is written for it",
    "generations": "the ways back on each host are kept, readable and whole",
}
# A wrong value below these variables; elsewhere it is `schema`.
BY_VALUE: Mapping[str, Check] = {"ai_backend_cache": "cache", "ai_backend_ports": "ports"}
DOCS = "docs/errors.md"


def anchor(check: str) -> str:
    """Where the documentation explains a check."""
    return f"{DOCS}#{check}"
