# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry: seven variables in, one checked value out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.base import is_loopback
from ansible_collections.lab.ai_backend.plugins.plugin_utils.cache import Cache, Monitoring
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings import (
    Finding,
    RegistryError,
    from_pydantic,
    join,
    suggest,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.gateway import Gateway
from ansible_collections.lab.ai_backend.plugins.plugin_utils.llama_cpp import LlamaCppOptions
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plain import Plain, to_plain
from ansible_collections.lab.ai_backend.plugins.plugin_utils.ports import Ports, check_ports
from ansible_collections.lab.ai_backend.plugins.plugin_utils.providers import PROVIDER_TYPES, LlamaCpp, Provider
from ansible_collections.lab.ai_backend.plugins.plugin_utils.resolver import resolve
from ansible_collections.lab.ai_backend.plugins.plugin_utils.routes import Routes
from ansible_collections.lab.ai_backend.plugins.plugin_utils.routing import Routing, unwrap
from ansible_collections.lab.ai_backend.plugins.plugin_utils.secrets import missing, redact, take_secrets

PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_]*")
VARIABLES = ("providers", "routing", "ports", "gateway", "cache", "monitoring", "secrets")
_INIT = "run `ansible-playbook lab.ai_backend.init`, which copies an example registry"
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Registry:
    """A checked registry. `secrets` says which names have a value; no value is kept."""

    providers: Mapping[str, Provider]
    routing: Routing
    ports: Ports
    gateway: Gateway
    cache: Cache
    monitoring: Monitoring
    secrets: Mapping[str, bool]
    routes: Routes
    warnings: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """The registry as plain data with every default written out, secrets excluded, keys sorted."""
        data = {
            "cache": self.cache.model_dump(mode="json"),
            "gateway": self.gateway.model_dump(mode="json"),
            "monitoring": self.monitoring.model_dump(mode="json"),
            "ports": self.ports.model_dump(mode="json"),
            "providers": {name: provider.model_dump(mode="json") for name, provider in self.providers.items()},
            "routing": self.routing.model_dump(mode="json"),
        }
        dumped: dict[str, Any] = json.loads(_canonical(data))
        return dumped

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical JSON of `dump()`."""
        return hashlib.sha256(_canonical(self.dump()).encode()).hexdigest()


def _canonical(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def load(raw: object) -> Registry:
    """Check a registry: `{providers, routing, ports, gateway, cache, monitoring, secrets: {NAME: value}}`.

    Raises RegistryError with everything that is wrong.
    """
    plain = to_plain(raw)
    if not isinstance(plain, dict) or not plain.get("providers"):
        raise RegistryError([Finding("ai_backend_providers", "is not defined or empty", _INIT)])
    findings = [
        Finding(f"ai_backend_{name}" if name.isidentifier() else "registry", "is not part of a registry", "remove it")
        for name in plain
        if name not in VARIABLES
    ]
    present, values, found = take_secrets(plain.get("secrets"))
    findings += found
    data: dict[str, Plain] = {}
    for name in VARIABLES[:-1]:
        data[name] = redact(plain.get(name), f"ai_backend_{name}", values, findings)
    literal = [finding for finding in findings if "literal secret" in finding.problem]
    providers, complete = _providers(data["providers"], findings)
    below, root = unwrap(data["routing"], "ai_backend_routing")
    routing = _parse(Routing, below, root, findings)
    findings = _by_glob(findings, below, root)
    ports = _parse(Ports, data["ports"], "ai_backend_ports", findings)
    gateway = _parse(Gateway, data["gateway"], "ai_backend_gateway", findings)
    cache = _parse(Cache, data["cache"], "ai_backend_cache", findings)
    monitoring = _parse(Monitoring, data["monitoring"], "ai_backend_monitoring", findings)
    if ports is not None:
        findings += check_ports(ports)
        findings += _check_provider_ports(providers, ports)
    findings += _check_secrets(providers, present)
    routes = Routes({}, ())
    # References into a provider that could not be read would all look wrong.
    if routing is not None and complete:
        routes, found = resolve(providers, routing)
        findings += found
    if findings or not (routing and ports and gateway and cache and monitoring):
        # What a redacted value looks like to a model is no second problem.
        raise RegistryError(f for f in findings if f in literal or f.path not in {secret.path for secret in literal})
    warnings = tuple(sorted({*routes.warnings, *_unused(providers)}))
    return Registry(providers, routing, ports, gateway, cache, monitoring, present, routes, warnings)


def _parse(model: type[_Model], data: object, root: str, findings: list[Finding]) -> _Model | None:
    try:
        return model.model_validate({} if data is None else data)
    except ValidationError as error:
        findings += from_pydantic(error, root, model)
        return None


def _providers(data: Plain, findings: list[Finding]) -> tuple[dict[str, Provider], bool]:
    """Read each provider by its own type, so that one bad entry hides no other. Sorted by name."""
    root = "ai_backend_providers"
    if not isinstance(data, dict):
        findings.append(Finding(root, "is not a mapping", "write `name:` lines with `type:` below them"))
        return {}, False
    providers: dict[str, Provider] = {}
    for name in sorted(data):
        entry, path = data[name], join(root, name)
        if not PROVIDER_NAME.fullmatch(name):
            remedy = "use a-z, 0-9 and _, starting with a letter (it becomes part of unit and file names)"
            findings.append(Finding(path, "is not a provider name", remedy))
            continue
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(kind, str):
            known = ", ".join(sorted(PROVIDER_TYPES))
            findings.append(Finding(join(path, "type"), "is missing", f"write one of {known}"))
            continue
        if kind not in PROVIDER_TYPES:
            findings.append(Finding(join(path, "type"), "is not a known type", suggest(kind, PROVIDER_TYPES)))
            continue
        provider = _parse(PROVIDER_TYPES[kind], entry, path, findings)
        if provider is not None:
            providers[name] = provider
    return providers, len(providers) == len(data)


def _by_glob(findings: list[Finding], routing: object, root: str) -> list[Finding]:
    """In the mapping form a pattern has a key, not a number: say the key."""
    patterns = routing.get("patterns") if isinstance(routing, dict) else None
    if not isinstance(patterns, dict):
        return findings
    paths = {join(root, "patterns", i): join(root, "patterns", glob) for i, glob in enumerate(patterns)}
    result = []
    for finding in findings:
        found = re.match(re.escape(f"{root}.patterns") + r"\[\d+\]", finding.path)
        path = paths[found[0]] + finding.path[found.end() :] if found else finding.path
        result.append(replace(finding, path=path))
    return result


def _unused(providers: Mapping[str, Provider]) -> Iterator[str]:
    """Words that count only where this collection runs the engine."""
    for name, provider in providers.items():
        if not isinstance(provider, LlamaCpp) or not provider.active or provider.is_managed:
            continue
        for index, model in enumerate(provider.models):
            words = [word for word in ("environment", "path", "source", "url") if getattr(model, word)]
            words += ["options"] if model.options != LlamaCppOptions() else []
            if words:
                path = join("ai_backend_providers", name, "models", index)
                yield f"{path}: {', '.join(sorted(words))} count only where `managed` is true"


def _check_provider_ports(providers: Mapping[str, Provider], ports: Ports) -> list[Finding]:
    """A provider's port stands in one place, or in two that agree; a managed engine takes no other's port."""
    findings: list[Finding] = []
    for name, provider in providers.items():
        path, entry = join("ai_backend_providers", name), ports.services.get(name)
        if provider.hosts is not None:
            if entry is None:
                remedy = f"add it: `ai_backend_ports: {{services: {{{name}: {{port: …}}}}}}`"
                findings.append(Finding(path, "has `hosts:` but no entry in ai_backend_ports.services", remedy))
            continue
        parts = urlsplit(provider.base_url or "")
        if parts.port is None or not is_loopback(parts.hostname or ""):
            continue
        if entry is not None and entry.port != parts.port:
            problem = f"says port {parts.port}, ai_backend_ports.services.{name} says {entry.port}"
            findings.append(Finding(f"{path}.base_url", problem, "make them agree"))
        owner = next((other for other, port in ports.all_ports().items() if port == parts.port and other != name), None)
        reserved = next((other for other, held in sorted(ports.reserved.items()) if held.port == parts.port), None)
        if provider.is_managed and provider.active and reserved is not None:
            problem = f"port {parts.port} is reserved for '{reserved}' in ai_backend_ports"
            findings.append(Finding(f"{path}.base_url", problem, "take another port"))
        if provider.is_managed and provider.active and entry is None and owner is not None:
            problem = f"port {parts.port} belongs to '{owner}' in ai_backend_ports"
            findings.append(Finding(f"{path}.base_url", problem, "take another port, or give the entry its name"))
    return findings


def _check_secrets(providers: Mapping[str, Provider], present: Mapping[str, bool]) -> list[Finding]:
    """An active provider without its key would send every call to its fallback, unseen."""
    findings = []
    for name, provider in providers.items():
        variable, path = provider.env_var, join("ai_backend_providers", name)
        if provider.active and variable is not None and missing(variable, present):
            remedy = (
                f"write `{variable}: \"{{{{ lookup('ansible.builtin.env', '{variable}') }}}}\"` below "
                f"ai_backend_secrets and give it a value, or set {path}.status to inactive"
            )
            findings.append(Finding(join("ai_backend_secrets", variable), f"has no value, '{name}' needs it", remedy))
    return findings
