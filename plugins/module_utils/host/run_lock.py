# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One change of a host at a time: a note below /run names the run that has it, so a second one refuses.

A run that finds the note of a dead run of the same machine knows it and takes over; of one on another machine the user
has to confirm it. A restart of the host forgets the note.

A module may outlive its controller. So whatever changes the host holds a lock while it is at work, which ends with its
process, and the run that comes next waits for it. The files are root's alone: a user that can open a lock can keep it.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from typing import IO, TypedDict, cast

from .layout import Layout, read_json, write_atomic
from .processes import boot_of, command, space_of, started
from .waiting import wait_until

# Seconds. A candidate is proven within it on most hosts; a drain may take longer, and then its process is named.
PATIENCE = 60


class Place(TypedDict):
    """What the numbers of processes mean: `space` is the process namespace they count in."""

    machine: str
    boot: str
    space: str


class RunNote(Place):
    """A run: a process, of Ansible on a controller or of `ai-backend-rollback` on the host.

    `started` are the clock ticks after boot at which it began.
    """

    id: str
    who: str
    pid: int
    started: int


class BusyError(Exception):
    pass


def note_of(layout: Layout) -> str:
    return layout.path("run/ai-backend-change/run.json")


def name_of_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def place(layout: Layout) -> Place:
    """This machine; a part that can't be read is empty."""
    return {"machine": socket.gethostname(), "boot": boot_of(layout), "space": space_of(layout)}


def this_run(pid: int, layout: Layout | None = None) -> RunNote:
    """The run whose process is `pid` on this machine."""
    layout = layout or Layout()
    here = place(layout)
    began = started(layout, pid)
    return {
        "id": f"{here['machine']} {here['boot']} {pid} {began}",
        "who": f"{name_of_user()}@{here['machine']}",
        "pid": pid,
        "started": began,
        "machine": here["machine"],
        "boot": here["boot"],
        "space": here["space"],
    }


def is_over(run: RunNote, layout: Layout | None = None) -> bool:
    """Whether a run is known to have ended. False also where this machine can't tell."""
    layout = layout or Layout()
    here = place(layout)
    if run["machine"] != here["machine"] or not here["boot"]:
        return False
    if run["boot"] != here["boot"]:
        return True
    return run["space"] == here["space"] and started(layout, run["pid"]) != run["started"]


def holder_of(layout: Layout) -> RunNote | None:
    """The run that has this host, or None."""
    note = read_json(note_of(layout))
    whole = isinstance(note, dict) and note.keys() >= RunNote.__required_keys__
    return cast(RunNote, note) if whole else None


def take(layout: Layout, run: RunNote, instead_of: str = "") -> RunNote | None:
    """Take the host for a run. Returns the run that has it, or None when this run has it now.

    A run known to be over gives it up, and so does the one whose id is `instead_of`.
    """
    with opened(note_of(layout) + ".lock") as lock:
        if not wait_until(lambda: locked(lock), PATIENCE):
            raise BusyError(
                f"another process holds {note_of(layout)}.lock for {PATIENCE} s: find it with `fuser -v` on that file, "
                "end it, and run this again. Nothing was changed"
            )
        holder = holder_of(layout)
        if holder and holder["id"] not in (run["id"], instead_of) and not is_over(holder, layout):
            return holder
        if holder and holder["id"] != run["id"]:
            # From now on the state that it leaves is looked at. The next step reports it if it still works.
            with contextlib.suppress(BusyError), at_work(layout):
                pass
        write_atomic(note_of(layout), json.dumps(run, sort_keys=True) + "\n", 0o600)
    return None


def give_back(layout: Layout, run: RunNote | None) -> None:
    """End a run's hold on the host; another run's stays."""
    holder = holder_of(layout)
    if holder and run and holder["id"] == run["id"]:
        os.unlink(note_of(layout))


def refusal(host: str, holder: RunNote) -> str:
    """Why a second run does not go on, and what to do."""
    return f"{host} is being changed by {holder['who']} (process {holder['pid']}): wait for that run to end"


def opened(path: str) -> IO[str]:
    """A lock's file, for reading and writing; its folder and itself are the owner's alone."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    os.chmod(os.path.dirname(path), 0o700)
    handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
    os.fchmod(handle.fileno(), 0o600)
    return handle


def locked(handle: IO[str]) -> bool:
    """Whether this process has the lock now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def at_work(layout: Layout, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the host's lock for a change. Raises BusyError where another process has it for longer than `patience`."""
    with opened(note_of(layout) + ".work") as handle:
        if not wait_until(lambda: locked(handle), patience):
            handle.seek(0)
            pid = handle.read().strip() or "unknown"
            name = command(layout, int(pid)) if pid.isdecimal() else ""
            raise BusyError(
                f"process {pid} ({name or 'unknown'}) of an earlier run still works on this host: wait for it, or end "
                f"it by `kill {pid}`, then run this again. This step changed nothing"
            )
        handle.seek(0)
        handle.truncate()
        handle.write(str(os.getpid()))
        handle.flush()
        yield
