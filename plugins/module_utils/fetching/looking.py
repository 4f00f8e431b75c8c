# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at work in the background, as long as a module may: it goes on, or it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..host.waiting import wait_until
from .state import DONE, RUNNING


class FetchError(Exception):
    pass


def look(outcome: Callable[[], Mapping[str, Any]], forget: Callable[[], object], wait: float) -> dict[str, Any]:
    """{finished, progress} after at most `wait` seconds; what has ended is forgotten.

    outcome: {state, text} of the work. Raises FetchError with its words if it has failed.
    """
    wait_until(lambda: bool(outcome()["state"] != RUNNING), wait)
    found = outcome()
    if found["state"] == RUNNING:
        return {"finished": False, "progress": found["text"]}
    forget()
    if found["state"] != DONE:
        raise FetchError(found["text"])
    return {"finished": True, "progress": found["text"]}
