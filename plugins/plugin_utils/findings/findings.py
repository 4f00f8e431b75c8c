# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a registry, as lines a person can act on: `path: what is wrong → what to write`.

A line never holds a value of the registry, only its paths and the names things are referred to by: a value can
be a secret in the wrong place, and pydantic's own text would print it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from .checks import Check, Severity

# In our own ValueErrors this separates the problem from the remedy.
ARROW = " → "


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong, or that people should know.

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
    """What people should know, and what stops nothing."""
    return Finding(path, problem, remedy, check=check, severity="warning")


class RegistryError(ValueError):
    """The registry cannot be used. `findings` holds every reason at once, sorted by path."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(sorted(set(findings)))
        super().__init__(self.text())

    def text(self) -> str:
        """All findings, one a line, under a line that counts them."""
        count = len(self.findings)
        noun = "problem" if count == 1 else "problems"
        return "\n".join([f"The registry has {count} {noun}:", *(f"  {finding}" for finding in self.findings)])


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or the first known words, or an empty string when there are none."""
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
