# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of variables that nothing reads: Ansible ignores a mistyped name, and so its value.

Only names are read, never values: those may be vaulted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..findings.findings import Finding, warning

PREFIX = "ai_backend_"
PARTS = (
    "providers",
    "routing",
    "ports",
    "gateway",
    "cache",
    "monitoring",
    "webui",
    "mcp_servers",
    "clients",
    "secrets",
)
ROLES = Path(__file__).resolve().parents[3] / "roles"
# Other roles set the variables of this one; in the user's files they belong to something else.
_INTERNAL = frozenset({"service"})
# Groups of the inventory, and a file: no user sets them.
_NO_VARIABLES = frozenset({"auth", "managed", "members", "planned"})
# Other words for a part of the registry.
_ALSO = {
    **dict.fromkeys(("backends", "engines", "models"), "providers"),
    **dict.fromkeys(("fallbacks", "router", "routes"), "routing"),
    **dict.fromkeys(("endpoint", "litellm", "proxy", "tls"), "gateway"),
    "redis": "cache",
    "metrics": "monitoring",
    **dict.fromkeys(("mcp", "tools"), "mcp_servers"),
    **dict.fromkeys(("open_webui", "openwebui"), "webui"),
    **dict.fromkeys(("budget", "consumers", "customers", "limits", "users"), "clients"),
    **dict.fromkeys(("api_keys", "keys", "vault"), "secrets"),
}
# How similar two names are: a typing error, or only a similarity.
_TYPO, _SIMILAR = 0.8, 0.6


@dataclass(frozen=True)
class Known:
    """`names` are those with the prefix ai_backend_; of them, users may set `given`. roles: role -> its variables. All
    are without their prefix."""

    names: frozenset[str]
    given: frozenset[str]
    roles: Mapping[str, frozenset[str]]


@cache
def known() -> Known:
    """What the roles read: their defaults are their options, and contain the variables with the prefix."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(ROLES.glob("*/*/*.yml"))]
    playbooks = [path.read_text(encoding="utf-8") for path in sorted(ROLES.parent.glob("playbooks/*.yml"))]
    words = {word for text in (*texts, *playbooks) for word in re.findall(rf"\b{PREFIX}(\w+)", text)}
    facts = {word for text in texts for word in re.findall(rf"^ +{PREFIX}(\w+):", text, re.MULTILINE)}
    roles = {
        path.parts[-3]: frozenset(re.findall(rf"^{path.parts[-3]}_(\w+):", path.read_text(encoding="utf-8"), re.M))
        for path in sorted(ROLES.glob("*/defaults/main.yml"))
        if path.parts[-3] not in _INTERNAL
    }
    return Known(frozenset(words | {*PARTS}), frozenset((words - facts - _NO_VARIABLES) | {*PARTS}), roles)


def check_variables(names: Iterable[str]) -> Iterator[Finding]:
    """A finding for each name that is only similar to a variable of the collection."""
    for name in sorted(set(names)):
        found = _with_prefix(name) if name.startswith(PREFIX) else _of_a_role(name)
        if found is not None:
            yield found


def is_read(name: str) -> bool:
    """Whether the collection reads a variable."""
    if name.startswith(PREFIX):
        return name[len(PREFIX) :] in known().names
    return any(name.startswith(f"{role}_") and name[len(role) + 1 :] in names for role, names in known().roles.items())


def misspelt_parts(names: Collection[str]) -> frozenset[str]:
    """Parts of the registry that are missing, but probably given under another name: their content is not known."""
    words = {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}
    meant = {_meant(word) for word in words - known().names}
    return frozenset(part for part in PARTS if part in meant and part not in words)


def _meant(word: str) -> str | None:
    """The variable that a word probably means."""
    if word in _ALSO:
        return _ALSO[word]
    close = difflib.get_close_matches(word, sorted(known().given), n=1, cutoff=_SIMILAR)
    return close[0] if close else None


def hint_for(word: str) -> str:
    """What to write instead of `ai_backend_<word>`."""
    meant = _meant(word)
    hint = f"did you mean '{PREFIX}{meant}'?" if meant else f"the registry has {', '.join(sorted(PARTS))};"
    return f"{hint} else rename it"


def _with_prefix(name: str) -> Finding | None:
    word = name.removeprefix(PREFIX)
    if word in known().names:
        return None
    return Finding(name, "no variable of lab.ai_backend has this name, so it would be ignored", hint_for(word))


def _of_a_role(name: str) -> Finding | None:
    role = max((role for role in known().roles if name.startswith(f"{role}_")), key=len, default=None)
    word = name.removeprefix(f"{role}_")
    if role is None or word in known().roles[role]:
        return None
    close = difflib.get_close_matches(word, sorted(known().roles[role]), n=1, cutoff=_SIMILAR)
    if not close:
        return None
    problem, remedy = f"the role {role} has no such variable", f"did you mean '{role}_{close[0]}'? else rename it"
    if difflib.SequenceMatcher(None, word, close[0]).ratio() >= _TYPO:
        return Finding(name, problem, remedy)
    return warning(name, f"{problem}; it is ignored", remedy, "schema")
