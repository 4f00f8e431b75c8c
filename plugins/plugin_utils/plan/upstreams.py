# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Upstreams: how the host of a gateway checks that each active provider is healthy and has its models."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ...module_utils.host.layout import unit_of
from ..engines.provider import Provider
from ..engines.waking import waking_of
from ..findings.paths import join
from ..litellm.deployments import Endpoints
from ..registry.registry import Registry
from ..schema.base import is_loopback

ROOT = "ai_backend_providers"


def upstreams(registry: Registry, endpoints: Endpoints) -> list[dict[str, Any]]:
    """One entry for each active provider and each of its hosts, for one gateway, sorted by provider and host.

    {provider, host, type, managed, paid: whether an answer costs money, health: URL, models_url: URL,
     models: [{name, path}], key: secret name or "", headers: {header: text with {key}},
     spelling: {tag, endings: [text]}, aliases, any_name, wakes: whether it may be asleep, hint: text with {model},
     unit: of a managed one, else "", local_port: port on the gateway's own loopback if it is unmanaged and there,
     else 0}.
    """
    return [
        _upstream(registry, name, provider, host, base)
        for name, provider in sorted(registry.providers.items())
        if provider.active and not provider.ONLY_LITELLM
        for host, base in endpoints[name]
        # A provider that no route uses may be on a host without an address.
        if urlsplit(base).hostname
    ]


def _upstream(registry: Registry, name: str, provider: Provider, host: str, base: str) -> dict[str, Any]:
    parts = urlsplit(base)
    unmanaged = not provider.is_managed and is_loopback(parts.hostname or "")
    path = join(ROOT, name)
    return {
        "provider": name,
        "host": host,
        "type": provider.type,
        "managed": provider.is_managed,
        "paid": provider.PAID or (bool(provider.key) and not provider.is_managed),
        "health": _health(registry, name, provider, base),
        "models_url": provider.models_url(base),
        "models": [
            {"name": entry.name, "path": join(path, "models", index)} for index, entry in enumerate(provider.entries)
        ],
        "key": provider.key,
        "headers": dict(provider.HEADERS) if provider.key else {},
        "spelling": {"tag": provider.TAG, "endings": list(provider.ENDINGS)},
        "aliases": provider.ALIASES,
        "any_name": provider.ANY_NAME and not provider.is_managed,
        "wakes": waking_of(provider) != "always",
        "hint": "deploy" if provider.is_managed else provider.REMEDY,
        "unit": unit_of(provider.instance(name)) if provider.is_managed else "",
        "local_port": (parts.port or 0) if unmanaged else 0,
    }


def _health(registry: Registry, name: str, provider: Provider, base: str) -> str:
    """The path that the registry names, on the provider's server; else the path of its kind."""
    entry = registry.ports.services.get(name)
    named = provider.health_endpoint or (entry.health if entry is not None else None)
    if named is None:
        return provider.health_url(base)
    parts = urlsplit(base)
    return urlunsplit((parts.scheme, parts.netloc, named, "", ""))
