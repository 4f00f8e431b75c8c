# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a value, in plain words and with a value that would do: pydantic's are for programmers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo

# For fields that have no default to show.
_EXAMPLES: Mapping[str, object] = {
    "port": 8080,
    "start": 8000,
    "end": 8199,
    "context_length": 8192,
    "num_ctx": 8192,
    "timeout_seconds": 600,
    "requests_per_minute": 60,
    "tokens_per_minute": 100000,
    "max_tokens": 1024,
    "gpu_layers": 99,
    "input": 0.002,
    "output": 0.002,
    "weight": 0.5,
    "temperature": 0.7,
    "top_p": 0.9,
    "tensor_split": "3,1",
}
_BOUNDS = {
    "greater_than_equal": ("is too small", "{ge} or more", "ge"),
    "greater_than": ("is too small", "more than {gt}", "gt"),
    "less_than_equal": ("is too large", "{le} or less", "le"),
    "less_than": ("is too large", "less than {lt}", "lt"),
}
# Units that people write, and what one of them is in the unit of the field.
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}
_BYTES = {
    **dict.fromkeys(("b", "byte", "bytes"), 1),
    **dict.fromkeys(("k", "kb", "kib"), 1024),
    **dict.fromkeys(("m", "mb", "mib"), 1024**2),
    **dict.fromkeys(("g", "gb", "gib"), 1024**3),
}
_MAPPING = ("is not a mapping", "write `key: value` lines below it")
_LIST = ("is not a list", "write one `- item` line each below it")
_EMPTY = ("is empty", "give it at least one item, or remove it")
# What has one text whatever is given.
_FIXED = {
    **dict.fromkeys(("model_type", "dict_type", "model_attributes_type"), _MAPPING),
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    **dict.fromkeys(("too_short", "string_too_short"), _EMPTY),
}


def worded(kind: str, context: Mapping[str, Any], given: object, name: str, field: FieldInfo | None) -> tuple[str, str]:
    """(problem, remedy) of an error of pydantic. `given` is looked at for its form and for what it resembles."""
    example = _example(name, field)
    if kind in _BOUNDS:
        problem, bound, key = _BOUNDS[kind]
        return problem, f"write {bound.format(**{key: _number(context[key])})}"
    if kind in _FIXED:
        # YAML reads the words yes, no, on and off as these.
        return ("is true or false", "put the name in quotes") if isinstance(given, bool) else _FIXED[kind]
    if kind == "string_type":
        return _no_text(given, example)
    if kind == "literal_error":
        return "is none of the words there are", _one_of(re.findall(r"'([^']*)'", context["expected"]), given)
    if kind.startswith("bool"):
        return "is neither true nor false", "write true or false"
    if kind.startswith("int"):
        number = _without_unit(given, name)
        return "is not a whole number", f"write {number}" if number else f"write one, such as {example or 8}"
    if kind.startswith(("float", "finite")):
        return "is not a number", f"write one, such as {example or 0.5}"
    if kind == "string_pattern_mismatch":
        return "is not in the form that is wanted", f"write it like {example}" if example else "see docs/registry.md"
    return "is not accepted", f"write one such as {example}" if example else "see docs/registry.md for what it takes"


def _without_unit(given: object, name: str) -> int | None:
    """The number of a value with a unit, such as `5m`, in the unit of the field; None for anything else."""
    units = _BYTES if name.endswith("bytes") else _SECONDS if name == "ttl" or name.endswith("seconds") else {}
    found = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]+)\s*", given) if isinstance(given, str) else None
    factor = units.get(found[2].lower()) if found else None
    return int(found[1]) * factor if found and factor else None


def _no_text(given: object, example: str) -> tuple[str, str]:
    if isinstance(given, list):
        return "is a list where one text is wanted", "write one value, without brackets and without `- ` in front"
    if isinstance(given, dict):
        return "is a mapping where one text is wanted", "write one value on the same line"
    if given is None:
        return "is empty", "write a text, or remove the line"
    # A number lacks its unit.
    if example[:1].isdigit() and not isinstance(given, bool):
        return "is not a text", f"write it like {example}"
    return "is not a text", 'put it in quotes ("…")'


def _one_of(words: list[str], given: object) -> str:
    close = difflib.get_close_matches(str(given), words, n=1, cutoff=0.6)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}write one of {', '.join(words)}"


def _example(name: str, field: FieldInfo | None) -> str:
    default = None if field is None or field.is_required() else field.default
    value = default if isinstance(default, str | int | float) and not isinstance(default, bool) else None
    return str(value if value not in (None, "") else _EXAMPLES.get(name, ""))


def _number(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
