# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A look at a gateway's host as a screen of text, and that screen again and again."""

from __future__ import annotations

import curses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .looking import Look
from .words import milliseconds, printable, table

REDRAW_SECONDS = 2.0
HEAD = ("req/min", "15 min", "errors", "went on", "p50", "ttft")


def cells(row: Mapping[str, Any]) -> list[str]:
    """A model's or a provider's line."""
    numbers = [str(row[name] or "-") for name in ("minute", "requests", "errors", "went_on")]
    return [printable(row["name"]), *numbers, milliseconds(row["p50_ms"]), milliseconds(row["ttft_p50_ms"])]


def part(head: str, rows: Sequence[Mapping[str, Any]], room: int, more: str = "") -> list[str]:
    """A table of at most so many lines; those that have no room are counted. `more` is a key shown at the end."""
    shown = list(rows[: max(0, room - 1)])
    if len(rows) > len(shown) and shown:
        shown = shown[:-1]
    lines = table([head, *HEAD], [cells(row) for row in shown])
    if more:
        lines = [f"{lines[0]}  {more}", *(f"{line}  {row[more]}" for line, row in zip(lines[1:], shown, strict=True))]
    if len(rows) > len(shown):
        lines.append(f"  and {len(rows) - len(shown)} more")
    return lines


def change(one: Mapping[str, Any]) -> str:
    """A generation in a line."""
    open_end = "" if one["complete"] else "  (not complete)"
    return f"  {one['generation']:>4}  {printable(one['created'])[:16]}  {printable(one['summary'])}{open_end}"


def frame(seen: Look, width: int, height: int) -> list[str]:
    """The lines of a screen, none of which is wider than it; the last one is the foot."""
    clock = time.strftime("%H:%M:%S", time.localtime(seen["time"]))
    serving = ", ".join(
        f"{slot['slot']}{' (serves)' if slot['serves'] else ''} {slot['state']} {slot['release'][:8]}".rstrip()
        for slot in seen["slots"]
    )
    top = [f"ai-backend  {clock}", f"slots: {serving or 'none'}"]
    if seen["records"]:
        top.append(printable(seen["records"]))
    cards = [f"card {printable(card)}" for card in seen["cards"][:4]]
    news = ["changes", *(change(one) for one in seen["changes"][: 3 if height < 40 else 5])]
    if not seen["changes"]:
        news = []
    # An empty line before each part, and the foot.
    left = height - len(top) - len(cards) - len(news) - 4
    providers = part("provider", seen["providers"], min(len(seen["providers"]) + 1, max(3, left // 2)), "breaker")
    models = part("model", seen["models"], max(2, left - len(providers)))
    if not seen["models"]:
        models = ["no requests in the last 15 minutes"]
    body = [*top, *cards, "", *providers, "", *models, "", *news]
    body = [*body[: height - 1], *[""] * (height - 1 - len(body))]
    return [line[: width - 1] for line in [*body, "q quits"]]


def show(look: Callable[[], Look]) -> None:
    """The screen, until q is pressed."""

    def loop(window: curses.window) -> None:
        curses.curs_set(0)
        window.timeout(int(REDRAW_SECONDS * 1000))
        key = -1
        seen = look()
        while key not in (ord("q"), ord("Q"), 27):
            height, width = window.getmaxyx()
            window.erase()
            for number, line in enumerate(frame(seen, width, height)[:height]):
                window.addnstr(number, 0, line, width - 1, curses.A_BOLD if number == 0 else curses.A_NORMAL)
            # curses sends only what differs from what is there, so nothing flickers.
            window.refresh()
            key = window.getch()
            if key != curses.KEY_RESIZE:
                seen = look()

    curses.wrapper(loop)
