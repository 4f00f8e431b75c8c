# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paths of the registry, as findings name them: `ai_backend_providers.ollama.models[0].name`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

# Keys and indexes from a root.
Place: TypeAlias = "tuple[str | int, ...]"
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


def join(root: str, *parts: str | int) -> str:
    """Extend a path: a list index becomes `[0]`, a key that is not a plain word `["llama3.1:8b"]`."""
    path = root
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            path += f".{part}" if path else part
        else:
            path += f'["{part}"]'
    return path


_STEP = re.compile(r'\.?([A-Za-z0-9_-]+)|\["((?:[^"]|"(?!\]))*)"\]|\[(\d+)\]')


def steps_of(path: str) -> tuple[str | int, ...]:
    """Split a path of `join`: `a.b["c:1"].d[0]` is a, b, c:1, d and 0."""
    found = _STEP.finditer(path)
    return tuple(int(m[3]) if m[3] else m[2] if m[2] is not None else m[1] for m in found)


def nearest(path: str, known: Iterable[str]) -> str | None:
    """The longest of the known paths that is the path itself or contains it."""
    holding = [place for place in known if path == place or path.startswith((f"{place}.", f"{place}["))]
    return max(holding, key=len, default=None)
