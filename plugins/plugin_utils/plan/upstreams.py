# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Upstreams: what a gateway's host asks each active provider, to see that it is well and has its models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ..engines.providers import LlamaCpp, Provider
from ..findings.paths import join
from ..litellm.deployments import api_base
from ..registry.registry import Registry
from ..schema.base import is_loopback

ROOT = "ai_backend_providers"
# What says that an engine is well where the registry names no other path; the others list their models.
_HEALTH = {"llama_cpp": "/health", "vllm": "/health", "ollama": "/api/version"}


def upstreams(registry: Registry, endpoints: Callable[[str], list[tuple[str, str]]]) -> list[dict[str, Any]]:
    """One entry for each active provider and host it runs on, as seen from one gateway, sorted by provider and host.

    {provider, host, type, managed, health: URL, models_url: URL, models: [{name, path}], key: secret name or "",
    local_port: port on the gateway's own loopback where somebody else runs it, else 0}. `endpoints` gives (host, base
    URL) of a provider.
    """
    return [
        _upstream(registry, name, provider, host, base)
        for name, provider in sorted(registry.providers.items())
        if provider.active
        for host, base in endpoints(name)
        # A provider that no route uses may stand on a host whose address nobody had to give.
        if urlsplit(base).hostname
    ]


def _upstream(registry: Registry, name: str, provider: Provider, host: str, base: str) -> dict[str, Any]:
    parts = urlsplit(base)
    theirs = not provider.is_managed and is_loopback(parts.hostname or "")
    path = join(ROOT, name)
    return {
        "provider": name,
        "host": host,
        "type": provider.type,
        "managed": provider.is_managed,
        "health": _health(registry, name, provider, base),
        "models_url": _models_url(provider, base),
        "models": [
            {"name": entry.name, "path": join(path, "models", index)} for index, entry in enumerate(provider.entries)
        ],
        "key": _key(provider),
        "local_port": (parts.port or 0) if theirs else 0,
    }


def _health(registry: Registry, name: str, provider: Provider, base: str) -> str:
    """The path the registry names is a path of the provider's server; else that of its kind."""
    service = registry.ports.services.get(name)
    named = provider.health_endpoint or (service.health if service is not None else None)
    if named is not None:
        parts = urlsplit(base)
        return urlunsplit((parts.scheme, parts.netloc, named, "", ""))
    python = isinstance(provider, LlamaCpp) and provider.server == "python"
    if provider.type not in _HEALTH or python:
        return _models_url(provider, base)
    return api_base("ollama_chat", base) + _HEALTH[provider.type]


def _models_url(provider: Provider, base: str) -> str:
    if provider.type in ("ollama", "ollama_cloud"):
        return api_base("ollama_chat", base) + "/api/tags"
    if provider.type == "anthropic":
        return api_base("anthropic", base) + "/v1/models"
    return api_base("openai", base) + "/models"


def _key(provider: Provider) -> str:
    if provider.is_managed and provider.type != "ollama":
        return "AI_BACKEND_ENGINE_KEY"
    return provider.env_var or ""
