# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rows as an aligned plain text table, for people and for logs."""

from __future__ import annotations

import unicodedata

from ..findings.findings import Finding, RegistryError
from .plain import Plain


def table(rows: Plain, columns: Plain = None) -> str:
    """Return `rows` (a list of mappings) as one string without a newline at its end.

    `columns` chooses and orders the columns; without it they are the keys in the order of their first appearance.
    The header is the keys in capitals, `_` as a blank. Numbers are aligned right, lists become `a,b`, None and a
    missing key are empty, true and false are yes and no. No rows give `(none)`.

    Raises RegistryError when `rows` or `columns` has another shape.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RegistryError([Finding("rows", "is not a list of mappings", "give a list of mappings")])
    mappings = [row for row in rows if isinstance(row, dict)]
    if columns is None:
        columns = list(dict.fromkeys(key for row in mappings for key in row))
    if not isinstance(columns, list):
        raise RegistryError([Finding("columns", "is not a list of keys", "give a list of keys")])
    keys = [str(column) for column in columns]
    if not mappings or not keys:
        return "(none)"
    cells = [[_text(row.get(key)) for key in keys] for row in mappings]
    right = [all(_number(row.get(key)) for row in mappings) for key in keys]
    head = [key.upper().replace("_", " ") for key in keys]
    widths = [max(map(_width, column)) for column in zip(head, *cells, strict=True)]
    lines = [
        "  ".join(_pad(cell, width, side) for cell, width, side in zip(line, widths, right, strict=True)).rstrip()
        for line in [head, *cells]
    ]
    return "\n".join(lines)


def _number(value: Plain) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Plain) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(item)}" for key, item in value.items())
    return " ".join(str(value).split())


def _width(text: str) -> int:
    """Columns of a terminal: wide characters need two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _pad(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks
