# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A table of the downloads and builds in progress, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

BAR, SHORTEST = 20, 40
_SHARE = re.compile(r"(?:^|\D)(\d{1,3}) %")
_STEPS = re.compile(r"\[(\d+)/(\d+)\]")


class Work(NamedTuple):
    """What a host is doing: words for what, how far it is, and for how many seconds this was looked at."""

    host: str
    what: str
    progress: str
    seconds: int


def share(progress: str) -> float | None:
    """How much of it is done, 0 to 1, or None if its words do not tell: `31 %`, `[124/873]`."""
    if found := _SHARE.search(progress):
        return min(int(found[1]) / 100, 1.0)
    if (found := _STEPS.search(progress)) and int(found[2]):
        return min(int(found[1]) / int(found[2]), 1.0)
    return None


def clock(seconds: int) -> str:
    """`2:05`, `1:00:00`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _bar(progress: str) -> str:
    done = share(progress)
    if done is None:
        return "." * BAR
    full = int(done * BAR)
    return "#" * full + "-" * (BAR - full)


def _plain(text: str) -> str:
    """In one line, without what a terminal would act on."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def lines(works: Sequence[Work], width: int) -> list[str]:
    """A line for each work, none wider than the terminal. Of a narrow one the bars are left out."""
    if not works:
        return []
    host = max(len(work.host) for work in works)
    time = max(len(clock(work.seconds)) for work in works)
    found = []
    for work in works:
        drawn = f" [{_bar(work.progress)}]" if width > SHORTEST + BAR else ""
        line = f"{work.host:<{host}} {clock(work.seconds):>{time}}{drawn} {work.what}: {work.progress}"
        # The last column stays free: a terminal would begin another line there.
        found.append(_plain(line)[: max(width - 1, 1)])
    return found
