# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a regex of the list form stands for: a few names, or the globs nearest to it.

Read by a small walk over the text, which knows what people write in such files: literals, classes, groups,
alternatives and counts. As with `re.match` the start is anchored; without `$` anything may follow. A bare dot stands
for itself (llama3.1), `.*` and `.+` for anything.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import lru_cache

# Names and globs one regex may stand for; more than that nobody wants to see listed.
LIMIT = 200
_DEPTH = 20
_ANY = "*"
_ESCAPES = {"d": string.digits}
# Sets whose members nobody would list: read as anything, which takes more than they do.
_WIDE = frozenset("wWsSD")


class UnreadableError(ValueError):
    """The regex holds something that is not read here."""


class TooManyError(ValueError):
    """The regex stands for more than LIMIT names or globs."""


@dataclass(frozen=True)
class Language:
    """`words` are names and globs (`*` is anything); together they take every name the regex takes.

    `exact` means that they take no other name.
    """

    words: tuple[str, ...]
    exact: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names, when it is a few names and nothing else."""
        return self.words if not any(_ANY in word for word in self.words) else ()


@lru_cache(maxsize=4096)
def language(regex: str) -> Language:
    """Read a regex.

    Raises UnreadableError for what is not known here, TooManyError above LIMIT.
    """
    reader = _Reader(regex)
    words = reader.alternatives(0)
    if reader.at < len(regex):
        raise UnreadableError
    return Language(tuple(sorted(words)), reader.exact)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.exact = text, 0, True

    def alternatives(self, depth: int) -> set[str]:
        """Words of `a|b|c`, up to the end or a closing parenthesis."""
        if depth > _DEPTH:
            raise UnreadableError
        words = self.sequence(depth)
        while self.take("|"):
            words |= self.sequence(depth)
        return _bounded(words)

    def sequence(self, depth: int) -> set[str]:
        """Words of one alternative; at the top it may begin with ^ and end with $."""
        if depth == 0:
            self.take("^")
        words = {""}
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            if depth == 0 and self.take("$"):
                if self.at < len(self.text) and self.text[self.at] != "|":
                    raise UnreadableError
                return words
            words = _joined(words, self.piece(depth))
        return _joined(words, {_ANY}) if depth == 0 else words

    def piece(self, depth: int) -> set[str]:
        """Words of one atom with what counts it."""
        begin = self.at
        atom = self.atom(depth)
        dot = self.text[begin : self.at] == "."
        if self.take("*") or self.take("+"):
            # `.+` is read as `.*`: LiteLLM has no other way to write it.
            self.exact = self.exact and dot
            words = {_ANY}
        elif self.take("?"):
            words = atom | {""}
        elif self.take("{"):
            words = self.counted({_ANY} if dot else atom)
            self.exact = self.exact and not dot
        else:
            return atom
        self.take("?")
        return words

    def counted(self, atom: set[str]) -> set[str]:
        """Words of `{2}` or `{1,3}`; without an upper end they are anything."""
        end = self.text.find("}", self.at)
        least, comma, most = self.text[self.at : max(end, self.at)].partition(",")
        if end < 0 or not least.isdecimal() or (most and not most.isdecimal()):
            raise UnreadableError
        self.at = end + 1
        if comma and not most:
            self.exact = False
            return {_ANY}
        if int(most or least) > LIMIT:
            raise TooManyError
        word, words = {""}, set[str]()
        for count in range(int(most or least) + 1):
            if count >= int(least):
                words = _bounded(words | word)
            word = _joined(word, atom)
        return words

    def atom(self, depth: int) -> set[str]:
        """Words of one letter, class or group."""
        letter = self.text[self.at]
        self.at += 1
        if letter == "(":
            if self.take("?") and not self.take(":"):
                raise UnreadableError
            words = self.alternatives(depth + 1)
            if not self.take(")"):
                raise UnreadableError
            return words
        if letter == "[":
            return self.one_of()
        if letter == "\\":
            return self.escaped()
        if letter in "^$*+?{}])":
            raise UnreadableError
        return {letter}

    def escaped(self) -> set[str]:
        """The words after a backslash."""
        letter = self.text[self.at : self.at + 1]
        self.at += 1
        if letter in _WIDE and letter:
            self.exact = False
            return {_ANY}
        if letter in _ESCAPES:
            return set(_ESCAPES[letter])
        if not letter or letter.isalnum() or letter == _ANY:
            raise UnreadableError
        return {letter}

    def one_of(self) -> set[str]:
        """The letters of `[a-z_]`; those of `[^…]` are anything."""
        negated, letters, first = self.take("^"), set[str](), True
        while first or not self.take("]"):
            low, first = self.letter(), False
            if (
                len(low) == 1
                and self.text[self.at : self.at + 1] == "-"
                and self.text[self.at + 1 : self.at + 2] != "]"
            ):
                self.at += 1
                high = self.letter()
                (start,), (end,) = low, high if len(high) == 1 else low
                if len(high) != 1 or end < start or ord(end) - ord(start) > LIMIT:
                    raise UnreadableError
                letters |= {chr(code) for code in range(ord(start), ord(end) + 1)}
            else:
                letters |= low
        if negated or _ANY in letters:
            self.exact = False
            return {_ANY}
        return letters

    def letter(self) -> set[str]:
        """One member of a class."""
        if self.at >= len(self.text):
            raise UnreadableError
        self.at += 1
        return self.escaped() if self.text[self.at - 1] == "\\" else {self.text[self.at - 1]}

    def take(self, letter: str) -> bool:
        """Go past a letter when it is here."""
        here = self.text[self.at : self.at + 1] == letter
        self.at += here
        return here


def _joined(heads: set[str], tails: set[str]) -> set[str]:
    if len(heads) * len(tails) > LIMIT * LIMIT:
        raise TooManyError
    return _bounded({f"{head}{tail}".replace(_ANY + _ANY, _ANY) for head in heads for tail in tails})


def _bounded(words: set[str]) -> set[str]:
    if len(words) > LIMIT:
        raise TooManyError
    return words
