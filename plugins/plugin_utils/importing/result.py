# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The result of an import: a registry, and a note for each imported part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..schema.base import SECRET_NAME
from ..schema.secrets import PLACEHOLDERS, looks_like_secret

Raw: TypeAlias = dict[str, Any]
Fate: TypeAlias = Literal["kept", "changed", "refused"]
# How existing configurations refer to the environment: ${NAME}, $NAME, os.environ/NAME, {{ env.NAME }}.
_REFERENCE = re.compile(r"\s*(?:\$\{(\w+)(?::?-[^}]*)?\}|\$(\w+)|os\.environ/(\w+)|\{\{\s*env\.(\w+)\s*\}\})\s*")


@dataclass(frozen=True, order=True)
class Note:
    """The result for one part: `where` is its path in the imported file, or in the registry if that refused it."""

    fate: Fate
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass
class Imported:
    """A registry that is being created: {providers, routing, ports, gateway, cache, secrets}, and the notes."""

    registry: Raw = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def part(self, name: str) -> Raw:
        """A part of the registry, created if it does not exist."""
        part: Raw = self.registry.setdefault(name, {})
        return part

    def note(self, fate: Fate, where: str, text: str) -> None:
        """Note the result for one part."""
        self.notes.append(Note(fate, where, text))

    def secret(self, name: str) -> None:
        """A name whose value comes from the environment of the deploy."""
        self.part("secrets")[name] = f"{{{{ lookup('ansible.builtin.env', '{name}') }}}}"

    def key(self, value: object, where: str) -> str | None:
        """The secret's name in the value of an API key; a literal key is refused and not shown."""
        if value is None or value == "" or value in PLACEHOLDERS:
            return None
        found = _REFERENCE.fullmatch(str(value))
        name = next((group for group in found.groups() if group), "") if found else ""
        if SECRET_NAME.fullmatch(name):
            self.secret(name)
            return name
        self.note("refused", where, "a literal key is not imported; refer to it by name: `env_var: SOME_API_KEY`")
        return None


def name_of(text: str, taken: Mapping[str, object]) -> str:
    """A provider's name from any text: plain letters, digits and _, not used yet."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "provider"
    plain = plain if plain[0].isalpha() and not looks_like_secret(text) else f"p_{plain}"
    number, name = 1, plain
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    return name
