# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What pydantic reports of a registry, as findings: its own text would print values."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ..findings.checks import BY_VALUE, CHECKS, Check
from ..findings.findings import ARROW, Finding, suggest
from ..findings.paths import join
from .wording import worded

_SECRET_WORDS = frozenset({"api_key", "apikey", "key", "token", "password", "secret", "master_key", "auth_token"})


def refused(check: Check, text: str) -> PydanticCustomError:
    """What a validator raises for another check than `schema`; `text` is `what is wrong → what to write`."""
    return PydanticCustomError(check, "{text}", {"text": text})


def from_pydantic(error: ValidationError, root: str, model: type[BaseModel]) -> list[Finding]:
    """Turn a ValidationError of `model`, read from the variable or key `root`, into findings."""
    # With the input: its form decides the words. It reaches no text (wording.py).
    found = [(_finding(root, model, row), row["type"]) for row in error.errors(include_url=False)]
    return [
        replace(finding, check=_check_of(kind, root)) if finding.check == "schema" else finding
        for finding, kind in found
    ]


def _check_of(kind: str, root: str) -> Check:
    """A validator's own check; what has the wrong form is `schema`, a wrong value belongs to the variable's check."""
    if kind in CHECKS:
        return typing.cast(Check, kind)
    wrong_form = kind in ("missing", "extra_forbidden") or kind.endswith(("_type", "_parsing", "_from_float"))
    return "schema" if wrong_form else BY_VALUE.get(root, "schema")


def _finding(root: str, model: type[BaseModel], row: ErrorDetails) -> Finding:
    kind, message = row["type"], row["msg"]
    # pydantic marks a bad mapping key with a trailing '[key]'.
    parts = [part for part in row["loc"] if part != "[key]"]
    path = join(root, *parts)
    if kind == "missing":
        return Finding(path, "is missing", f"write `{parts[-1]}: …`")
    if kind == "extra_forbidden":
        return _unknown_key(path, str(parts[-1]), owner_of(model, parts))
    if kind == "value_error" or kind in CHECKS:
        problem, _arrow, remedy = message.removeprefix("Value error, ").partition(ARROW)
        return Finding(path, problem, remedy or "correct it")
    owner = owner_of(model, parts) if parts else None
    name = str(parts[-1]) if parts else ""
    field = owner.model_fields.get(name) if owner is not None else None
    return Finding(path, *worded(kind, row.get("ctx", {}), row["input"], name, field))


def _unknown_key(path: str, word: str, owner: type[BaseModel] | None) -> Finding:
    if owner is None:
        return Finding(path, "unknown key", "remove it")
    refused: Mapping[str, str] = getattr(owner, "REFUSED", {})
    if word in refused:
        return Finding(path, "is not supported", refused[word])
    if word.lower() in _SECRET_WORDS:
        remedy = "a secret is given by name: write `env_var: SOME_NAME` and put SOME_NAME into ai_backend_secrets"
        return Finding(path, "a secret does not belong here", remedy, check="secrets")
    hint = suggest(word, _words(owner))
    return Finding(path, "unknown key", f"{hint} else remove it" if hint.startswith("did") else f"remove it ({hint})")


def meant_fields(word: str, owner: type[BaseModel] | None) -> set[str]:
    """The fields of `owner` that an unknown key may have meant: those its own line names."""
    if owner is None:
        return set()
    refused: Mapping[str, str] = getattr(owner, "REFUSED", {})
    if word in refused:
        named = set(re.findall(r"`(\w+)", refused[word]))
    elif word.lower() in _SECRET_WORDS:
        named = {"env_var"}
    else:
        named = set(re.findall(r"^did you mean '(.*)'\?$", suggest(word, _words(owner))))
    also: Mapping[str, str] = getattr(owner, "ALSO", {})
    return {also.get(name, name) for name in named} & set(owner.model_fields)


def _words(owner: type[BaseModel]) -> set[str]:
    return {*owner.model_fields, *getattr(owner, "ALSO", {})}


def owner_of(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that owns the last key of `loc`, found by walking the annotations of `model`."""
    current: object = model
    for part in loc[:-1]:
        current = _step(current, part)
    return _as_model(current)


def _step(current: object, part: str | int) -> object:
    owner = _as_model(current)
    if owner is not None:
        field = owner.model_fields.get(str(part))
        return field.annotation if field is not None else None
    for option in _options(current):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin in (dict, Mapping) and isinstance(part, str):
            return arguments[1]
        if origin in (list, tuple) and isinstance(part, int):
            return arguments[0]
    return None


def _as_model(current: object) -> type[BaseModel] | None:
    for option in _options(current):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _options(annotation: object) -> list[object]:
    """Strip Annotated and Optional: the types an annotation stands for."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [option for argument in typing.get_args(annotation) for option in _options(argument)]
    return [annotation]
