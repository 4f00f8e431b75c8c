# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user of an Ollama: who fetches its models and owns their folder."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable

from ..host.layout import user_of
from .server import OllamaError


def owner_of(service: str) -> tuple[int, int]:
    """(user, group) of a service."""
    entry = pwd.getpwnam(user_of(service))
    return entry.pw_uid, entry.pw_gid


def as_user(owner: tuple[int, int], work: Callable[[], object]) -> None:
    """Do something as the user of a service, who may write its folders: root must not follow what is there.

    In a process of its own, because there is no return to root. Raises OllamaError where it fails.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        text = "it ended early"
        try:
            os.setgroups([])
            os.setgid(owner[1])
            os.setuid(owner[0])
            work()
            text = ""
        except (OllamaError, OSError) as error:
            text = str(error)
        finally:
            os.write(writer, text.encode("utf-8")[:2000])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", errors="replace") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    if text:
        raise OllamaError(text)


def make_parent(path: str, owner: tuple[int, int]) -> None:
    """The folder of all stores of an instance, in a folder of root."""
    os.makedirs(path, mode=0o755, exist_ok=True)
    os.chown(path, *owner, follow_symlinks=False)
