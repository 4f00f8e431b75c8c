# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A look at work in the background ends with it, or when its time is over."""

from __future__ import annotations

import time

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.looking import FetchError, look
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.state import DONE, FAILED, RUNNING


def test_what_goes_on_is_shown_and_kept() -> None:
    forgotten: list[str] = []
    found = look(lambda: {"state": RUNNING, "text": "12 %"}, lambda: forgotten.append("x"), wait=0)
    assert (found, forgotten) == ({"finished": False, "progress": "12 %"}, [])


def test_what_ends_while_one_looks_ends_the_look() -> None:
    states = [RUNNING, RUNNING, DONE, DONE]
    forgotten: list[str] = []
    begin = time.monotonic()
    found = look(lambda: {"state": states.pop(0), "text": "done"}, lambda: forgotten.append("x"), wait=60)
    assert (found, forgotten) == ({"finished": True, "progress": "done"}, ["x"])
    assert time.monotonic() - begin < 10


def test_what_failed_is_told_once() -> None:
    forgotten: list[str] = []
    with pytest.raises(FetchError, match="no space left"):
        look(lambda: {"state": FAILED, "text": "no space left"}, lambda: forgotten.append("x"), wait=0)
    assert forgotten == ["x"]
