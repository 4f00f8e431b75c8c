# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Edits of one provider in the text of a file of variables. Only its own lines change."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from ..data.plain import Plain
from ..findings.findings import Finding, RegistryError
from ..findings.paths import join
from ..registry.yaml_files import read_texts

VARIABLE = "ai_backend_providers"
# A list of models longer than this is wrapped.
_WIDTH = 110


def added(file: str, text: str, name: str, entry: Mapping[str, Plain]) -> str:
    """The text with one more provider at the end of those that are there."""
    place = _Place(file, text)
    block = yaml.safe_dump(
        {name: dict(entry)}, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=None
    )
    if not place.entries:
        return place.checked(place.with_first(_indented(block, 2)), {name: dict(entry)})
    key, value = place.entries[-1]
    last = place.last_line(key, value)
    # Where blank lines divide the others, one goes before it too.
    divided = "\n" if place.is_blank(place.comment_above(key.start_mark.line) - 1) else ""
    lines = place.lines(divided + _indented(block, place.column))
    return place.checked(place.replaced(last + 1, last + 1, lines), {**place.values, name: dict(entry)})


def removed(file: str, text: str, name: str) -> str:
    """The text without a provider, and without the comment right above it."""
    place = _Place(file, text)
    key, value = place.entry(name)
    rest = {other: content for other, content in place.values.items() if other != name}
    if not rest:
        return place.checked(place.without_any(), {})
    first, last = place.comment_above(key.start_mark.line), place.last_line(key, value)
    if place.is_blank(last + 1) and place.is_blank(first - 1):
        last += 1
    return place.checked(place.replaced(first, last + 1, []), rest)


def with_status(file: str, text: str, name: str, status: str) -> str:
    """The text in which a provider has this status."""
    place = _Place(file, text)
    key, value = place.entry(name)
    content = place.values[name]
    if not isinstance(value, yaml.MappingNode) or not isinstance(content, dict) or place.is_alias(key, value):
        raise place.refused("is not written as a mapping of its own", "write `status:` by hand", name)
    expected = {**place.values, name: {**content, "status": status}}
    for word, given in value.value:
        if word.value == "status":
            start, end = given.start_mark.index, given.end_mark.index
            return place.checked(text[:start] + status + text[end:], expected)
    if value.flow_style:
        start = value.start_mark.index + 1
        comma = ", " if value.value else ""
        return place.checked(f"{text[:start]}status: {status}{comma}{text[start:]}", expected)
    line = value.start_mark.line
    lines = place.lines(f"{' ' * value.start_mark.column}status: {status}\n")
    return place.checked(place.replaced(line, line, lines), expected)


def _indented(block: str, columns: int) -> str:
    return "".join(f"{' ' * columns}{line}" if line.strip() else line for line in block.splitlines(keepends=True))


class _Place:
    """The providers in the text of a file."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self._all = text.splitlines(keepends=True)
        self.values = self._values(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        variables = root.value if isinstance(root, yaml.MappingNode) else []
        found = next(((key, value) for key, value in variables if key.value == VARIABLE), None)
        if found is None:
            raise self.refused("is not in this file", f"write `{VARIABLE}:` at the left margin")
        self._variable, node = found
        empty = isinstance(node, yaml.ScalarNode) or not node.value
        if not empty and (not isinstance(node, yaml.MappingNode) or node.flow_style):
            raise self.refused("is not written with a line for each provider", "write each one on lines of its own")
        self._node = node
        self.entries = [] if empty else node.value

    @property
    def column(self) -> int:
        """Where the names of providers begin."""
        return int(self.entries[0][0].start_mark.column)

    def entry(self, name: str) -> tuple[yaml.Node, yaml.Node]:
        """The nodes of a provider's name and of its content."""
        for key, value in self.entries:
            if key.value == name:
                return key, value
        raise self.refused("is not in this file", "write a name that is there", name)

    def refused(self, problem: str, remedy: str, name: str = "") -> RegistryError:
        """An edit that can't be made; nothing was written."""
        return RegistryError([Finding(join(VARIABLE, name) if name else VARIABLE, problem, remedy, self.file)])

    @staticmethod
    def is_alias(key: yaml.Node, value: yaml.Node) -> bool:
        """Whether the content is in another place, at its anchor."""
        return bool(value.start_mark.index < key.end_mark.index)

    def last_line(self, key: yaml.Node, value: yaml.Node) -> int:
        """The last line (from 0) of an entry, without the blank lines and comments after it."""
        last = int(key.end_mark.line)
        if not self.is_alias(key, value):
            last = self._end(value)
        while last > key.start_mark.line and self.is_blank(last):
            last -= 1
        return last

    def _end(self, node: yaml.Node) -> int:
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self.last_line(*last) if isinstance(last, tuple) else max(self._end(last), node.start_mark.line)
        # A text with `|` ends where the next line begins.
        ended = node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line
        return int(node.end_mark.line) - (1 if ended else 0)

    def is_blank(self, line: int) -> bool:
        """Whether a line is there and has no text."""
        return 0 <= line < len(self._all) and not self._all[line].strip()

    def comment_above(self, line: int) -> int:
        """The first line of the comment right above an entry; one right below the variable is about all entries."""
        first = line
        while first > 0 and self._all[first - 1].strip().startswith("#"):
            first -= 1
        return line if first == self._variable.start_mark.line + 1 else first

    def lines(self, block: str) -> list[str]:
        """Lines as the file ends them."""
        return [line + self.newline for line in block.splitlines()]

    def replaced(self, first: int, end: int, lines: list[str], text: str = "") -> str:
        """The text, or another one, with other lines in the place of some."""
        given = text.splitlines(keepends=True) if text else self._all
        before = "".join(given[:first])
        if before and not before.endswith(("\n", "\r")):
            before += self.newline
        return before + "".join(lines) + "".join(given[end:])

    def with_first(self, block: str) -> str:
        """The text with a first provider below the variable."""
        start, end = self._variable.end_mark.index, self._node.end_mark.index
        line = self._node.end_mark.line
        emptied = f"{self.text[:start]}:{self.text[end:]}"
        return self.replaced(line + 1, line + 1, self.lines(block), emptied)

    def without_any(self) -> str:
        """The text without its only provider."""
        colon = self.text.index(":", self._variable.end_mark.index) + 1
        line, last = self._variable.start_mark.line, self.last_line(*self.entries[-1])
        header = self._all[line]
        column = colon - sum(len(each) for each in self._all[:line])
        return self.replaced(line, last + 1, [f"{header[:column]} {{}}{header[column:]}"])

    def _values(self, text: str) -> dict[str, Plain]:
        found = read_texts([(self.file, text)])
        if not found.readable:
            raise RegistryError(found.findings)
        values = found.registry.get("providers")
        return values if isinstance(values, dict) else {}

    def checked(self, text: str, expected: Mapping[str, Plain]) -> str:
        """The text, if it contains what it must, and all other variables as they were."""
        before, after = (read_texts([(self.file, each)]) for each in (self.text, text))
        others = {**before.registry, "providers": None} == {**after.registry, "providers": None}
        if not after.readable or not others or (after.registry.get("providers") or {}) != expected:
            raise self.refused("can't be edited in the way it is written", "edit it by hand")
        return text
