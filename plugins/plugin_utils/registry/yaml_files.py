# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry's own files: the place of each key, and duplicate keys.

A filter gets only values, and every YAML loader keeps the last value of a duplicate key: only this file shows the loss.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ..data.plain import Plain, to_plain
from ..findings.findings import Finding
from ..findings.paths import join
from ..schema.secrets import looks_like_secret

PREFIX = "ai_backend_"
# Aliases can make a small file a huge tree ("a billion laughs"); no registry is that large.
MOST_NODES = 1_000_000
MOST_LEVELS = 50
_MERGE = "tag:yaml.org,2002:merge"
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Sources:
    """The content of files of variables, read without Ansible: templates stay text.

    registry: {providers, routing, …} as a filter would get it. places: path -> file:line. findings: why files
    cannot be read correctly. readable: whether each file could be read at all.
    """

    registry: Mapping[str, Plain] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    readable: bool = True


def read_files(paths: Iterable[str | Path]) -> Sources:
    """Read files of variables in Ansible's order: of a variable in two of them, the later one is used."""
    return read_texts((str(path), _content(path)) for path in paths)


def _content(path: str | Path) -> str | bytes | OSError:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        return error


def read_texts(files: Iterable[tuple[str, str | bytes | OSError]]) -> Sources:
    """The same for (name, text or the error of reading it)."""
    registry: dict[str, Plain] = {}
    places: dict[str, str] = {}
    findings: list[Finding] = []
    readable = True
    for name, text in files:
        reader = _Reader(name)
        found = reader.read(text)
        readable = readable and reader.readable
        findings += reader.findings
        for key, value in found.items():
            variable = f"{PREFIX}{key}"
            places = {path: place for path, place in places.items() if not _below(path, variable)}
            registry[key] = value
        places |= reader.places
    return Sources(registry, places, tuple(findings), readable)


@dataclass(frozen=True)
class Document:
    """Any YAML or JSON file: its value, where each path of it is (path -> file:line), and why it is not as written."""

    value: Plain
    places: Mapping[str, str]
    findings: tuple[Finding, ...]
    readable: bool


def read_document(name: str, text: str) -> Document:
    """Read a file that is not one of variables."""
    reader = _Reader(name)
    value = reader.document(text)
    return Document(value, reader.places, tuple(reader.findings), reader.readable)


def twice_in(paths: Iterable[str]) -> list[Finding]:
    """Duplicate keys of the registry in a mapping of these files. Files that cannot be read are skipped."""
    findings: list[Finding] = []
    for path in sorted(set(paths)):
        try:
            text = Path(path).read_bytes()
        except OSError:
            continue
        reader = _Reader(path)
        reader.read(text)
        findings += (finding for finding in reader.findings if finding.problem.startswith(_TWICE))
    return findings


def mentioned(name: str, paths: Iterable[str]) -> bool:
    """Whether these files contain a name more than once: then something there reads the variable."""
    count = 0
    for path in sorted(set(paths)):
        try:
            count += len(
                re.findall(rf"\b{re.escape(name)}\b", Path(path).read_text(encoding="utf-8", errors="replace"))
            )
        except OSError:
            continue
    return count > 1


_TWICE = "is a duplicate"


def _below(path: str, variable: str) -> bool:
    return path == variable or path.startswith((f"{variable}.", f"{variable}["))


class _Reader:
    """One file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[str, str] = {}
        self.findings: list[Finding] = []
        self.readable = True
        self.nodes = 0
        self.values = yaml.SafeLoader("")

    def document(self, text: str) -> Plain:
        """The whole file."""
        try:
            root = yaml.compose(text, Loader=_Loader)
            return self._plain(root, "", frozenset()) if root is not None else None
        except (yaml.YAMLError, RecursionError) as error:
            self._refuse(error)
        except _UnreadableError as error:
            self.findings.append(self._finding(self.name, str(error), "write the values without the alias", None))
        self.readable = False
        return None

    def read(self, text: str | bytes | OSError) -> dict[str, Plain]:
        """Variables of the registry without their prefix."""
        if isinstance(text, OSError):
            problem = f"cannot be read: {text.strerror}"
            self.findings.append(self._finding(self.name, problem, "correct its owner and mode", None))
            self.readable = False
            return {}
        if text[:14] in ("$ANSIBLE_VAULT", b"$ANSIBLE_VAULT"):
            return {}
        try:
            text = text.decode() if isinstance(text, bytes) else text
            root = yaml.compose(text, Loader=_Loader)
            return dict(self._variables(root)) if root is not None else {}
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(error)
        except _UnreadableError as error:
            self.findings.append(self._finding(self.name, str(error), "write the values without the alias", None))
        self.readable = False
        return {}

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, UnicodeDecodeError):
            where = f"{self.name}:{error.object[: error.start].count(10) + 1}"
            problem = "has a byte that is not UTF-8"
            self.findings.append(Finding(self.name, problem, "save the file as UTF-8", where, check="yaml"))
            return
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        if isinstance(error, RecursionError):
            problem = "it is nested too deeply"
        # The text around the place is not shown: it may contain a secret.
        where = f"{self.name}:{mark.line + 1}" if mark is not None else self.name
        text = " ".join(str(problem).split())
        self.findings.append(
            Finding(self.name, f"is not YAML: {_harmless(text)}", "correct the line", where, check="yaml")
        )

    def _finding(self, path: str, problem: str, remedy: str, node: yaml.Node | None) -> Finding:
        where = f"{self.name}:{node.start_mark.line + 1}" if node is not None else self.name
        return Finding(path, problem, remedy, where, check="yaml")

    def _variables(self, root: yaml.Node) -> Iterator[tuple[str, Plain]]:
        if not isinstance(root, yaml.MappingNode):
            problem, remedy = "is not a mapping of variables", f"write `{PREFIX}…:` at the left margin"
            self.findings.append(self._finding(self.name, problem, f"{remedy}, or move the file elsewhere", root))
            self.readable = False
            return
        seen: set[str] = set()
        for key, value in root.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name.startswith(PREFIX):
                continue
            if name in seen:
                self._twice(name, key)
            seen.add(name)
            self._note(name, key)
            yield name.removeprefix(PREFIX), self._plain(value, name, frozenset())

    def _twice(self, path: str, key: yaml.Node) -> None:
        remedy = "keep one of them: only the last one is used"
        first = self.places.get(path, "").rpartition(":")[2]
        after = f" (first in line {first})" if first else ""
        self.findings.append(self._finding(path, f"{_TWICE}{after}", remedy, key))

    def _note(self, path: str, node: yaml.Node) -> None:
        self.places.setdefault(path, f"{self.name}:{node.start_mark.line + 1}")

    def _plain(self, node: yaml.Node, path: str, above: frozenset[int]) -> Plain:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise _UnreadableError("is too large with its aliases expanded")
        if id(node) in above:
            raise _UnreadableError("has an alias to a node that contains it")
        if len(above) > MOST_LEVELS:
            raise _UnreadableError("is nested too deeply")
        self._note(path, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, above | {id(node)})
        if isinstance(node, yaml.SequenceNode):
            inside = above | {id(node)}
            return [self._plain(item, join(path, index), inside) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str, above: frozenset[int]) -> dict[str, Plain]:
        result: dict[str, Plain] = {}
        merged: dict[str, Plain] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    found = self._plain(one, path, above)
                    merged = {**(found if isinstance(found, dict) else {}), **merged}
                continue
            name = str(self._scalar(key, path)) if isinstance(key, yaml.ScalarNode) else ""
            if not isinstance(key, yaml.ScalarNode):
                problem = "has a key that is not a plain word"
                self.findings.append(self._finding(path, problem, "write `key: value`", key))
                continue
            # A key may be a secret in the wrong place: then only the line is shown.
            below = path if looks_like_secret(name) else join(path, name)
            if name in result:
                self._twice(below, key)
            self._note(below, key)
            result[name] = self._plain(value, below, above)
        return {**merged, **result}

    def _scalar(self, node: yaml.Node, path: str) -> Plain:
        if not node.tag.startswith("tag:yaml.org,2002:"):
            # !vault and !unsafe: always a text.
            return str(node.value)
        try:
            return to_plain(self.values.construct_object(node))
        except (yaml.YAMLError, ValueError, OverflowError, TypeError, KeyError):
            self.findings.append(self._finding(path, "is not a value that YAML knows", 'put it in quotes ("…")', node))
            return None


class _UnreadableError(Exception):
    """The file is YAML, but cannot be converted to plain data."""


def _harmless(text: str) -> str:
    """PyYAML's message without the text that it quotes from the file."""
    for quote in ("'", '"'):
        parts = text.split(quote)
        if len(parts) > 2:
            text = "".join(
                part if index % 2 == 0 else f"{quote}{part if len(part) == 1 else '…'}{quote}"
                for index, part in enumerate(parts)
            )
    return text
