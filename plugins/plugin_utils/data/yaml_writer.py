# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small YAML writer: plain data in, the same bytes out on every machine.

PyYAML's Python emitter needs seconds for thousands of models. Its C emitter is not available everywhere and wraps
lines differently. This writer uses the common part of YAML and JSON, which every YAML reader can read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
# Words that YAML 1.1 does not read as a text.
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"})


def to_yaml(data: object) -> str:
    """YAML text of nested dict/list/str/int/float/bool/None; keys sorted, two blanks per level."""
    return "".join(f"{line}\n" for line in _lines(data))


def _lines(data: object) -> Iterator[str]:
    if isinstance(data, dict) and data:
        for key in sorted(data):
            yield from _entry(f"{_scalar(key)}:", data[key], "  ")
    elif isinstance(data, list) and data:
        for item in data:
            head, *rest = _lines(item)
            yield f"- {head}"
            for line in rest:
                yield f"  {line}"
    else:
        yield _scalar(data)


def _entry(head: str, value: object, indent: str) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield head
        for line in _lines(value):
            yield f"{indent}{line}"
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: object) -> str:
    if isinstance(value, str):
        if _BARE.fullmatch(value) and value.lower() not in _WORDS:
            return value
        quoted = json.dumps(value, ensure_ascii=False)
        return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in quoted)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    # YAML 1.1 needs a dot in a float: json's 1e-06 would be read as a text.
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, float):
        text = f"{value:.12f}".rstrip("0")
        return f"{text}0" if text.endswith(".") else text
    return json.dumps(value)
