"""Reads Alloy's configuration language, as far as the files of this collection use it.

After "Configuration syntax" of Alloy's documentation (2026-08). Functions, operators and raw strings are not among it:
what this reads Alloy reads too, and not the other way round.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput
from lark.exceptions import VisitError

GRAMMAR = r"""
start: body
body: _LINES? (statement (_LINES statement)* _LINES?)?
?statement: attribute | block
attribute: name "=" value
block: name TEXT? "{" body "}"
name: NAME ("." NAME)*
?value: TEXT -> text | NUMBER -> number | name -> reference | array | object
array: "[" _LINES? (value (_next value)* _next?)? "]"
object: "{" _LINES? (pair (_next pair)* _next?)? "}"
_next: "," _LINES?
pair: (NAME | TEXT) "=" value
NAME: /[A-Za-z_]\w*/
TEXT: /"(\\.|[^"\\\n])*"/
NUMBER: /-?\d+(\.\d+)?/
_LINES: /([ \t]*(\/\/[^\n]*)?\r?\n)+/
%ignore /[ \t]+/
"""
WORDS = {"true": True, "false": False, "null": None}


class WrongError(Exception):
    """The file is not what Alloy reads; the message says where."""


@dataclass(frozen=True)
class Reference:
    """What another component exports: its name with dots between."""

    name: str


@dataclass(frozen=True)
class Block:
    """`kind "label" { … }`."""

    kind: str
    label: str
    attributes: dict[str, Any]
    blocks: list[Block]


class _Made(Transformer[Token, Block]):
    """Of the parser's tree, the blocks and values."""

    def start(self, children: list[Any]) -> Block:
        return _block("", "", children[0])

    def body(self, children: list[Any]) -> list[Any]:
        return children

    def block(self, children: list[Any]) -> Block:
        label = json.loads(children[1]) if len(children) == 3 else ""
        if label and not label.isidentifier():
            raise WrongError(f"{children[0]}: the label {label!r} is not a name")
        return _block(children[0], label, children[-1])

    def attribute(self, children: list[Any]) -> tuple[str, Any]:
        return children[0], children[1]

    def name(self, children: list[Any]) -> str:
        return ".".join(children)

    def text(self, children: list[Any]) -> Any:
        return json.loads(children[0])

    number = text

    def reference(self, children: list[Any]) -> Any:
        return WORDS[children[0]] if children[0] in WORDS else Reference(children[0])

    def array(self, children: list[Any]) -> list[Any]:
        return children

    def object(self, children: list[Any]) -> dict[str, Any]:
        return dict(children)

    def pair(self, children: list[Any]) -> tuple[str, Any]:
        return (json.loads(children[0]) if children[0].startswith('"') else str(children[0])), children[1]


def _block(kind: str, label: str, statements: list[Any]) -> Block:
    attributes = [one for one in statements if isinstance(one, tuple)]
    blocks = [one for one in statements if isinstance(one, Block)]
    names = [name for name, _value in attributes] + [f"{one.kind}.{one.label}" for one in blocks if one.label]
    for name in names:
        if names.count(name) > 1:
            raise WrongError(f"{name} is there twice")
    return Block(kind, label, dict(attributes), blocks)


def parse(text: str) -> Block:
    """The file, as a block without a name. Raises WrongError."""
    try:
        return _Made().transform(Lark(GRAMMAR, parser="lalr").parse(text))
    except UnexpectedInput as error:
        raise WrongError(f"line {error.line}: {error.get_context(text).strip()}") from error
    except VisitError as error:
        raise error.orig_exc from error
