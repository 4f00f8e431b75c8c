# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an import tells: one document for programs, and lines for people, the most important ones first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from ..findings.report import SCHEMA
from .result import Fate, Imported, Note, Source

DOCS = "docs/import.md"
# In the order of reading.
FATES: tuple[Fate, ...] = ("refused", "changed", "kept")
_SHOWN = 12


def document(made: Imported, served: Collection[str]) -> dict[str, Any]:
    """The report as plain data; `served` are the names and globs of the new registry.

    {schema, names: {asked: count, kept: count, changed: [name], lost: [name]}, kept, changed, refused: counts of
    findings, findings: [{check, severity, path, file, line, message, hint, docs, fate, names}]}. A finding is like one
    of a validation (findings/report.py): critical if a name is lost, else a warning, and `none` for what is kept.
    """
    lost = sorted(name for name in made.asked if name not in served)
    # What was imported and then refused by the checks was not kept.
    refused = {note.path for note in made.notes if note.fate == "refused"}
    found = [_with_aliases(made, note) for note in made.notes if note.fate != "kept" or note.path not in refused]
    notes = sorted({*found, *_unexplained(made, lost)}, key=lambda note: (FATES.index(note.fate), note))
    touched = {name for note in notes if note.fate != "kept" for name in note.names}
    changed = sorted((touched & set(made.asked)) - set(lost))
    counts = {fate: sum(note.fate == fate for note in notes) for fate in get_args(Fate)}
    return {
        "schema": SCHEMA,
        "names": {"asked": len(made.asked), "kept": len(made.asked) - len(lost), "changed": changed, "lost": lost},
        **counts,
        "findings": [_row(note, set(lost)) for note in notes],
    }


def _with_aliases(made: Imported, note: Note) -> Note:
    """What alters a name alters its aliases too."""
    more = sorted({alias for name in note.names for alias in made.also.get(name, ())} - set(note.names))
    return replace(note, names=(*note.names, *more))


def _unexplained(made: Imported, lost: Iterable[str]) -> list[Note]:
    """A name that is lost is always in a finding."""
    noted = {name for note in made.notes if note.fate == "refused" for name in note.names}
    found: list[tuple[str, Source]] = [(name, made.asked[name]) for name in lost if name not in noted]
    problem, remedy = "nobody answers to it after the import", "see the other findings about its provider"
    return [Note("refused", source.path, problem, remedy, (name,), source.where) for name, source in found]


def _row(note: Note, lost: Collection[str]) -> dict[str, Any]:
    file, _colon, line = note.where.rpartition(":")
    severity = "critical" if note.fate == "refused" and set(note.names) & set(lost) else "warning"
    return {
        "check": "import",
        "severity": "none" if note.fate == "kept" else severity,
        "path": note.path,
        "file": file or None,
        "line": int(line) if line.isdecimal() else None,
        "message": note.problem,
        "hint": note.remedy,
        "docs": DOCS,
        "fate": note.fate,
        "names": list(note.names),
    }


def summary(report: Mapping[str, Any]) -> str:
    """One line: how many names are kept."""
    names = report["names"]
    head = f"kept {names['kept']} of {names['asked']} names"
    return f"{head}; lost {len(names['lost'])}: see report" if names["lost"] else head


def screen(report: Mapping[str, Any], registry: Mapping[str, Any]) -> list[str]:
    """The first lines: what is kept, changed and refused, in numbers and names."""
    names, providers = report["names"], registry.get("providers", {})
    models = sum(len(entry.get("models", ())) for entry in providers.values())
    rules = {section: len(rule) for section, rule in sorted(registry.get("routing", {}).items()) if rule}
    return [
        summary(report),
        f"providers: {len(providers)} with {models} models" + "".join(f", {n} {word}" for word, n in rules.items()),
        *_listed("lost", names["lost"]),
        *_listed("changed", names["changed"]),
        f"findings: {report['refused']} refused, {report['changed']} changed, {report['kept']} kept",
    ]


def _listed(word: str, names: Sequence[str]) -> list[str]:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{word}: {', '.join(names[:_SHOWN])}{more}"] if names else []


def details(report: Mapping[str, Any]) -> list[str]:
    """A line for each finding, below a line for its fate, by file and line."""
    lines: list[str] = []
    for fate in FATES:
        rows = [row for row in report["findings"] if row["fate"] == fate]
        lines += [f"{fate}:"] if rows else []
        lines += [f"  {_line(row)}" for row in sorted(rows, key=lambda row: (row["file"] or "", row["line"] or 0))]
    return lines


def _line(row: Mapping[str, Any]) -> str:
    place = f"{row['file']}:{row['line']} " if row["line"] else ""
    names = ", ".join(row["names"][:3]) + (f" and {len(row['names']) - 3} more" if len(row["names"]) > 3 else "")
    whose = f"{names}: " if names else ""
    path = f"{row['path']}: " if row["path"] else ""
    return f"{place}{whose}{path}{row['message']}{' → ' if row['hint'] else ''}{row['hint']}"
