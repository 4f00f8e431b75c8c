# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing a ports.yaml: services, reserved ports and ranges, in the spellings of existing files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..findings.paths import join
from .from_files import ABOUT_THE_FILE
from .result import Imported, Raw

# Other words for the sections.
SECTIONS = {
    "ports": "services",
    "services": "services",
    "reserved": "reserved",
    "reserved_ports": "reserved",
    "ranges": "ranges",
    "port_ranges": "ranges",
}
# What an entry has; `service` is a description, and the health is the path of a URL.
FIELDS = ("port", "description", "category", "health")
HEALTH = ("health_check", "health_endpoint", "health_command")
# The path of a URL in a command, or a path alone.
_HEALTH_PATH = re.compile(r"(?:https?://[^\s/'\"]+|^)(/[^\s'\"|]*)")


def are_ports(data: Mapping[str, Any]) -> bool:
    """Whether a file is one of ports: it has one of the sections, or services without any."""
    entries = [value for key, value in data.items() if key not in ABOUT_THE_FILE and key not in SECTIONS]
    listed = bool(entries) and all(_is_service(value) for value in entries)
    return listed or bool(set(data) & set(SECTIONS))


def _is_service(value: object) -> bool:
    if isinstance(value, dict):
        return "port" in value and "type" not in value
    return isinstance(value, int) and not isinstance(value, bool)


def import_ports(made: Imported, data: Mapping[str, Any]) -> None:
    """The sections of a file; services without a section are services."""
    part = made.part("ports")
    for key, value in data.items():
        word = SECTIONS.get(key)
        if word in ("services", "reserved") and isinstance(value, dict):
            for name, entry in value.items():
                _add(made, part.setdefault(word, {}), word, name, entry, join(key, str(name)))
        elif word == "ranges" and isinstance(value, dict):
            for name, span in value.items():
                path = join(key, str(name))
                made.came_from(join("ai_backend_ports", word, _plain(name)), path)
                part.setdefault(word, {})[_plain(name)] = _range(made, span, path)
        elif word is None and _is_service(value):
            _add(made, part.setdefault("services", {}), "services", key, value, join("", str(key)))
        elif key not in ABOUT_THE_FILE:
            made.note("refused", join("", str(key)), "is neither ports, reserved ports nor ranges")


def _add(made: Imported, there: Raw, section: str, name: object, entry: object, path: str) -> None:
    plain = made.renamed.get(str(name), _plain(name))
    made.came_from(join("ai_backend_ports", section, plain), path)
    there[plain] = _port(made, entry, path)


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9_]", "_", str(name).lower())


def _port(made: Imported, entry: object, path: str) -> object:
    if not isinstance(entry, dict):
        return entry
    result: Raw = {key: value for key, value in entry.items() if key in FIELDS}
    for word in HEALTH:
        if word in entry:
            found = _HEALTH_PATH.search(str(entry[word]))
            if found is not None:
                result["health"] = found[1]
                made.note("changed", f"{path}.{word}", "is `health`, the path of the URL")
            else:
                made.note("refused", f"{path}.{word}", "is not a URL; `status` shows what runs and its health")
    if "service" in entry:
        result.setdefault("description", entry["service"])
    for word in sorted(set(entry) - set(result) - {*HEALTH, "service"}):
        made.note("refused", join(path, str(word)), "has no meaning for a port here", "remove it")
    return result


def _range(made: Imported, span: object, path: str) -> object:
    if isinstance(span, list) and len(span) == 2:
        return {"start": span[0], "end": span[1]}
    if isinstance(span, dict):
        others = sorted(set(span) - {"start", "end", "description"})
        for word in others:
            made.note("refused", join(path, str(word)), "has no meaning for a range here", "remove it")
        return {key: value for key, value in span.items() if key not in others}
    return span
