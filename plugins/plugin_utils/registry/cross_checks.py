# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks of two parts of a registry that must agree: a provider and its port, its key, its options."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from ..engines.provider import Provider
from ..engines.waking import WakingProvider
from ..findings.findings import Finding, warning
from ..findings.paths import Place, join
from ..schema.base import is_loopback
from ..schema.gateway import Timeouts
from ..schema.ports import Ports, in_doubt
from ..schema.secrets import missing
from .providers import Entry


def unused(providers: Mapping[str, Provider]) -> Iterator[Finding]:
    """Keys that are used only if this collection runs the engine."""
    for name, provider in providers.items():
        if not provider.active or provider.is_managed:
            continue
        for index, model in enumerate(provider.entries):
            words = provider.for_managed_only(model)
            if words:
                path = join("ai_backend_providers", name, "models", index)
                problem = f"{', '.join(sorted(words))} are used only if `managed` is true"
                yield warning(path, problem, "remove them, or let this collection run the engine", "schema")


def check_provider_ports(
    entries: Mapping[str, Entry], ports: Ports, defaults: Mapping[str, int], doubts: Collection[Place]
) -> list[Finding]:
    """A provider's port is in one place, or in two that agree; a managed engine has a port of its own."""
    findings: list[Finding] = []
    known = ports.with_defaults(defaults)
    known_ports = {name: port for name, port in known.items() if not in_doubt(doubts, "services", name)}
    for name, readable in entries.items():
        path, entry = join("ai_backend_providers", name), ports.services.get(name)
        provider = readable.known("base_url", "hosts", "managed", "status")
        if provider is None or in_doubt(doubts, "services", name):
            continue
        if provider.hosts is not None:
            if entry is None:
                remedy = f"add it: `ai_backend_ports: {{services: {{{name}: {{port: …}}}}}}`"
                findings.append(
                    Finding(path, "has `hosts:` but no entry in ai_backend_ports.services", remedy, check="ports")
                )
            continue
        parts = urlsplit(provider.base_url or "")
        if parts.port is None or not is_loopback(parts.hostname or ""):
            continue
        if entry is not None and entry.port != parts.port:
            problem = f"has port {parts.port}, ai_backend_ports.services.{name} has port {entry.port}"
            findings.append(Finding(f"{path}.base_url", problem, "use the same port in both", check="ports"))
        owner = next((other for other, port in known_ports.items() if port == parts.port and other != name), None)
        reserved = next((other for other, held in sorted(ports.reserved.items()) if held.port == parts.port), None)
        if provider.is_managed and provider.active and reserved is not None:
            problem = f"port {parts.port} is reserved for '{reserved}' in ai_backend_ports"
            findings.append(Finding(f"{path}.base_url", problem, "use another port", check="ports"))
        if provider.is_managed and provider.active and entry is None and owner is not None:
            problem = f"port {parts.port} belongs to '{owner}' in ai_backend_ports"
            findings.append(
                Finding(f"{path}.base_url", problem, "use another port, or give the entry its name", check="ports")
            )
    return findings


def check_timeouts(entries: Mapping[str, Entry], edge_seconds: int) -> Iterator[Finding]:
    """No engine may take longer than the edge waits: a client would get 504 before the chain goes on."""
    for name, entry in entries.items():
        provider = entry.known("timeout_seconds")
        if provider is not None and (provider.timeout_seconds or 0) > edge_seconds:
            path = join("ai_backend_providers", name, "timeout_seconds")
            remedy = f"write {edge_seconds} or less, or raise ai_backend_gateway.stream_timeout_seconds"
            yield Finding(path, f"is longer than the edge waits ({edge_seconds} s)", remedy)


def check_waits(entries: Mapping[str, Entry], timeouts: Timeouts) -> Iterator[Finding]:
    """A request that waits until its engine is awake gets the edge's words before the gateway gives up on it."""
    for name, entry in entries.items():
        provider = entry.known("max_wait", "wake", "timeout_seconds", "stream_gap_seconds")
        if not isinstance(provider, WakingProvider) or provider.waking != "on_request":
            continue
        gap = provider.stream_gap_seconds or timeouts.stream_gap_seconds
        most = min(gap, provider.timeout_seconds or timeouts.request_seconds)
        if provider.longest_wait >= most:
            path = join("ai_backend_providers", name, "max_wait")
            problem = (
                f"a request may wait {provider.longest_wait} s, and the gateway gives up on an engine after {most}"
            )
            remedy = f"write `max_wait: {most * 4 // 5}s`, or raise ai_backend_gateway.timeouts"
            yield Finding(path, problem, remedy)


def check_groups(entries: Mapping[str, Entry]) -> Iterator[Finding]:
    """Either requests or a playbook choose which one of a group is in memory."""
    first: dict[str, tuple[str, str]] = {}
    for name, entry in entries.items():
        provider = entry.known("exclusive_group", "wake")
        if not isinstance(provider, WakingProvider) or provider.exclusive_group is None or not provider.active:
            continue
        other, waking = first.setdefault(provider.exclusive_group, (name, provider.waking))
        if waking != provider.waking:
            problem = f"is `{provider.waking}`, and '{other}' of the same exclusive_group is `{waking}`"
            path = join("ai_backend_providers", name, "wake")
            yield Finding(path, problem, f"write `wake: {waking}`, or another exclusive_group")


def check_secrets(entries: Mapping[str, Entry], present: Mapping[str, bool]) -> list[Finding]:
    """With an active provider without its key, every call would go to its fallback, without a message.

    Without the token of a model, the deployment would stop at its download.
    """
    findings = []
    for name, entry in entries.items():
        path = join("ai_backend_providers", name)
        for variable in sorted({*_named_by(entry), *_tokens_of(entry)}):
            if missing(variable, present):
                remedy = (
                    f"write `{variable}: \"{{{{ lookup('ansible.builtin.env', '{variable}') }}}}\"` below "
                    f"ai_backend_secrets and give it a value, or set {path}.status to inactive"
                )
                place = join("ai_backend_secrets", variable)
                findings.append(Finding(place, f"has no value, '{name}' needs it", remedy, check="secrets"))
    return findings


def _named_by(entry: Entry) -> Iterator[str]:
    provider = entry.known("status", "env_var", "requires_api_key")
    if provider is not None and provider.active:
        yield from provider.secret_names


def _tokens_of(entry: Entry) -> Iterator[str]:
    """Those that its models are downloaded with."""
    provider = entry.known("status", "managed", "models")
    if provider is not None and provider.active and provider.is_managed:
        yield from (source["secret"] for source in provider.files.values() if "secret" in source)
