# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much GPU memory the models of a host need, estimated from names and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ..findings.paths import join
from ..schema.base import is_loopback
from .fleet import Fleet


def gpu_needs(fleet: Fleet, host: str) -> list[dict[str, Any]]:
    """[{path, model, bytes}] of the largest model of each engine on a host, in the order of the providers.

    An engine has one model in memory at a time. A model of unknown size is not counted.
    """
    return list(_largest(fleet, host))


def _largest(fleet: Fleet, host: str) -> Iterator[dict[str, Any]]:
    for name, provider in fleet.registry.providers.items():
        if not provider.active or host not in _hosts(fleet, name):
            continue
        needs = [
            (entry.need.total, join("ai_backend_providers", name, "models", index), entry.name)
            for index, entry in enumerate(provider.entries)
            if entry.need is not None
        ]
        for size, path, model in sorted(needs, reverse=True)[:1]:
            yield {"path": path, "model": model, "bytes": size}


def _hosts(fleet: Fleet, name: str) -> list[str]:
    """The hosts of an engine: those of the plan if it is managed, else the gateways if its address is loopback."""
    provider = fleet.registry.providers[name]
    if provider.is_managed:
        return fleet.place.engines.get(name, [])
    here = provider.LOCAL and is_loopback(urlsplit(provider.base_url or "").hostname or "")
    return fleet.place.gateways if here else []
