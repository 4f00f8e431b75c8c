# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of variables that a role would refuse, but only when it runs and other hosts are already changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from ..data.plain import Plain, to_plain
from ..engines.catalog import provider_types
from ..findings.findings import Finding
from .variables import PARTS, PREFIX, ROLES, known

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _options() -> Mapping[str, Mapping[str, Any]]:
    """Role variables with choices or a number -> their option in argument_specs."""
    found: dict[str, Mapping[str, Any]] = {}
    for role in known().roles:
        text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
        for spec in yaml.load(text, Loader=_LOADER)["argument_specs"].values():  # noqa: S506  # a SafeLoader
            options = (spec.get("options") or {}).items()
            found |= {name: o for name, o in options if o.get("choices") or o["type"] == "int"}
    return found


def values_on(hosts: object) -> dict[str, dict[str, Plain]]:
    """Host -> role variables that are checked here, from `hosts` = {host: all its variables}.

    No other variable is read: this would render templates and open vaults.
    """
    if not isinstance(hosts, Mapping):
        return {}
    return {str(host): dict(_values(hosts[host])) for host in list(hosts)}


def _values(variables: object) -> Iterator[tuple[str, Plain]]:
    of_engines = {name for engine in provider_types().values() for name in engine.ROLE_VARIABLES}
    for name in sorted({*_options(), *of_engines}):
        if isinstance(variables, Mapping) and name in variables:
            try:
                yield name, to_plain(variables[name])
            except Exception:  # noqa: S112  # check_templates reports it
                continue


@cache
def _templates() -> tuple[str, ...]:
    """Variables of the collection whose templates are rendered: not the registry, and no secrets."""
    given = known().given - {*PARTS}
    names = {PREFIX + word for word in given} | {
        f"{role}_{word}" for role, words in known().roles.items() for word in words
    }
    return tuple(sorted(name for name in names if "secret" not in name))


def check_templates(hosts: object) -> Iterator[Finding]:
    """A finding for each variable of the collection whose template fails, for the first host that has it.

    Ansible's own error would show the lines above it in its file, which may be secrets.
    """
    seen: set[str] = set()
    for host, variables in sorted(hosts.items()) if isinstance(hosts, Mapping) else ():
        for name in _templates():
            why = _failure(variables, name) if name not in seen else ""
            if why:
                seen.add(name)
                yield Finding(
                    name, f"can't be rendered on host '{host}': {why}", "correct it, or define what it refers to"
                )


def _failure(variables: object, name: str) -> str:
    """Why a template fails, without any of its text; empty if it does not, or only before the role runs."""
    if not isinstance(variables, Mapping) or name not in variables:
        return ""
    try:
        to_plain(variables[name])
    except Exception as error:
        undefined = re.search(r"'(\w+)' is undefined", str(error))
        if undefined is None:
            return "its template fails"
        # Facts of a host, and facts that a role sets, exist only when the role runs.
        later = undefined[1].startswith("ansible_") or undefined[1] in {
            PREFIX + word for word in known().names - known().given
        }
        return "" if later else f"there is no variable {undefined[1]}"
    return ""


def check_values(hosts: Mapping[str, Mapping[str, Plain]]) -> Iterator[Finding]:
    """A finding for each value that the role would refuse, for the first host that has it."""
    seen: set[str] = set()
    for host, values in sorted(hosts.items()):
        for name, value in values.items():
            remedy = _remedy(name, value) if name in _options() else ""
            if remedy and name not in seen:
                seen.add(name)
                yield Finding(name, f"has a value on host '{host}' that the role does not accept", remedy)


def check_engines(hosts: Mapping[str, Mapping[str, Plain]], plan: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Findings of the engines of a plan about the variables of their hosts."""
    rows = {row["name"]: row["type"] for row in (plan or {}).get("providers", ())}
    for host in sorted(hosts):
        here = (plan or {}).get("hosts", {}).get(host) or {"services": []}
        services: dict[str, set[str]] = {}
        for row in here["services"]:
            if row["provider"]:
                services.setdefault(rows[row["provider"]], set()).add(row["service"])
        for kind in sorted(services):
            yield from provider_types()[kind].check_host(host, hosts[host], services[kind])


def _remedy(name: str, value: Plain) -> str:
    """What to write instead; empty if the value is correct."""
    option = _options()[name]
    choices = [str(choice) for choice in option.get("choices") or ()]
    if choices and str(value) not in choices:
        words = {key: meant for engine in provider_types().values() for key, meant in engine.MEANT.items()}
        meant = words.get(name, {}).get(str(value).lower())
        there = ", ".join(choices)
        return f"write {meant} for it (possible are {there})" if meant else f"write one of {there}"
    if option["type"] == "int" and not _is_whole(value):
        return f"write a whole number, such as {option['default']}"
    return ""


def _is_whole(value: Plain) -> bool:
    try:
        return not isinstance(value, bool) and int(str(value)) >= 0
    except ValueError:
        return False
