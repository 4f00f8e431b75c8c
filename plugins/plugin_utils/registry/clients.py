# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_clients` as far as it can be read, and whether a route answers what each client may ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ...module_utils.host.layout import CLIENT_KEYS
from ..data.plain import Plain
from ..engines.provider import Provider
from ..findings.findings import Finding, suggest, warning
from ..findings.paths import join
from ..routing.routes import DEFAULT, Routes
from ..schema import globs
from ..schema.clients import Client, matches, secret_of, wrong_name
from .lenient import read

ROOT = "ai_backend_clients"


@dataclass(frozen=True)
class Clients:
    """The clients without errors, and the names of all: of the others only the name is known."""

    sound: Mapping[str, Client]
    names: frozenset[str]
    sure: bool


def read_clients(data: Plain, findings: list[Finding]) -> Clients:
    """Read each client alone, so that an error hides no other. Sorted by name."""
    if data is None:
        return Clients({}, frozenset(), True)
    if not isinstance(data, dict):
        findings.append(Finding(ROOT, "is not a mapping", "write `name: {…}` lines below it, or `{}` for no client"))
        return Clients({}, frozenset(), False)
    sound: dict[str, Client] = {}
    for name in sorted(data):
        wrong = wrong_name(name)
        if wrong is not None:
            findings.append(Finding(join(ROOT, name), *wrong, check="names"))
        reading = read(Client, data[name], join(ROOT, name), findings)
        if wrong is None and reading.value is not None and reading.sure:
            sound[name] = reading.value
    return Clients(sound, frozenset(data), len(sound) == len(data))


def unanswered(clients: Mapping[str, Client], routes: Routes, providers: Mapping[str, Provider]) -> Iterator[Finding]:
    """Models of clients that no route answers: the client would get an error for each request.

    A model of an inactive provider is only a warning: a provider can be disabled without a change of the clients.
    """
    if DEFAULT in routes.groups:
        return
    asleep = {entry.name for provider in providers.values() if not provider.active for entry in provider.entries}
    for name, client in clients.items():
        for index, pattern in enumerate(client.models or ()):
            if _answered(pattern, routes):
                continue
            path = join(ROOT, name, "models", index)
            if any(matches(pattern, model) for model in asleep):
                problem = f"'{pattern}' is only at an inactive provider, so nothing answers it"
                yield warning(path, problem, "activate the provider, or remove the model", "references")
            else:
                remedy = suggest(pattern, routes.names) or "declare it at a provider"
                yield Finding(path, f"no route answers '{pattern}'", remedy, check="references")


def _answered(pattern: str, routes: Routes) -> bool:
    if any(matches(pattern, name) for name in routes.names):
        return True
    # LiteLLM does not anchor the end of a pattern (schema/globs.py).
    wild = (name for name, group in routes.groups.items() if group.wildcard)
    return any(globs.overlap(pattern, name if name.endswith("*") else f"{name}*") for name in wild)


def uncounted(clients: Mapping[str, Client], cached: bool) -> Iterator[Finding]:
    """Limits that only Redis can share between workers."""
    for name in (name for name, client in clients.items() if client.limited and not cached):
        problem = "has limits, but there is no Redis, so each worker of the gateway counts alone"
        yield warning(join(ROOT, name), problem, "write `enabled: true` in ai_backend_cache", "cache")


def logged(clients: Mapping[str, Client]) -> Iterator[Finding]:
    """Clients whose texts are kept: nobody should have that unnoticed."""
    for name in (name for name, client in clients.items() if client.log_content):
        problem = "prompts and answers of this client are written to the request record on every gateway"
        remedy = "remove `log_content` as soon as you have seen what you need"
        yield warning(join(ROOT, name, "log_content"), problem, remedy, "secrets")


def unused_keys(clients: Clients, present: Collection[str]) -> Iterator[Finding]:
    """Keys that are given for clients that do not exist: a name may be misspelt, or a client was removed."""
    known = {secret_of(name) for name in clients.names}
    for name in sorted(present):
        if name.startswith(CLIENT_KEYS) and name not in known:
            client = name.removeprefix(CLIENT_KEYS).lower()
            remedy = f"add `{client}: {{}}` to {ROOT}, or remove the key"
            yield warning(join("ai_backend_secrets", name), f"there is no client '{client}'", remedy, "secrets")
