# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each filter does, as a function of plain arguments."""

from __future__ import annotations

from typing import Any

from ansible_collections.lab.ai_backend.plugins.plugin_utils import explain as explaining
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings import Finding, RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plain import to_plain
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan import checked, litellm_text, make_plan
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.table import table


def registry(raw: object) -> dict[str, Any]:
    """The checked registry with every default written out; secrets by name only, as present or not."""
    loaded = load(raw)
    return {**loaded.dump(), "secrets": dict(sorted(loaded.secrets.items())), "warnings": list(loaded.warnings)}


def plan(raw: object, groups: object, addresses: object) -> dict[str, Any]:
    """The plan of a registry for an inventory."""
    return make_plan(checked(raw, groups, addresses), groups, addresses)


def litellm_config(raw: object, groups: object, addresses: object, host: object) -> str:
    """LiteLLM's config for one gateway host, as YAML text."""
    return litellm_text(checked(raw, groups, addresses), groups, addresses, str(host))


def explain(raw: object, model: object, groups: object, addresses: object, down: object) -> dict[str, Any]:
    """Where a request for a model goes, and why; `down` is a provider that fails, or a list of them."""
    names = to_plain(down) or []
    failing = [str(name) for name in names] if isinstance(names, list) else str(names).replace(",", " ").split()
    name = str(model or "").strip()
    if not name:
        raise RegistryError([Finding("model", "is not given", "write `-e model=<the name a client asks for>`")])
    result = explaining.explain(checked(raw, groups, addresses), name, groups, addresses, failing)
    return {**result, "text": explaining.as_lines(result)}


def routing_diff(old: object, new: object, groups: object, addresses: object) -> dict[str, Any]:
    """What another registry changes for clients."""
    registries = checked(old, groups, addresses), checked(new, groups, addresses)
    return explaining.routing_diff(*registries, groups, addresses)


def status_table(rows: object, columns: object) -> str:
    """Rows (a list of mappings) as an aligned text table."""
    return table(to_plain(rows), to_plain(columns))
