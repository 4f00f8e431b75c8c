# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The unit in which a host fetches models: started once, looked at as often as one likes."""

from __future__ import annotations

import json
import os
import pwd
import shutil
from collections.abc import Callable
from typing import Any

from ..host.host import Host
from ..host.layout import Layout, read_json, user_of, write_atomic
from .fetch import FAILED, RUNNING, Request, request_file, state_of
from .server import OllamaError

CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.fetch import main; main(sys.argv[2])"
)
# What serves has priority, and a publisher's answer can do no more than write models.
PROPERTIES = (
    "Nice=10",
    "IOSchedulingClass=idle",
    "UMask=0022",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "TimeoutStopSec=30",
)


def folder_of(layout: Layout, name: str) -> str:
    """Request and state of the fetch for an instance; a reboot ends both."""
    return layout.path("run/ai-backend", f"fetch-{name}")


def unit_name(name: str) -> str:
    return f"ai-backend-fetch-{name.replace('@', '-')}.service"


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


def running(host: Host, name: str) -> bool:
    return host.systemd.unit(unit_name(name)).active


def begun(host: Host, name: str, store: str) -> bool:
    """Whether a fetch for this store was begun. One for another store is stopped: nobody waits for it."""
    request = read_json(request_file(folder_of(host.layout, name)))
    if isinstance(request, dict) and request.get("store") == store:
        return True
    if running(host, name):
        host.systemd.call("stop", unit_name(name))
    return False


def start(host: Host, name: str, service: str, request: Request) -> None:
    """Begin a fetch. Raises OllamaError where systemd refuses."""
    folder, owner, user = folder_of(host.layout, name), owner_of(service), user_of(service)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    # It may contain the password of a proxy.
    write_atomic(request_file(folder), json.dumps(request) + "\n", mode=0o600)
    for path in (request_file(folder), folder):
        os.chown(path, *owner, follow_symlinks=False)
    parent = os.path.dirname(request["store"])
    settings = [*PROPERTIES, f"User={user}", f"Group={user}", f"ReadWritePaths={parent} {folder}"]
    arguments = [word for setting in settings for word in ("--property", setting)]
    program = ["/usr/bin/python3", "-I", "-c", CODE, host.layout.library, folder]
    code, output = host.systemd.run(
        ["systemd-run", "--quiet", "--collect", "--unit", unit_name(name), *arguments, *program]
    )
    if code:
        raise OllamaError(f"systemd refused the unit that fetches models: {output.strip()}")


def outcome(host: Host, name: str) -> dict[str, Any]:
    """{state, text} of a fetch that was begun; one whose unit was ended by others has failed."""
    state = state_of(folder_of(host.layout, name))
    if state.get("state", RUNNING) != RUNNING or running(host, name):
        return state or {"state": RUNNING, "text": "starting"}
    # It may have ended between the two looks.
    state = state_of(folder_of(host.layout, name))
    if state.get("state", RUNNING) != RUNNING:
        return state
    lines = " | ".join(host.systemd.journal(unit_name(name))[-3:])
    return {"state": FAILED, "text": f"{unit_name(name)} ended before it was done: {lines or 'no message'}"}


def forget(host: Host, name: str) -> None:
    shutil.rmtree(folder_of(host.layout, name), ignore_errors=True)
