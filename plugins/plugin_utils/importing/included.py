# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that a LiteLLM config includes: lists are continued, everything else is replaced, as LiteLLM does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..findings.paths import join
from ..registry.yaml_files import Document, read_document
from .result import Imported


def _entries(value: object) -> list[str]:
    given = value.get("include") if isinstance(value, dict) else None
    return [entry for entry in given if isinstance(entry, str)] if isinstance(given, list) else []


def with_included(place: Path, text: str, read: Callable[[Path], str]) -> dict[str, Path]:
    """The files that a file includes, by the name under which it does, also those that these include."""
    found: dict[str, Path] = {}
    waiting = [(place, text)]
    while waiting:
        file, content = waiting.pop(0)
        for entry in _entries(read_document(file.name, content).value):
            other = next((path for path in (file.parent / entry, place.parent / entry) if path.is_file()), None)
            if entry not in found and other is not None and other != place:
                found[entry] = other
                waiting.append((other, read(other)))
    return found


def merged(made: Imported, documents: Mapping[str, Document]) -> dict[str, Document]:
    """The documents, with what they include in its place, and no longer alone."""
    names = {key: name for name in documents for key in (PurePosixPath(name).name, name)}
    result, taken = dict(documents), set()
    for name, doc in documents.items():
        waiting, seen = _entries(doc.value), {name}
        for entry in waiting:
            other = names.get(entry) or names.get(PurePosixPath(entry).name)
            if other is None:
                made.places = doc.places
                made.note("refused", "include", f"'{entry}' is not among the files", "name the folder that has both")
            elif other not in seen:
                seen.add(other)
                waiting += _entries(documents[other].value)
                result[name] = _with(result[name], documents[other])
        taken |= seen - {name}
    return {name: doc for name, doc in result.items() if name not in taken}


def _with(base: Document, included: Document) -> Document:
    if not isinstance(base.value, dict) or not isinstance(included.value, dict):
        return base
    value: dict[str, Any] = dict(base.value)
    places = dict(base.places)
    for key, given in included.value.items():
        if key == "include":
            continue
        here = value.get(key)
        count = len(here) if isinstance(here, list) and isinstance(given, list) else 0
        value[key] = [*here, *given] if isinstance(here, list) and isinstance(given, list) else given
        if not count:
            places = {
                path: place for path, place in places.items() if not re.match(rf"{re.escape(key)}(?![\w-])", path)
            }
        places |= {_moved(path, key, count): place for path, place in included.places.items() if path.startswith(key)}
    return replace(base, value=value, places=places)


def _moved(path: str, key: str, count: int) -> str:
    """The place of an item after those that were there."""
    found = re.match(rf"{re.escape(key)}\[(\d+)\]", path)
    return path if found is None else join(key, int(found[1]) + count) + path[found.end() :]
