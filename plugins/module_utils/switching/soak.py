# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watch a slot after its commit: what HAProxy counts of its answers to real clients decides whether it stays.

The other slot still runs, so a bad one costs only the requests of this window, not an outage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

# A server's row of HAProxy's `show stat`.
Row = Mapping[str, str]

# Fewer errors than this are a client's bad luck, not a bad release.
FEWEST_ERRORS = 3
# More errors than this share of the answers, and more than twice what the slot before had, is a bad release.
TOLERATED = 0.05


def counts(row: Row) -> tuple[int, int]:
    """(answers, errors) of a server's row of `show stat`: errors are 5xx, failed connections and broken answers."""
    answers = sum(int(row.get(f"hrsp_{kind}") or 0) for kind in ("1xx", "2xx", "3xx", "4xx", "5xx", "other"))
    return answers, sum(int(row.get(key) or 0) for key in ("hrsp_5xx", "econ", "eresp"))


def ratio(row: Row) -> float:
    answers, errors = counts(row)
    return errors / max(answers, errors, 1)


def complaint(row: Row, begin: tuple[int, int], usual: float) -> str:
    """What is wrong with a slot, in words, or an empty string. `begin` are its counts when the window began."""
    status = row.get("status", "unknown to the edge")
    if not status.startswith("UP"):
        return f"the edge sees it {status}"
    answers, errors = counts(row)
    answers, errors = answers - begin[0], errors - begin[1]
    share = errors / max(answers, errors, 1)
    if errors >= FEWEST_ERRORS and share > max(TOLERATED, 2 * usual):
        return f"{errors} of {max(answers, errors)} answers to clients were errors"
    return ""


def watch(server: Callable[[], Row], usual: float, seconds: float, interval: float = 0.5) -> str:
    """Look at a slot for `seconds`; end at once when it is bad. Returns what is wrong, or an empty string.

    `server()` gives its row of `show stat`; `usual` is the share of errors that the slot before had.
    """
    end = time.monotonic() + seconds
    begin = counts(server())
    while True:
        wrong = complaint(server(), begin, usual)
        if wrong or time.monotonic() >= end:
            return wrong
        time.sleep(interval)
