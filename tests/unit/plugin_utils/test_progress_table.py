# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of downloads and builds in progress."""

from __future__ import annotations

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.data.progress_table import Work, clock, lines, share

MODEL = Work("gpu1", "Download m.gguf", "m.gguf 12.4 of 40.1 GB, 31 %, 210 MB/s, 2 min left", 125)
BUILD = Work("gateway10", "Run llama-cpp", "[70/140]", 3661)


@pytest.mark.parametrize(
    ("progress", "done"),
    [
        (MODEL.progress, 0.31),
        ("[70/140]", 0.5),
        ("57: litellm==1.108.6", None),
        ("waits", None),
        ("[0/0]", None),
        ("100 %", 1.0),
        ("999 %", 1.0),
    ],
)
def test_how_far_it_is_is_read_from_its_words(progress: str, done: float | None) -> None:
    assert share(progress) == done


def test_seconds_are_a_clock() -> None:
    assert [clock(seconds) for seconds in (0, 59, 125, 3661)] == ["0:00", "0:59", "2:05", "1:01:01"]


def test_the_columns_are_aligned() -> None:
    assert lines([MODEL, BUILD], 200) == [
        f"gpu1         2:05 [######--------------] Download m.gguf: {MODEL.progress}",
        "gateway10 1:01:01 [##########----------] Run llama-cpp: [70/140]",
    ]
    assert lines([], 80) == []


@pytest.mark.parametrize("width", [1, 20, 40, 61, 80, 200])
def test_no_line_is_as_wide_as_the_terminal(width: int) -> None:
    assert all(len(line) <= max(width - 1, 1) for line in lines([MODEL, BUILD], width))


def test_words_of_a_server_do_not_reach_the_terminal_as_commands() -> None:
    (line,) = lines([Work("gpu1", "x", "a\x1b[2Jb\nc", 0)], 200)
    assert line.isprintable()
