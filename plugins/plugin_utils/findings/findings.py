# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Errors of a registry, as lines with a remedy: `path: problem → what to write`.

A line never contains a value of the registry, only its paths and names: a value can be a secret in the wrong place,
and pydantic's own text would print it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from .checks import Check, Severity

# In the library's own ValueErrors this separates the problem from the remedy.
ARROW = " → "


@dataclass(frozen=True, order=True)
class Finding:
    """One error, or one warning.

    `path` is like `ai_backend_providers.ollama.models[0].name`, `where` is file:line, `check` one of checks.CHECKS.
    """

    path: str
    problem: str
    remedy: str
    where: str = ""
    check: Check = "schema"
    severity: Severity = "critical"

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.path}: {self.problem}{ARROW}{self.remedy}{place}"


def warning(path: str, problem: str, remedy: str, check: Check) -> Finding:
    """A finding that stops nothing."""
    return Finding(path, problem, remedy, check=check, severity="warning")


class RegistryError(ValueError):
    """The registry cannot be used. `findings` contains all reasons, sorted by path."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(sorted(set(findings)))
        super().__init__(self.text())

    def text(self) -> str:
        """All findings, one per line, below a line with their number."""
        count = len(self.findings)
        noun = "problem" if count == 1 else "problems"
        return "\n".join([f"The registry has {count} {noun}:", *(f"  {finding}" for finding in self.findings)])


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or the first known words, or an empty string if there are none."""
    names = sorted(set(known))
    tail = word.rsplit("/", 1)[-1]
    same_tail = [name for name in names if name.rsplit("/", 1)[-1].lower() == tail.lower()]
    close = same_tail or difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if not names:
        return ""
    shown = ", ".join(names[:12])
    return f"known: {shown}{', …' if len(names) > 12 else ''}"
