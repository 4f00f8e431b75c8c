# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry: seven variables in, one checked value out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ..data.plain import Plain, to_plain
from ..engines.llama_cpp import LlamaCppOptions
from ..engines.other_types import how_to_write
from ..engines.providers import PROVIDER_TYPES, BaseProvider, LlamaCpp, Provider
from ..engines.sight import check_paths
from ..findings.findings import Finding, RegistryError, suggest, warning
from ..findings.paths import Place, join
from ..routing.doubts import unknown_of
from ..routing.resolver import resolve
from ..routing.routes import Routes
from ..schema.base import is_loopback, is_model_name
from ..schema.cache import Cache, Monitoring
from ..schema.gateway import Gateway
from ..schema.ports import Ports, check_ports, in_doubt
from ..schema.routing import Routing, unwrap
from ..schema.secrets import missing, redact, take_secrets
from .lenient import read
from .source_paths import as_written
from .variables import PARTS, hint_for, known

PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_]*")
_INIT = "run `ansible-playbook lab.ai_backend.init`, which copies an example registry"


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
    warnings: tuple[Finding, ...] = ()

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


@dataclass(frozen=True)
class Examined:
    """What is wrong with a registry, and as much of it as could be read.

    With findings, `registry` holds only what no mistake touches, and its routes must not be used. `unsure` are the
    parts of which something is missing there.
    """

    registry: Registry
    findings: tuple[Finding, ...]
    unsure: frozenset[str]


def load(raw: object) -> Registry:
    """Check a registry: `{providers, routing, ports, gateway, cache, monitoring, secrets: {NAME: value}}`.

    Raises RegistryError with everything that is wrong.
    """
    examined = examine(raw)
    if examined.findings:
        raise RegistryError(examined.findings)
    return examined.registry


def examine(raw: object) -> Examined:
    """Check a registry and keep what is sound, so that further checks can be made on it.

    Raises RegistryError when there is no registry at all.
    """
    plain = to_plain(raw)
    if not isinstance(plain, dict) or not plain.get("providers"):
        raise RegistryError([Finding("ai_backend_providers", "is not defined or empty", _INIT)])
    findings = [
        Finding(
            f"ai_backend_{name}" if name.isidentifier() else "registry", "is not part of a registry", hint_for(name)
        )
        for name in plain
        if name not in known().ours
    ]
    present, values, found = take_secrets(plain.get("secrets"))
    findings += found
    bad_secrets = {finding.path for finding in found}
    data: dict[str, Plain] = {}
    for name in PARTS[:-1]:
        data[name] = redact(plain.get(name), f"ai_backend_{name}", values, findings)
    literal = [finding for finding in findings if "literal secret" in finding.problem]
    entries = _providers(data["providers"], findings)
    below, root = unwrap(data["routing"], "ai_backend_routing")
    routing = read(Routing, below, root, findings, depth=2)
    where = as_written(data["routing"])
    findings = [replace(finding, path=where(finding.path)) for finding in findings]
    ports = read(Ports, data["ports"], "ai_backend_ports", findings, depth=2)
    gateway = read(Gateway, data["gateway"], "ai_backend_gateway", findings)
    cache = read(Cache, data["cache"], "ai_backend_cache", findings)
    monitoring = read(Monitoring, data["monitoring"], "ai_backend_monitoring", findings)
    if ports.value is not None:
        findings += check_ports(ports.value, ports.doubts)
        findings += _check_provider_ports(entries or {}, ports.value, ports.doubts)
    if "ai_backend_secrets" not in bad_secrets or isinstance(plain.get("secrets"), dict):
        findings += (f for f in _check_secrets(entries or {}, present) if f.path not in bad_secrets)
    routes = Routes({}, ())
    if routing.value is not None and entries is not None:
        usable = {name: entry.provider for name, entry in entries.items() if entry.provider and entry.answers_known}
        unread = {name: entry.models for name, entry in entries.items() if name not in usable}
        may_lack = any(entry.more_models for name, entry in entries.items() if name in unread)
        routes, found = resolve(usable, routing.value, unknown_of(routing.doubts, unread, may_lack), where)
        findings += found
    # What a redacted value looks like to a model is no second problem.
    hidden = {finding.path for finding in literal}
    findings = [finding for finding in findings if finding in literal or finding.path not in hidden]
    sound = {name: e.provider for name, e in (entries or {}).items() if e.provider is not None and not e.doubts}
    findings += check_paths(sound)
    sure = {"cache": cache.sure, "gateway": gateway.sure, "ports": ports.sure, "routing": routing.sure}
    unsure = {name for name, is_sure in sure.items() if not is_sure}
    if entries is None or len(sound) != len(entries):
        unsure.add("providers")
    registry = Registry(
        sound,
        routing.value or Routing(),
        ports.value or Ports(),
        gateway.value or Gateway(),
        cache.value or Cache(),
        monitoring.value or Monitoring(),
        present,
        routes,
        tuple(sorted({*routes.warnings, *_unused(sound)})),
    )
    return Examined(registry, tuple(sorted(set(findings))), frozenset(unsure))


@dataclass(frozen=True)
class _Entry:
    """A provider's entry as far as it could be read.

    `models` are the names that stand there; with `more_models` there may be others. `doubts` are keys whose value is
    not known; without a provider everything is in doubt.
    """

    provider: Provider | None
    doubts: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()
    more_models: bool = False

    def known(self, *keys: str) -> Provider | None:
        """The provider when these keys of it are beyond doubt."""
        return None if self.doubts & {"type", *keys} else self.provider

    @property
    def answers_known(self) -> bool:
        """Whether it is known what it answers to."""
        return self.known("status", "models", "default_model") is not None


def _providers(data: Plain, findings: list[Finding]) -> dict[str, _Entry] | None:
    """Read each provider by its own type, so that one bad entry hides no other. Sorted by name."""
    root = "ai_backend_providers"
    if not isinstance(data, dict):
        findings.append(Finding(root, "is not a mapping", "write `name:` lines with `type:` below them"))
        return None
    entries: dict[str, _Entry] = {}
    for name in sorted(data):
        entry, path = data[name], join(root, name)
        known_name = PROVIDER_NAME.fullmatch(name) is not None
        if not known_name:
            remedy = "use a-z, 0-9 and _, starting with a letter (it becomes part of unit and file names)"
            findings.append(Finding(path, "is not a provider name", remedy, check="names"))
        kind = entry.get("type") if isinstance(entry, dict) else None
        models, more = _model_names(entry)
        if isinstance(entry, dict) and "models" not in entry and entry.keys() - BaseProvider.model_fields - {"type"}:
            # One of these keys may have meant `models`; the type would say so.
            more = True
        entries[name] = _Entry(None, frozenset(), models, more)
        if not isinstance(kind, str):
            known = ", ".join(sorted(PROVIDER_TYPES))
            findings.append(Finding(join(path, "type"), "is missing", f"write one of {known}"))
            continue
        if kind not in PROVIDER_TYPES:
            findings.append(
                Finding(join(path, "type"), "is not a known type", how_to_write(kind) or suggest(kind, PROVIDER_TYPES))
            )
            continue
        reading = read(PROVIDER_TYPES[kind], entry, path, findings)
        more = more or ("models",) in reading.misspelled
        doubts = frozenset(str(part) for place in reading.doubts for part in place[:1])
        entries[name] = _Entry(reading.value if known_name else None, doubts, models, more)
    return entries


def _model_names(entry: Plain) -> tuple[tuple[str, ...], bool]:
    """The names of the models in an entry as it is written, and whether some cannot be."""
    models = entry.get("models", []) if isinstance(entry, dict) else None
    if not isinstance(models, list):
        return (), True
    written = [model.get("name") if isinstance(model, dict) else model for model in models]
    names = [name for name in written if isinstance(name, str) and is_model_name(name)]
    return tuple(sorted(set(names))), len(names) < len(written)


def _unused(providers: Mapping[str, Provider]) -> Iterator[Finding]:
    """Words that count only where this collection runs the engine."""
    for name, provider in providers.items():
        if not isinstance(provider, LlamaCpp) or not provider.active or provider.is_managed:
            continue
        for index, model in enumerate(provider.models):
            words = [word for word in ("environment", "path", "source", "url", "wheel") if getattr(model, word)]
            words += ["options"] if model.options != LlamaCppOptions() else []
            if words:
                path = join("ai_backend_providers", name, "models", index)
                problem = f"{', '.join(sorted(words))} count only where `managed` is true"
                yield warning(path, problem, "remove them, or let this collection run the engine", "schema")


def _check_provider_ports(entries: Mapping[str, _Entry], ports: Ports, doubts: Collection[Place]) -> list[Finding]:
    """A provider's port stands in one place, or in two that agree; a managed engine takes no other's port."""
    findings: list[Finding] = []
    known_ports = {name: port for name, port in ports.all_ports().items() if not in_doubt(doubts, "services", name)}
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
            problem = f"says port {parts.port}, ai_backend_ports.services.{name} says {entry.port}"
            findings.append(Finding(f"{path}.base_url", problem, "make them agree", check="ports"))
        owner = next((other for other, port in known_ports.items() if port == parts.port and other != name), None)
        reserved = next((other for other, held in sorted(ports.reserved.items()) if held.port == parts.port), None)
        if provider.is_managed and provider.active and reserved is not None:
            problem = f"port {parts.port} is reserved for '{reserved}' in ai_backend_ports"
            findings.append(Finding(f"{path}.base_url", problem, "take another port", check="ports"))
        if provider.is_managed and provider.active and entry is None and owner is not None:
            problem = f"port {parts.port} belongs to '{owner}' in ai_backend_ports"
            findings.append(
                Finding(f"{path}.base_url", problem, "take another port, or give the entry its name", check="ports")
            )
    return findings


def _check_secrets(entries: Mapping[str, _Entry], present: Mapping[str, bool]) -> list[Finding]:
    """An active provider without its key would send every call to its fallback, unseen."""
    findings = []
    for name, entry in entries.items():
        provider, path = entry.known("status", "env_var", "requires_api_key"), join("ai_backend_providers", name)
        variable = provider.env_var if provider is not None else None
        if provider is not None and provider.active and variable is not None and missing(variable, present):
            remedy = (
                f"write `{variable}: \"{{{{ lookup('ansible.builtin.env', '{variable}') }}}}\"` below "
                f"ai_backend_secrets and give it a value, or set {path}.status to inactive"
            )
            findings.append(
                Finding(
                    join("ai_backend_secrets", variable), f"has no value, '{name}' needs it", remedy, check="secrets"
                )
            )
    return findings
