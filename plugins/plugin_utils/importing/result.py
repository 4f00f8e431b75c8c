# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The result of an import: a registry, the names that clients could ask for, and a note for each imported part."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from ..findings.paths import join, steps_of
from ..schema.base import SECRET_NAME
from ..schema.secrets import PLACEHOLDERS, looks_like_secret

Raw: TypeAlias = dict[str, Any]
Fate: TypeAlias = Literal["kept", "changed", "refused"]
# How existing configurations refer to the environment: ${NAME}, $NAME, os.environ/NAME, {{ env.NAME }}.
_REFERENCE = re.compile(r"\s*(?:\$\{(\w+)(?::?-[^}]*)?\}|\$(\w+)|os\.environ/(\w+)|\{\{\s*env\.(\w+)\s*\}\})\s*")


class Source(NamedTuple):
    """A place in a file: its path there, and where each path of this file is (path -> file:line)."""

    path: str
    places: Mapping[str, str]

    @property
    def where(self) -> str:
        """file:line of the nearest key that is known."""
        steps = steps_of(self.path)
        above = (join("", *steps[:count]) for count in range(len(steps), -1, -1))
        return next((self.places[place] for place in above if place in self.places), "")

    def below(self, rest: str) -> Source:
        """A place inside of it."""
        return Source(self.path + rest, self.places)


@dataclass(frozen=True, order=True)
class Note:
    """The result for one part.

    `path` and `where` are its place in the imported file, or its path in the registry if that refused it. `names` are
    the names whose requests it alters; none means that it is about no name, or about all.
    """

    fate: Fate
    path: str
    problem: str
    remedy: str = ""
    names: tuple[str, ...] = ()
    where: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        whose = f"{_shown(self.names)}: " if self.names else ""
        return f"{whose}{self.path}: {self.problem}{' → ' if self.remedy else ''}{self.remedy}{place}"


def _shown(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@dataclass
class Imported:
    """A registry that is being created: {providers, routing, ports, gateway, cache, secrets}, and what became of it.

    `asked` are the names that clients could ask for, `users` the names that lead to a provider's model, `sources` the
    place in the files of a part of the registry, `renamed` the providers with another name than before, `also` the
    aliases of a name.
    """

    registry: Raw = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    asked: dict[str, Source] = field(default_factory=dict)
    users: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    sources: dict[str, Source] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    also: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    # The places in the file that is being read.
    places: Mapping[str, str] = field(default_factory=dict)

    def part(self, name: str) -> Raw:
        """A part of the registry, created if it does not exist."""
        part: Raw = self.registry.setdefault(name, {})
        return part

    def source(self, path: str) -> Source:
        """A place in the file that is being read."""
        return Source(path, self.places)

    def note(self, fate: Fate, path: str, problem: str, remedy: str = "", names: Iterable[str] = ()) -> None:
        """Note the result for one part of the file that is being read."""
        self.notes.append(Note(fate, path, problem, remedy, tuple(dict.fromkeys(names)), self.source(path).where))

    def asks(self, name: str, path: str) -> None:
        """A name that a client could ask for, and where it is written."""
        self.asked.setdefault(name, self.source(path))

    def came_from(self, registry_path: str, path: str) -> None:
        """Where in the file a part of the registry is written."""
        self.sources.setdefault(registry_path, self.source(path))

    def secret(self, name: str) -> None:
        """A name whose value comes from the environment of the deploy."""
        self.part("secrets")[name] = f"{{{{ lookup('ansible.builtin.env', '{name}') }}}}"

    def key(self, value: object, path: str, remedy: str = "", names: Iterable[str] = ()) -> str | None:
        """The secret's name in the value of an API key; a literal key is refused and not shown."""
        if value is None or value == "" or str(value) in PLACEHOLDERS:
            return None
        name = reference(value)
        if SECRET_NAME.fullmatch(name):
            self.secret(name)
            return name
        remedy = remedy or "refer to it by name: `env_var: SOME_API_KEY`"
        self.note("refused", path, "a literal key is not imported", remedy, names)
        return None


def reference(value: object) -> str:
    """The name of the variable that a value is read from; empty for any other value."""
    found = _REFERENCE.fullmatch(str(value))
    return next((group for group in found.groups() if group), "") if found else ""


def name_of(text: str, taken: Mapping[str, object]) -> str:
    """A provider's name from any text: plain letters, digits and _, not used yet."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "provider"
    plain = plain if plain[0].isalpha() and not looks_like_secret(text) else f"p_{plain}"
    number, name = 1, plain
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    return name


def number_of(value: object) -> float | None:
    """A number as it is, or as a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
