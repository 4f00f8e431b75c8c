# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sizes of models, in billions of parameters: 8B, 500M, 1T, 8x7B, or 8."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from .base import AlsoSpelled
from .pydantic_findings import refused

_BILLIONS = {"m": 0.001, "b": 1.0, "t": 1000.0}
_SIZE = r"(?:(\d{1,3})x)?(\d{1,6}(?:\.\d{1,6})?)"
_DECLARED = re.compile(rf"{_SIZE}\s?([mbt]?)", re.IGNORECASE)
# In a name it is alone between marks: llama3.1:8b, Qwen2.5-Coder-7B-AWQ, not the 3B of Qwen3-30B-A3B.
_NAMED = re.compile(rf"(?<![A-Za-z0-9.]){_SIZE}([mbt])(?![A-Za-z0-9])", re.IGNORECASE)


def declared_size(text: str) -> float | None:
    """The size a text is, in billions of parameters; None when it is none."""
    found = _DECLARED.fullmatch(text.strip())
    return _billions(found) if found else None


def named_size(name: str) -> float | None:
    """The size in a model's name, in billions of parameters."""
    found = _NAMED.search(name)
    return _billions(found) if found else None


def _billions(found: re.Match[str]) -> float | None:
    experts, number, unit = found.groups()
    size = int(experts or 1) * float(number) * _BILLIONS[(unit or "b").lower()]
    return round(size, 6) or None


def _read(value: object) -> object:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        return value
    size = declared_size(text)
    if size is None:
        raise refused("routes", "is not a size → write such as 8B, 500M or 8 (billions of parameters)")
    return size


Size = Annotated[float, BeforeValidator(_read), Field(gt=0), AlsoSpelled({"type": "string"})]
