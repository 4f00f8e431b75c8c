# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The place of a finding's key: file and line, as far as ansible-core reports it.

ansible-core 2.19 and newer tag what they load from YAML with its origin. The tag is not public, so only
this file of the library reads it. Everything here may fail without harm: then lines have no file.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from .findings import Finding
from .paths import join, nearest

# A function that returns `file:line` of a value, or None.
OriginOf = Callable[[object], "str | None"]


def ansible_origin() -> OriginOf:
    """The origin from ansible-core's tag; without ansible-core, or with a changed one, it is always None."""
    try:
        tag = importlib.import_module("ansible._internal._datatag._tags").Origin
    except (ImportError, AttributeError):
        return lambda value: None

    def origin_of(value: object) -> str | None:
        origin = tag.get_tag(value)
        if origin is None or not origin.path or not origin.line_num:
            return None
        near = os.path.relpath(origin.path)
        return f"{origin.path if near.startswith('..') else near}:{origin.line_num}"

    return origin_of


def _place(value: object, origin_of: OriginOf) -> str | None:
    """The origin, if ansible-core has one."""
    try:
        return origin_of(value)
    except Exception:
        return None


def places_of(hosts: object, origin_of: OriginOf) -> dict[str, str]:
    """Name of a variable -> file:line, of `hosts` = {host: its variables}; empty if ansible-core does not report it."""
    places: dict[str, str] = {}
    for variables in (hosts[host] for host in list(hosts)) if isinstance(hosts, Mapping) else ():
        for name in list(variables) if isinstance(variables, Mapping) else ():
            places.setdefault(str(name), _place(name, origin_of) or "")
    return places


def values_of(raw: object, origin_of: OriginOf) -> dict[str, str]:
    """Variable of the registry -> file:line of its value; empty if ansible-core does not report it."""
    return {f"ai_backend_{name}": _place(value, origin_of) or "" for name, value in _inside(raw)}


def files_of(raw: object, origin_of: OriginOf) -> list[str]:
    """The files with the variables of a registry, sorted; none if ansible-core does not report them."""
    files: set[str] = set()
    for _name, value in _inside(raw):
        inside = list(value) if isinstance(value, Mapping) else []
        places = (_place(one, origin_of) for one in (value, *inside))
        files |= {place.rpartition(":")[0] for place in places if place is not None}
    return sorted(files)


def file_of(mapping: object, key: str, origin_of: OriginOf) -> str:
    """The file with a key of a mapping, else with the mapping; empty if ansible-core does not report it."""
    keys = list(mapping) if isinstance(mapping, Mapping) else []
    places = [_place(one, origin_of) for one in (*(one for one in keys if one == key), mapping, *keys)]
    return next((place.rpartition(":")[0] for place in places if place is not None), "")


def _inside(value: object) -> Iterator[tuple[object, object]]:
    """Keys or indexes, and values; None if a template cannot be rendered, which is a finding of its own."""
    keys: Iterable[object] = list(value) if isinstance(value, Mapping) else ()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        keys = range(len(value))
    for key in keys:
        try:
            yield key, value[key]  # type: ignore[index]
        except Exception:
            yield key, None


def located(findings: Iterable[Finding], raw: object, origin_of: OriginOf) -> list[Finding]:
    """Findings with the place of the nearest key of their path in `raw`, the registry as Ansible gave it."""
    findings = list(findings)
    places: dict[str, str] = {}
    for name, value in _inside(raw) if isinstance(raw, Mapping) else ():
        # Of a secret only the name is read.
        _collect(value, f"ai_backend_{name}", origin_of, places, name != "secrets")
    return at_places(findings, places)


def at_places(findings: Iterable[Finding], places: Mapping[str, str]) -> list[Finding]:
    """Findings with the place of the nearest key of their path; `places` is path -> file:line."""
    return [
        replace(finding, where=finding.where or places.get(nearest(finding.path, places) or "", ""))
        for finding in findings
    ]


def _collect(value: object, path: str, origin_of: OriginOf, places: dict[str, str], deep: bool) -> None:
    _note(value, path, origin_of, places)
    if isinstance(value, Mapping):
        for key in list(value):
            _note(key, join(path, str(key)), origin_of, places)
    for part, inside in _inside(value) if deep else ():
        _collect(inside, join(path, part if isinstance(part, int) else str(part)), origin_of, places, deep)


def _note(value: object, path: str, origin_of: OriginOf, places: dict[str, str]) -> None:
    """Keep the first place of a path: a key's, before its value's."""
    if path not in places and (place := _place(value, origin_of)) is not None:
        places[path] = place
