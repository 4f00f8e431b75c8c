# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The findings on hosts, combined with the findings in the registry."""

from __future__ import annotations

from typing import Any, get_args

from .checks import CHECKS, Severity, anchor
from .findings import Finding, RegistryError
from .report import CRITICAL, count, wanted_of

_SEVERITIES: list[str] = list(get_args(Severity))
_CHECKS: list[str] = list(CHECKS)
_KEYS = ("check", "severity", "path", "message", "hint", "host")


def live_report(raw: object, report: object = None, only: object = None) -> dict[str, Any]:
    """The results of hosts, as {findings, lines, report}.

    `raw` is a list of {check, severity, path, message, hint, host}. `findings` are those in the scope (see
    report.wanted_of), in the shape of a report with the host, `lines` are the same as text, and `report` is the given
    one with them at its end. Raises RegistryError for another shape or an unknown scope.
    """
    wanted = wanted_of(only)
    checks = wanted & set(CHECKS)
    rows = [
        row
        for row in _rows(raw)
        if (not checks or row["check"] in checks) and (CRITICAL not in wanted or row["severity"] == "critical")
    ]
    document = report if isinstance(report, dict) else {}
    known = document.get("findings")
    combined = [row for row in known if isinstance(row, dict)] if isinstance(known, list) else []
    combined += rows
    return {"findings": rows, "lines": _lines(rows), "report": {**document, **count(combined), "findings": combined}}


def _rows(raw: object) -> list[dict[str, Any]]:
    remedy = "give the result of lab.ai_backend.look"
    if not isinstance(raw, list):
        raise RegistryError([Finding("findings", "is not a list", remedy)])
    rows = []
    for found in raw:
        if not isinstance(found, dict) or not set(_KEYS) <= set(found):
            raise RegistryError([Finding("findings", "has an entry that is not a finding", remedy)])
        row = {key: str(found[key]) for key in _KEYS}
        if row["check"] not in _CHECKS or row["severity"] not in _SEVERITIES:
            raise RegistryError([Finding("findings", "has an entry of an unknown check or severity", remedy)])
        rows.append({**row, "file": None, "line": None, "docs": anchor(row["check"])})
    return sorted(
        rows,
        key=lambda row: (_SEVERITIES.index(row["severity"]), _CHECKS.index(row["check"]), row["host"], row["path"]),
    )


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each check, critical ones first, below it one for each finding."""
    lines: list[str] = []
    head = ""
    for row in rows:
        section = f"{row['severity']} · {row['check']} ({row['docs']})"
        if section != head:
            lines.append(section)
            head = section
        lines.append(f"  {row['host']}: {row['path']}: {row['message']} → {row['hint']}")
    return lines
