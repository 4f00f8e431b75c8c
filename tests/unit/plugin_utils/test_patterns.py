# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Globs as LiteLLM decides them."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils import patterns

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


@pytest.mark.parametrize("regex", ["^(a|b)", "a?", "[ab].*", r"\d+", "a{2}"])
def test_a_regex_litellm_cannot_match_is_refused(regex: str) -> None:
    with pytest.raises(ValueError, match="knows only"):
        patterns.glob_of(regex)


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
