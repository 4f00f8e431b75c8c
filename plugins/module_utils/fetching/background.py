# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A download in a process of its own, where there is no systemd to ask for a unit: on the controller.

A lock that the process holds tells whether it lives; its state is that of a unit (state.py). What it is asked for may
contain a token, and stays in memory: the folder may be on a disk that is carried away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable
from typing import Any

from .looking import look
from .state import FAILED, RUNNING, state_of

LOCK = "lock"


def running(folder: str) -> bool:
    path = os.path.join(folder, LOCK)
    if not os.path.exists(path):
        return False
    with open(path, "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def start(folder: str, work: Callable[[], object]) -> None:
    """Begin some work, which reports in the folder, in a process that outlives this one."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    # Held before the process begins: a look never meets one that has not taken it yet.
    lock = os.open(os.path.join(folder, LOCK), os.O_CREAT | os.O_WRONLY, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    child = os.fork()
    if child:
        os.close(lock)
        os.waitpid(child, 0)
        return
    os.setsid()
    # Twice: the process in between ends at once, so nobody has to wait for the last one.
    if not os.fork():
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nothing, standard)
        with contextlib.suppress(Exception):
            work()
    os._exit(0)


def follow(folder: str, work: Callable[[], object], wait: float) -> dict[str, Any]:
    """Begin some work, or look further at what was begun: {finished, progress} after at most `wait` seconds.

    Raises FetchError if it has failed.
    """
    if not running(folder):
        start(folder, work)
    return look(lambda: outcome(folder), lambda: forget(folder), wait)


def forget(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def outcome(folder: str) -> dict[str, Any]:
    """{state, text} of a download that was begun; one whose process was ended by others has failed."""
    alive = running(folder)
    state = state_of(folder)
    if state.get("state", RUNNING) != RUNNING or alive:
        return state or {"state": RUNNING, "text": "starting"}
    return {"state": FAILED, "text": "the process that downloads ended before it was done: run it again"}
