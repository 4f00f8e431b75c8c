# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the engines of a host have in memory."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..engines.load import Engine
from ..schema.base import is_loopback
from .fleet import Fleet


def engines_in_memory(fleet: Fleet, host: str) -> list[Engine]:
    """The active engines of a host, in the order of the providers."""
    providers = fleet.registry.providers.items()
    return [each.in_memory(name) for name, each in providers if each.active and host in _hosts(fleet, name)]


def model_files(engines: list[Engine]) -> list[str]:
    """The paths on the host that tell more of it, sorted."""
    loads = [load for engine in engines for load in engine["models"]]
    paths = {path for load in loads for path in (load["file"], load["draft"], *load["parts"])}
    return sorted(paths - {""})


def _hosts(fleet: Fleet, name: str) -> list[str]:
    """The hosts of an engine: those of the plan if it is managed, else the gateways if its address is loopback."""
    provider = fleet.registry.providers[name]
    if provider.is_managed:
        return fleet.place.engines.get(name, [])
    here = provider.LOCAL and is_loopback(urlsplit(provider.base_url or "").hostname or "")
    return fleet.place.gateways if here else []
