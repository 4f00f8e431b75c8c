# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_providers` as far as it can be read: each entry by its own type, so that a bad entry hides no other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..data.plain import Plain
from ..engines.catalog import provider_types
from ..engines.other_types import how_to_write
from ..engines.provider import Provider
from ..findings.findings import Finding, suggest
from ..findings.paths import join
from ..schema.base import is_model_name
from .lenient import read

PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Entry:
    """A provider's entry as far as it could be read.

    `models` are the names in it; with `more_models` there may be others. `doubts` are keys whose value is
    not known; without a provider everything is in doubt.
    """

    provider: Provider | None
    doubts: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()
    more_models: bool = False

    def known(self, *keys: str) -> Provider | None:
        """The provider, if these keys of it are without doubt."""
        return None if self.doubts & {"type", *keys} else self.provider

    @property
    def answers_known(self) -> bool:
        """Whether the names that it answers are known."""
        return self.known("status", "models", "default_model") is not None


def read_providers(data: Plain, findings: list[Finding]) -> dict[str, Entry] | None:
    """Read each provider by its own type, so that one bad entry hides no other. Sorted by name."""
    root = "ai_backend_providers"
    if not isinstance(data, dict):
        findings.append(Finding(root, "is not a mapping", "write `name:` lines with `type:` below them"))
        return None
    entries: dict[str, Entry] = {}
    types = provider_types()
    for name in sorted(data):
        entry, path = data[name], join(root, name)
        known_name = PROVIDER_NAME.fullmatch(name) is not None
        if not known_name:
            remedy = "use a-z, 0-9 and _, starting with a letter (it becomes part of unit and file names)"
            findings.append(Finding(path, "is not a provider name", remedy, check="names"))
        kind = entry.get("type") if isinstance(entry, dict) else None
        models, more = _model_names(entry)
        if isinstance(entry, dict) and "models" not in entry and entry.keys() - Provider.model_fields:
            # One of these keys may be a misspelt `models`; only the type would show this.
            more = True
        entries[name] = Entry(None, frozenset(), models, more)
        if not isinstance(kind, str):
            known = ", ".join(sorted(types))
            findings.append(Finding(join(path, "type"), "is missing", f"write one of {known}"))
            continue
        if kind not in types:
            findings.append(
                Finding(join(path, "type"), "is not a known type", how_to_write(kind) or suggest(kind, types))
            )
            continue
        reading = read(types[kind], entry, path, findings)
        more = more or ("models",) in reading.misspelled
        doubts = frozenset(str(part) for place in reading.doubts for part in place[:1])
        entries[name] = Entry(reading.value if known_name else None, doubts, models, more)
    return entries


def _model_names(entry: Plain) -> tuple[tuple[str, ...], bool]:
    """The names of the models in an entry as it is written, and whether some cannot be read."""
    models = entry.get("models", []) if isinstance(entry, dict) else None
    if not isinstance(models, list):
        return (), True
    written = [model.get("name") if isinstance(model, dict) else model for model in models]
    names = [name for name in written if isinstance(name, str) and is_model_name(name)]
    return tuple(sorted(set(names))), len(names) < len(written)
