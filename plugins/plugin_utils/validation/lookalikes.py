# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Similar names: probably one name that is written in two ways.

A similar name need not be an error, so all findings are warnings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..findings.findings import Finding, warning
from ..findings.paths import join
from ..registry.registry import Registry
from ..schema.routing import ROOT

_WORD = re.compile(r"[^\W\d_]+")
# A shorter word differs from another by one letter too easily (cpu, gpu; chat, code).
_SHORTEST = 5
# Words one letter apart that are both real.
_REAL = frozenset({"mistral", "mixtral"})


def check_names(registry: Registry) -> Iterator[Finding]:
    """Yield a warning for each name that is similar to another one of its kind.

    Models and all other names that a client may ask for are one kind, providers the other. An alias with a
    `backend_model` is not checked: it is intended.
    """
    yield from _alike({name: join("ai_backend_providers", name) for name in registry.providers}, "provider")
    yield from _alike(_asked_for(registry), "name")


def _asked_for(registry: Registry) -> dict[str, str]:
    """Each name that a client may ask for, and its first place."""
    routing = registry.routing
    places: dict[str, str] = {}
    for owner, provider in registry.providers.items():
        for index, entry in enumerate(provider.entries):
            places.setdefault(entry.name, join("ai_backend_providers", owner, "models", index))
    for section, table in (
        ("exact_matches", {name: rule for name, rule in routing.exact_matches.items() if rule.backend_model is None}),
        ("capability_routing", routing.capability_routing),
        ("load_balancing", routing.load_balancing),
    ):
        for name in table:
            places.setdefault(name, join(ROOT, section, name))
    return places


def _alike(places: Mapping[str, str], what: str) -> Iterator[Finding]:
    """The later of two similar names, in the order of the registry."""
    known: dict[tuple[object, ...], str] = {}
    for name, path in places.items():
        keys = _keys(name)
        other = next((known[key] for key in keys if key in known and not _both_real(known[key], name)), None)
        if other is not None:
            remedy = f"write '{other}' if it is the same, else give it a name that is more different"
            yield warning(path, f"the {what} '{name}' looks like '{other}' ({places[other]})", remedy, "names")
        for key in keys:
            known.setdefault(key, name)


def _both_real(one: str, other: str) -> bool:
    words = set(_WORD.findall(one.lower())) ^ set(_WORD.findall(other.lower()))
    return bool(words) and words <= _REAL


def _keys(name: str) -> list[tuple[object, ...]]:
    """What two similar names share: all letters and digits, or all but one letter of one word."""
    plain = re.sub(r"[\s_:/-]+", "", name.lower())
    keys: list[tuple[object, ...]] = [(plain,)]
    words = _WORD.findall(name.lower())
    rest = _WORD.sub("\x00", name.lower())
    for index, word in enumerate(words):
        around = (rest, *words[:index], None, *words[index + 1 :])
        # A word with one letter more or less, and one with two letters swapped, share a spelling without a letter
        # and the same letters; the first letter is hardly ever the wrong one.
        if len(word) >= _SHORTEST:
            keys.append((*around, word))
            keys += [(*around, word[:at] + word[at + 1 :]) for at in range(1, len(word))]
    return keys
