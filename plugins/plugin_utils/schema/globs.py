# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Globs as LiteLLM's gateway reads them.

Seen in litellm/router_utils/pattern_match_deployments.py (1.108.6): a `*` becomes `(.*)`, the rest is escaped,
`re.match` anchors the start and nothing anchors the end, and the pattern with the longest escaped regex wins,
then the one with more special characters, then the first one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from . import regexes
from .base import is_model_name
from .pydantic_findings import refused

_SPECIAL = ("*", "+", "?", "\\", "^", "$", "|", "(", ")")
_ONLY = "it knows only `*`"
# Globs that a message shows.
_SHOWN = 6


def glob_of(text: str) -> str:
    """Turn a regex of the list form into a glob, as `re.match` would use it.

    LiteLLM knows only `*`. Plain globs stay as they are; an open end (`^qwen`) is `qwen*`; a regex that stands for a
    few names and no others stays too, see names_of.

    Raises ValueError for a regex that needs more than that, with the nearest globs.
    """
    if re.fullmatch(r"[^\\^$+?|()\[\]{}]*", text) and ".*" not in text and "*" in text:
        return text
    try:
        language = regexes.language(text)
    except regexes.TooManyError:
        problem = f"is a regex for more than {regexes.LIMIT} names → write globs (`name*`), or names in `exact_matches`"
        raise refused("routes", problem) from None
    except regexes.UnreadableError:
        raise refused("routes", f"is a regex LiteLLM cannot match, {_ONLY} → write globs such as `name*`") from None
    if names_of(text):
        return text
    if len(language.words) == 1 and language.exact:
        return language.words[0]
    globs = [f"`{word}`" for word in language.words[:_SHOWN]]
    rest = len(language.words) - len(globs)
    more = f" and {rest} more like these" if rest else ""
    raise refused(
        "routes",
        f"is a regex LiteLLM cannot match, {_ONLY} → write one pattern each: {', '.join(globs)}{more}"
        + ("" if language.exact else ", which take more names than it"),
    )


@lru_cache(maxsize=4096)
def names_of(text: str) -> tuple[str, ...]:
    """The names that a regex such as `^(a|b)$` stands for; none when it is a glob, or stands for others too."""
    if "*" in text or not text.startswith("^"):
        return ()
    try:
        names = regexes.language(text).names
    except ValueError:
        return ()
    return names if all(is_model_name(name) for name in names) else ()


def regex_of(glob: str) -> str:
    """LiteLLM's regex of a glob."""
    return re.escape(glob).replace(r"\*", "(.*)")


def specificity(glob: str) -> tuple[int, int]:
    """LiteLLM's rank of a glob: the higher is asked first."""
    regex = regex_of(glob)
    return len(regex), sum(regex.count(char) for char in _SPECIAL)


def ranked(globs: list[str]) -> list[str]:
    """Globs in the order LiteLLM asks them."""
    return sorted(globs, key=specificity, reverse=True)


def matches(glob: str, name: str) -> bool:
    """Whether LiteLLM's gateway sends `name` to this glob: there is no anchor at the end."""
    return re.match(regex_of(glob), name) is not None


def overlap(first: str, second: str) -> bool:
    """Whether some name matches both globs, read with an anchored end."""
    return _overlap(first, second)


@lru_cache(maxsize=65536)
def _overlap(first: str, second: str) -> bool:
    """Table over both texts, from their ends: reachable[i][j] = the rests first[i:] and second[j:] can meet."""
    rows, columns = len(first), len(second)
    below = [False] * (columns + 1)
    for row in range(rows, -1, -1):
        current = [False] * (columns + 1)
        for column in range(columns, -1, -1):
            if row == rows and column == columns:
                current[column] = True
            elif row < rows and first[row] == "*":
                current[column] = below[column] or (column < columns and current[column + 1])
            elif column < columns and second[column] == "*":
                current[column] = current[column + 1] or (row < rows and below[column])
            elif row < rows and column < columns and first[row] == second[column]:
                current[column] = below[column + 1]
        below = current
    return below[0]


# States looked at before `steals` gives up and answers yes; hand-written globs need some dozens.
_LIMIT = 50000


def steals(first: str, second: str) -> bool:
    """Whether the open end of `first` takes a name that matches `second` in full and `first` only in part."""
    if first.endswith("*"):
        return False
    letters = sorted({*first, *second, "\x00"} - {"*"})
    # Places in the globs after the letters read so far, and whether `first` was complete at some point before.
    begin = (_closure(first, {0}), _closure(second, {0}), False)
    seen, queue = {begin}, [begin]
    while queue:
        mine, theirs, open_end = queue.pop()
        complete = len(first) in mine
        if open_end and not complete and len(second) in theirs:
            return True
        for letter in letters:
            state = (_read(first, mine, letter), _read(second, theirs, letter), open_end or complete)
            if state[1] and (state[0] or state[2]) and state not in seen:
                if len(seen) > _LIMIT:
                    return True
                seen.add(state)
                queue.append(state)
    return False


def covers(first: str, second: str) -> bool:
    """Whether LiteLLM sends every name that matches `second` to `first`, were that asked before it.

    A letter that is in neither can only be taken by a `*`, and then anything in its place is.
    """
    return matches(first, second.replace("*", "\x00"))


def _closure(glob: str, places: set[int]) -> frozenset[int]:
    """Places reached without reading a letter: a `*` may stand for nothing."""
    result = set(places)
    for place in places:
        while place < len(glob) and glob[place] == "*":
            place += 1
            result.add(place)
    return frozenset(result)


def _read(glob: str, places: frozenset[int], letter: str) -> frozenset[int]:
    following = {place for place in places if place < len(glob) and glob[place] == "*"}
    following |= {place + 1 for place in places if place < len(glob) and glob[place] == letter}
    return _closure(glob, following)


def conflicts(written: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (glob, problem, remedy) for patterns LiteLLM would not decide as they are written.

    Refused are overlapping patterns whose written order is not LiteLLM's, patterns that take another's names only
    because nothing anchors their end, and patterns that are left without any name.
    """
    for one, other in _pairs(written):
        earlier, later = written[one], written[other]
        if earlier == later:
            yield later, "is a duplicate", "keep one of them"
        else:
            yield from _conflict(earlier, later)


def _pairs(written: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs that a name can match both of, as indexes in written order; with many patterns most pairs are none.

    The text before the first `*` of one has to begin that of the other.
    """
    by_head: dict[str, list[int]] = defaultdict(list)
    heads = [glob.partition("*")[0] for glob in written]
    for index, head in enumerate(heads):
        by_head[head].append(index)
    pairs = {
        (min(index, other), max(index, other))
        for index, head in enumerate(heads)
        for length in range(len(head) + 1)
        for other in by_head.get(head[:length], ())
        if other != index
    }
    return sorted(pairs)


def _conflict(earlier: str, later: str) -> Iterator[tuple[str, str, str]]:
    first, second = (later, earlier) if specificity(later) > specificity(earlier) else (earlier, later)
    if first == later and overlap(earlier, later):
        problem = f"overlaps with '{earlier}' written before it, but LiteLLM asks the longer one first"
        yield later, problem, f"write it before '{earlier}'"
    elif covers(first, second):
        yield later, f"never decides: '{earlier}' takes all its names", "remove it, or make it the longer one"
    elif steals(first, second):
        problem = f"LiteLLM does not anchor the end, so '{first}' takes names of '{second}'"
        yield later, problem, f"end '{first}' with `*`, or make '{second}' the longer one"
