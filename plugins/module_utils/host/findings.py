# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong on a host, in the same words as what is wrong in the registry.

No finding holds what a process was started with or what a service answered: either may hold a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TypedDict


class Finding(TypedDict):
    """`check` is one of the checks of docs/errors.md, `severity` critical or warning.

    `path` is the part of the registry that is meant, or `host.<name>` where none is.
    """

    check: str
    severity: str
    path: str
    message: str
    hint: str


def critical(check: str, path: str, message: str, hint: str) -> Finding:
    """Something does not work now, or a rollback is lost."""
    return {"check": check, "severity": "critical", "path": path, "message": message, "hint": hint}


def warning(check: str, path: str, message: str, hint: str) -> Finding:
    """What people should know."""
    return {"check": check, "severity": "warning", "path": path, "message": message, "hint": hint}


def suggest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the first of the known words, or an empty string where there are none."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"it has {', '.join(names[:6])}{', …' if len(names) > 6 else ''}" if names else ""
