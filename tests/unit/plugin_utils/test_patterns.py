# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Globs as LiteLLM decides them."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema import globs as patterns
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema import regexes

GLOBS = st.text(alphabet="ab*", min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("regex", "glob"),
    [
        ("^qwen.*", "qwen*"),
        ("qwen", "qwen*"),
        ("qwen.*$", "qwen*"),
        (r"^llama3\.1:.*-mini$", "llama3.1:*-mini"),
        ("meta-llama/.+", "meta-llama/*"),
        ("gpt-*", "gpt-*"),
        ("llama3.1", "llama3.1*"),
    ],
)
def test_a_regex_of_the_list_form_is_a_glob(regex: str, glob: str) -> None:
    assert patterns.glob_of(regex) == glob


@pytest.mark.parametrize(
    ("regex", "remedy"),
    [
        ("^(llama3|mistral):.*", "write one pattern each: `llama3:*`, `mistral:*`"),
        (".*-(chat|instruct)$", "write one pattern each: `*-chat`, `*-instruct`"),
        ("^(a|b)", "write one pattern each: `a*`, `b*`"),
        ("a?", "write one pattern each: `*`, `a*`"),
        (r".*:\d+[bB]$", "write one pattern each: `*:*B`, `*:*b`, which take more names than it"),
        (r"^qwen\d+", "write one pattern each: `qwen*`, which take more names than it"),
        ("^[a-z]-.*", "`f-*` and 20 more like these"),
        (r"^[^/]+/x$", "`*/x`, which take more"),
        ("^m[0-9]{3}$", "is a regex for more than 200 names → write globs"),
        ("(?i)qwen", "write globs such as `name*`"),
        ("^a(b", "write globs such as"),
        (r"\bqwen", "write globs such as"),
        ("^x{3", "write globs such as"),
        ("^^a", "write globs such as"),
        ("^a$b", "write globs such as"),
        ("^[b-a]", "write globs such as"),
        ("(" * 40 + "a" + ")" * 40, "write globs such as"),
    ],
)
def test_a_regex_litellm_cannot_match_is_refused_with_the_nearest_globs(regex: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=re.escape(remedy)):
        patterns.glob_of(regex)


@pytest.mark.parametrize(
    ("regex", "names"),
    [
        ("^gpt-4o$", ["gpt-4o"]),
        ("^gpt-4(o|-turbo)?$", ["gpt-4", "gpt-4-turbo", "gpt-4o"]),
        (r"^llama3\.(1|2):(?:8|70)b$", ["llama3.1:70b", "llama3.1:8b", "llama3.2:70b", "llama3.2:8b"]),
        (r"^m[1-3_]{1,2}$", 20),
        (r"^m\d$", 10),
        ("^a$|^b$", ["a", "b"]),
        # Anything may follow, or a name could not be one.
        ("^(a|b)", []),
        ("(a|b)$", []),
        ("^a?$", []),
        ("^a b$", []),
        ("^a.*$", []),
        ("^m[0-9]{3}$", []),
    ],
)
def test_a_regex_may_be_a_list_of_names(regex: str, names: list[str] | int) -> None:
    found = patterns.names_of(regex)
    assert len(found) == names if isinstance(names, int) else list(found) == names
    assert all(re.fullmatch(regex.strip("^$") if "|^" not in regex else regex, name) for name in found)


REGEXES = st.text(alphabet="ab|()[]^$?*+.{2,}-\\d", max_size=8)


@given(REGEXES, st.text("ab2d", max_size=4))
def test_no_name_a_regex_takes_is_lost(regex: str, name: str) -> None:
    """Its words take all of its names, and no other when they say so; a dot is a dot."""
    try:
        language = regexes.language(regex)
        meant = re.compile(regex)
    except (ValueError, re.error):
        return
    taken = any(re.fullmatch(patterns.regex_of(word), name) for word in language.words)
    if meant.match(name) and "." not in regex:
        assert taken
    if taken and language.exact and "." not in regex:
        assert meant.match(name)


def test_the_longest_regex_wins_and_the_end_is_open() -> None:
    assert patterns.ranked(["qwen*", "*", "qwen2.5-coder*"]) == ["qwen2.5-coder*", "qwen*", "*"]
    assert patterns.matches("*-mini", "x-mini-large")
    assert not patterns.matches("gpt-*", "my-gpt-4")


@pytest.mark.parametrize(
    ("written", "refused"),
    [
        (["qwen2.5*", "qwen*"], []),
        (["qwen*", "qwen2.5*"], ["qwen2.5*"]),
        (["a*", "b*"], []),
        (["a*", "a*"], ["a*"]),
        # x-mini-large-mini matches only the first, and the second takes it.
        (["*-mini", "*-mini-large"], ["*-mini-large"]),
        # abcdefXgh matches only the second, but the first is longer and open at its end.
        (["*abcdef", "*X*h"], ["*X*h"]),
        (["*X*h", "*abcdef"], ["*abcdef"]),
        # What the longer one takes by its open end is its own anyway: all names of the second end with -mini.
        (["gpt-*-mini", "*-mini"], []),
        # ba matches only the second; equally long, the first is asked first.
        (["*b", "b*"], ["b*"]),
        # Nothing is left for the second.
        (["a*b*", "a*b"], ["a*b"]),
        (["a**", "a*"], ["a*"]),
        # Equally long: LiteLLM takes the one that stands first, as written.
        (["a*b*", "a*c*"], []),
    ],
)
def test_written_order_must_be_litellms(written: list[str], refused: list[str]) -> None:
    assert [glob for glob, _, _ in patterns.conflicts(written)] == refused


@given(GLOBS, GLOBS)
def test_overlap_is_that_some_name_matches_both(first: str, second: str) -> None:
    def regex(glob: str) -> str:
        return re.escape(glob).replace(r"\*", ".*")

    names = ("".join(letters) for size in range(8) for letters in itertools.product("ab", repeat=size))
    both = any(re.fullmatch(regex(first), name) and re.fullmatch(regex(second), name) for name in names)
    assert patterns.overlap(first, second) == both


def test_a_search_that_grows_too_large_says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_LIMIT", 1)
    assert patterns.steals("ab*c", "*c")


@given(GLOBS, GLOBS)
def test_covering_is_that_no_name_is_left(first: str, second: str) -> None:
    names = ("".join(letters) for size in range(8) for letters in itertools.product("abc", repeat=size))
    left = any(patterns.matches(second, name) and not patterns.matches(first, name) for name in names)
    assert patterns.covers(first, second) != left


@given(GLOBS, GLOBS)
def test_stealing_is_that_some_name_is_taken_in_part_only(first: str, second: str) -> None:
    def regex(glob: str) -> str:
        return re.escape(glob).replace(r"\*", ".*")

    names = ("".join(letters) for size in range(9) for letters in itertools.product("ab", repeat=size))
    taken = any(
        re.match(regex(first), name) and not re.fullmatch(regex(first), name) and re.fullmatch(regex(second), name)
        for name in names
    )
    # A third letter can make a difference where two cannot, never the other way round.
    assert patterns.steals(first, second) or not taken
