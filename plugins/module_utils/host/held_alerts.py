# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which instances a change is at work on: alerts about those are held back until they are proven.

A note is a file with the moment, in seconds since 1970, until which it counts: a run that was ended in the middle holds
no alert back for longer.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from .layout import Layout, read_text, write_atomic

# From a switch to its proof a playbook goes on to its next task.
UNTIL_PROOF_SECONDS = 120


def _note(layout: Layout, instance: str) -> str:
    return os.path.join(layout.changing, instance)


def _until(layout: Layout, instance: str) -> float:
    try:
        return float(read_text(_note(layout, instance)) or 0)
    except ValueError:
        return 0


def begin(layout: Layout, instance: str, seconds: float = UNTIL_PROOF_SECONDS) -> None:
    """Note that an instance is changed, for so many seconds at most."""
    # Without room for the note alerts may ring; that must not end the change in its middle.
    with contextlib.suppress(OSError):
        write_atomic(_note(layout, instance), f"{time.time() + seconds:.0f}\n")


def is_changed(layout: Layout, instance: str) -> bool:
    """Whether a change is at work on an instance."""
    return time.time() < _until(layout, instance)


@contextlib.contextmanager
def proving(layout: Layout, instance: str, seconds: float) -> Iterator[None]:
    """The proof that ends a change, good or not, and that may take so many seconds."""
    if is_changed(layout, instance):
        begin(layout, instance, seconds + UNTIL_PROOF_SECONDS)
    try:
        yield
    finally:
        end(layout, instance)


def end(layout: Layout, instance: str) -> None:
    """Forget it, where it was noted."""
    with contextlib.suppress(OSError):
        os.unlink(_note(layout, instance))
