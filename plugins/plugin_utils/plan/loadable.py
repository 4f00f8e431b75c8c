# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which engines a playbook can load, by the names of their models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..findings.findings import Finding, RegistryError, suggest


def loadable(plan: Mapping[str, Any], name: str) -> dict[str, str]:
    """{host: instance} of an engine that is loaded by hand; `name` is one of its models, or its provider.

    Raises RegistryError if no host has one.
    """
    known = {(host, one): row["instance"] for host, row in _rows(plan) for one in [row["provider"], *_models(row)]}
    found = {host: instance for (host, one), instance in known.items() if one == name}
    if not found:
        names = sorted({one for _host, row in _rows(plan) for one in _models(row)})
        hint = suggest(name, names) or "write `exclusive_group` of providers, and deploy"
        problem = f"'{name}' is no model that is loaded by hand" if name else "has no value"
        raise RegistryError([Finding("model", problem, hint, check="references")])
    return found


def _rows(plan: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for host, part in plan["hosts"].items():
        for row in part["services"]:
            if "wake" in row and not row["wake"]["on_request"]:
                yield host, row


def _models(row: Mapping[str, Any]) -> list[str]:
    models: list[str] = row["wake"]["models"]
    return models
