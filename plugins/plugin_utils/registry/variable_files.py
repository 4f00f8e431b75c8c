# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A variable that is defined in two files: Ansible uses the one that it reads last, and does not report the other."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..findings.findings import Finding, warning

_FOLDERS = ("group_vars", "host_vars")
_ENDINGS = (".yml", ".yaml", ".json")
_VARIABLE = re.compile(r"^(\w+)[ \t]*:(?=\s|$)")


def in_two_files(
    files: Iterable[str], relevant: Callable[[str], bool], values: Mapping[str, str], scopes: Collection[str]
) -> Iterator[Finding]:
    """A finding for each variable that is defined in two files of variables.

    files: some of the files that are read; others are found in their folders. relevant: whether a name is checked.
    values: variables of the registry, which is one for all hosts -> file:line of the value that is used, empty if
    ansible-core does not report it. scopes: groups and hosts of the inventory; files of others are not read.
    """
    found: dict[str, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for folder in sorted({folder for file in files for folder in _folders_of(Path(file))}):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            scope = _scope(path)
            for file in _files(path) if scope in scopes else ():
                for name, place in _variables(file):
                    if relevant(name):
                        found[name][str(folder), scope].append(place)
    for name, by_scope in sorted(found.items()):
        several = [places for places in by_scope.values() if len({_file(place) for place in places}) > 1]
        yield from (_twice(name, places, values.get(name, "")) for places in several)
        if not several and len(by_scope) > 1 and name in values:
            yield _differs(name, [places[-1] for places in by_scope.values()], values[name])


def files_below(places: Iterable[str]) -> list[str]:
    """All files of variables in the folders of inventories and playbooks. `places` are their files or folders."""
    paths = [path for path in map(Path, places) if path.exists()]
    folders = sorted({(path if path.is_dir() else path.parent) / name for path in paths for name in _FOLDERS})
    scopes = [scope for folder in folders if folder.is_dir() for scope in sorted(folder.iterdir())]
    return [_shown(file) for scope in scopes for file in _files(scope)]


def _shown(file: Path) -> str:
    near = os.path.relpath(file)
    return str(file) if near.startswith("..") else near


def _folders_of(file: Path) -> Iterator[Path]:
    """The folders group_vars and host_vars around a file; none for another file."""
    for folder in file.parents:
        if folder.name in _FOLDERS:
            yield from (folder.with_name(name) for name in _FOLDERS)


def _scope(path: Path) -> str:
    return path.stem if path.suffix in _ENDINGS else path.name


def _files(path: Path) -> Iterator[Path]:
    """The files of variables at a path, in the order Ansible reads them."""
    if path.name.startswith(".") or path.name.endswith("~"):
        return
    if path.is_dir():
        for inside in sorted(path.iterdir()):
            if inside.is_dir() or inside.suffix in (*_ENDINGS, ""):
                yield from _files(inside)
    else:
        yield path


def _variables(file: Path) -> Iterator[tuple[str, str]]:
    """(name, file:line) of the variables at the left margin; the text need not be YAML."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, 1):
        if match := _VARIABLE.match(line):
            yield match[1], f"{file}:{number}"


def _file(place: str) -> str:
    return place.rpartition(":")[0]


def _used(places: list[str], value: str) -> str:
    """The place that is used: the value's own file, else the one that is read last."""
    return next((place for place in places if _file(place) == _file(value)), "" if value else places[-1])


def _twice(name: str, places: list[str], value: str) -> Finding:
    # Of a folder and a file with the same name, Ansible reads only the folder.
    inside = [place for place in places if Path(_file(place)).parent.name not in _FOLDERS]
    used = _used(inside or places, value)
    which = f"{used} is used" if used else "neither is used, it is set in another place"
    remedy = "keep one of them, with all values"
    return Finding(name, f"is defined in {' and in '.join(places)}; {which}", remedy, used or places[0], "yaml")


def _differs(name: str, places: list[str], value: str) -> Finding:
    used = _used(places, value)
    problem = f"is defined in {' and in '.join(places)}, but there is one registry for all hosts"
    which = f"; {used} is used" if used else ""
    found = warning(name, f"{problem}{which}", "keep one of them, or use a separate inventory", "yaml")
    return replace(found, where=used or places[0])
