# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a part of the registry that may have errors: each is a finding, and everything that no error affects is read.

So the checks across parts can be made in the same run. Everything that an error affects is a doubt, and nothing that
depends on a doubt may be reported: a finding must never disappear with the fix of another one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ..findings.findings import Finding
from ..findings.paths import Place
from ..schema.base import Described
from ..schema.pydantic_findings import from_pydantic, meant_fields, owner_of
from ..schema.routing import OTHER_WORDS
from ..schema.secrets import REDACTED

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Reading(Generic[_Model]):
    """`value` is the part without its errors, None if nothing of it could be read.

    `doubts` are places whose value is not known; `misspelled` are those of them that another key probably meant.
    """

    value: _Model | None
    doubts: frozenset[Place] = frozenset()
    misspelled: frozenset[Place] = frozenset()

    @property
    def sure(self) -> bool:
        """Whether all of it was read."""
        return self.value is not None and not self.doubts


def read(model: type[_Model], data: object, root: str, findings: list[Finding], depth: int = 1) -> Reading[_Model]:
    """Read `data` as `model` and add its errors to `findings`.

    `depth` is how much is removed with an error: 1 is the key of the model, 2 the entry of a section (a rule, a port).
    An unknown key that is not similar to a known one, and a key that is only for people, is removed alone and leaves no
    doubt.
    """
    work = _Work(model, {} if data is None else data, depth)
    for place in _redacted(work.data):
        work.note("redacted", place)
    first = True
    while True:
        try:
            value = model.model_validate(work.data)
        except ValidationError as error:
            rows = error.errors(include_input=False, include_url=False, include_context=False)
            for row, finding in zip(rows, from_pydantic(error, root, model), strict=True):
                place = tuple(part for part in row["loc"] if part != "[key]")
                # An error that appears only after a removal may be a consequence of it.
                if first or not work.touched(row["type"], place):
                    findings.append(finding)
                work.note(row["type"], place)
            value = None
        if value is not None and not work.outgoing:
            return Reading(value, frozenset(work.doubts), frozenset(work.misspelled))
        if not work.take_out():
            return Reading(None, frozenset(work.doubts), frozenset(work.misspelled))
        first = False


class _Work:
    """The data of one part while its errors are removed."""

    def __init__(self, model: type[BaseModel], data: object, depth: int) -> None:
        self.model, self.data, self.depth = model, data, depth
        self.doubts: set[Place] = set()
        self.misspelled: set[Place] = set()
        self.outgoing: set[Place] = set()
        self.copied = False
        # Lists that lost an item: the numbers of the others are no longer those of the user.
        self.shifted: set[Place] = set()

    def note(self, kind: str, place: Place) -> None:
        """Decide what must be removed because of an error, and what it leaves in doubt."""
        if kind == "extra_forbidden":
            self.outgoing.add(place)
            for field in meant_fields(str(place[-1]), owner_of(self.model, place)):
                self._doubt((*place[:-1], field)[: self.depth], misspelled=True)
            return
        for end in range(1, len(place) + 1):
            owner = owner_of(self.model, place[:end])
            if owner is not None and issubclass(owner, Described) and place[end - 1] in Described.model_fields:
                if kind != "redacted":
                    self.outgoing.add(place[:end])
                return
        self._doubt(place[: self.depth], misspelled=False)
        self.outgoing.add(place[: self.depth])

    def _doubt(self, place: Place, misspelled: bool) -> None:
        self.doubts.add(place)
        if misspelled:
            self.misspelled.add(place)
        if len(place) > 1:
            # A rule or a port is known as a whole or not at all.
            self.outgoing.add(place)

    def touched(self, kind: str, place: Place) -> bool:
        """Whether an error that appears later may come from a doubt."""
        scope = place[:-1] if kind == "missing" else place
        near = {*self.doubts, *self.shifted}
        return any(scope[: len(doubt)] == doubt or doubt[: len(scope)] == scope for doubt in near)

    def take_out(self) -> bool:
        """Remove what must be removed; False if that would be everything, or if nothing could be removed."""
        if () in self.outgoing:
            return False
        if not self.copied:
            self.data, self.copied = copy.deepcopy(self.data), True
        gone: set[Place] = set()
        # The deepest and the last first, so that the others stay where they are.
        for place in sorted(self.outgoing, key=lambda place: (-len(place), [-p for p in place if isinstance(p, int)])):
            if not any(place[: len(other)] == other for other in gone):
                gone |= self._remove(place)
        self.outgoing.clear()
        return bool(gone)

    def _remove(self, place: Place) -> set[Place]:
        """Remove the part at a place, or, if the user's spelling has no such part, the one that contains it."""
        while place:
            holder = _at(self.data, place[:-1])
            key = _key(holder, place[-1])
            if key is not None:
                del holder[key]
                if isinstance(place[-1], int):
                    self.shifted.add(place[:-1])
                return {place}
            if len(place) > 1 and _at(self.data, place[:-1]) is not None:
                self.doubts.add(place[: self.depth])
            place = place[:-1]
        return set()


def _key(holder: Any, part: str | int) -> Any:
    """The key of `part` in a mapping or list as the user wrote it; None if there is none."""
    if isinstance(holder, dict):
        if part in holder:
            return part
        for word in OTHER_WORDS.get(str(part), ()):
            if word in holder:
                return word
        # The mapping form of patterns: models number what is written as keys.
        return list(holder)[part] if isinstance(part, int) and part < len(holder) else None
    if isinstance(holder, list) and isinstance(part, int) and part < len(holder):
        return part
    return None


def _at(data: object, place: Iterable[str | int]) -> Any:
    current: Any = data
    for part in place:
        key = _key(current, part)
        if key is None:
            return None
        current = current[key]
    return current


def _redacted(data: object, place: Place = ()) -> Iterator[Place]:
    """The places of literal secrets: they are reported already, and the right value is not known."""
    if isinstance(data, dict):
        for key, item in data.items():
            yield from _redacted(item, (*place, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _redacted(item, (*place, index))
    elif data == REDACTED:
        yield place
