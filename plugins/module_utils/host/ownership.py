# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Owners and modes of what only root may change: managed folders, releases, secrets, the code for a rollback."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .layout import Layout, folders, printable

# Root's, where this code runs on hosts.
OWNER = os.geteuid()
GROUP = os.getegid()


@dataclass(frozen=True)
class Wrong:
    """A path that others own, may write or may read, in words, and the mode it should have."""

    path: str
    problem: str
    mode: int

    def __str__(self) -> str:
        return f"{printable(self.path)} {self.problem}"


def misowned(status: os.stat_result) -> str:
    """What is wrong with the owner or the mode of something that only root may change; empty where nothing is."""
    if status.st_uid != OWNER:
        return f"belongs to user {status.st_uid}"
    if stat.S_ISLNK(status.st_mode):
        return ""
    by_group = status.st_mode & stat.S_IWGRP and status.st_gid not in (0, GROUP)
    if status.st_mode & stat.S_IWOTH or by_group:
        return f"can be written by others (mode {stat.S_IMODE(status.st_mode):04o})"
    return ""


def below(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below a folder with its status; what ends while we look is left out."""
    for parent, names, files in os.walk(folder):
        for name in [*names, *files]:
            path = os.path.join(parent, name)
            try:
                yield path, os.lstat(path)
            except FileNotFoundError:
                continue


def of_the_folders(modes: Mapping[str, int]) -> Iterator[Wrong]:
    """What is wrong with folders that have a mode of their own."""
    for path, mode in sorted(modes.items()):
        if not os.path.isdir(path):
            continue
        status = os.stat(path)
        problem = misowned(status)
        open_to = stat.S_IMODE(status.st_mode) & ~mode & 0o077
        if not problem and open_to:
            problem = f"is open to others (mode {stat.S_IMODE(status.st_mode):04o})"
        if problem:
            yield Wrong(path, problem, mode)


def of_the_contents(folder: str, closed: int) -> Iterator[Wrong]:
    """What is wrong below a folder; `closed` are the bits of a mode that nothing there may have."""
    for path, status in below(folder):
        problem, mode = misowned(status), stat.S_IMODE(status.st_mode)
        if not problem and not stat.S_ISLNK(status.st_mode) and mode & closed:
            problem = f"is open to others (mode {mode:04o})"
        if problem:
            yield Wrong(path, problem, mode & ~closed)


def wrong(layout: Layout) -> list[Wrong]:
    """What a deploy puts right: it belongs to the collection, and its content is compared as well."""
    # A user may store models on another disk and as another user.
    modes = {path: mode for path, mode in folders(layout).items() if path != layout.models}
    found = list(of_the_folders(modes))
    for folder in (layout.releases, layout.instances, layout.library, layout.generations):
        found += of_the_contents(folder, stat.S_IWGRP | stat.S_IWOTH)
    found += of_the_contents(layout.secrets, 0o077)
    return found


def put_right(found: list[Wrong]) -> None:
    """Give each to root, with its mode."""
    for each in found:
        os.chown(each.path, OWNER, GROUP, follow_symlinks=False)
        if not os.path.islink(each.path):
            os.chmod(each.path, each.mode)
