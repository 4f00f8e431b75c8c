# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings as one document for programs, and as lines of text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, get_args

from .checks import CHECKS, Severity, anchor
from .findings import Finding, RegistryError, suggest

SCHEMA = 1
# The scope: everything, only what stops a deployment, or named checks.
ALL, CRITICAL = "all", "critical"


def wanted_of(raw: object) -> frozenset[str]:
    """Read a scope: nothing, true or `all`; `critical`; or names of checks, as a list or with commas.

    Returns the words that are given, without `all`. Raises RegistryError for any other word.
    """
    words = raw if isinstance(raw, list) else str("" if raw is None else raw).replace(",", " ").split()
    given = frozenset(str(word).strip().lower() for word in words) - {"", "true", "false", "yes", "no"}
    known = {ALL, CRITICAL, *CHECKS}
    unknown = [
        Finding("ai_backend_validate_only", f"'{word}' is neither a scope nor a check", suggest(word, known))
        for word in sorted(given - known)
    ]
    if unknown:
        raise RegistryError(unknown)
    return given - {ALL}


def scoped(findings: Iterable[Finding], wanted: Collection[str]) -> list[Finding]:
    """The findings in a scope."""
    checks = set(wanted) & set(CHECKS)
    return [
        finding
        for finding in findings
        if (not checks or finding.check in checks) and (CRITICAL not in wanted or finding.severity == "critical")
    ]


def document(findings: Iterable[Finding]) -> dict[str, Any]:
    """The findings as plain data.

    {schema, critical: count, warning: count, findings: [{check, severity, path, file, line, message, hint, docs}]},
    critical ones first, then in the order of the checks, then by path. `file` and `line` are None if
    ansible-core does not report the place of a value.
    """
    rows = [_row(finding) for finding in ordered(findings)]
    return {"schema": SCHEMA, **count(rows), "findings": rows}


def count(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """{critical, warning}: how many findings of each severity."""
    return {severity: sum(row["severity"] == severity for row in rows) for severity in get_args(Severity)}


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """In the order of reading."""
    severities, checks = get_args(Severity), list(CHECKS)
    return sorted(set(findings), key=lambda f: (severities.index(f.severity), checks.index(f.check), f))


def _row(finding: Finding) -> dict[str, Any]:
    file, _colon, line = finding.where.rpartition(":")
    has_line = bool(file) and line.isdecimal()
    return {
        "check": finding.check,
        "severity": finding.severity,
        "path": finding.path,
        "file": (file if has_line else finding.where) or None,
        "line": int(line) if has_line else None,
        "message": finding.problem,
        "hint": finding.remedy,
        "docs": anchor(finding.check),
    }


def sound_line(wanted: Collection[str], plan: Mapping[str, Any]) -> str:
    """What was looked at where nothing was found: `12 checks, 23 models, 4 providers: sound`."""
    checks = set(wanted) & set(CHECKS) or set(CHECKS)
    counted = [(len(checks), "check"), (len(plan["models"]), "model"), (len(plan["providers"]), "provider")]
    return f"{', '.join(f'{number} {word}' + 's' * (number != 1) for number, word in counted)}: sound"


def as_lines(findings: Iterable[Finding]) -> list[str]:
    """The findings as text: a line for each check, below it one for each finding."""
    lines: list[str] = []
    head: tuple[str, str] | None = None
    for finding in ordered(findings):
        if head != (finding.severity, finding.check):
            head = finding.severity, finding.check
            lines.append(f"{finding.severity} · {finding.check} ({anchor(finding.check)})")
        lines.append(f"  {finding}")
    return lines
