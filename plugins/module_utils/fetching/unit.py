# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The unit in which a host fetches something large: started once, looked at as often as one likes.

A lost connection to the host does not end it.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from ..host.host import Host
from ..host.layout import Layout, read_json, write_atomic
from .looking import FetchError, look
from .state import FAILED, RUNNING, request_file, state_of

# The first argument is the host's copy of the library, the second the module in it, the third the folder of the fetch.
CODE = (
    "import importlib, sys; sys.path.insert(0, sys.argv[1]); "
    "package = 'ansible_collections.lab.ai_backend.plugins.module_utils.'; "
    "importlib.import_module(package + sys.argv[2]).main(sys.argv[3])"
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


def running(host: Host, name: str) -> bool:
    return host.systemd.unit(unit_name(name)).active


def begun(host: Host, name: str, wanted: Mapping[str, Any]) -> bool:
    """Whether a fetch with these words in its request was begun. Another one is stopped: nobody waits for it."""
    request = read_json(request_file(folder_of(host.layout, name)))
    if isinstance(request, dict) and wanted.items() <= request.items():
        return True
    if running(host, name):
        host.systemd.call("stop", unit_name(name))
    return False


def start(
    host: Host,
    name: str,
    module: str,
    request: Mapping[str, Any],
    user: str,
    writes: Sequence[str],
    properties: Sequence[str] = (),
) -> None:
    """Begin a fetch as a user: `main` of a module, which gets the folder with the request, and may write folders.

    `properties` are set after those of every fetch. Raises FetchError where systemd refuses.
    """
    folder, entry = folder_of(host.layout, name), pwd.getpwnam(user)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    # It may contain the password of a proxy.
    write_atomic(request_file(folder), json.dumps(request) + "\n", mode=0o600)
    for path in (request_file(folder), folder):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    settings = [
        *PROPERTIES,
        *properties,
        f"User={user}",
        f"Group={user}",
        f"ReadWritePaths={' '.join([*writes, folder])}",
    ]
    arguments = [word for setting in settings for word in ("--property", setting)]
    program = ["/usr/bin/python3", "-I", "-c", CODE, host.layout.library, module, folder]
    code, output = host.systemd.run(
        ["systemd-run", "--quiet", "--collect", "--unit", unit_name(name), *arguments, *program]
    )
    if code:
        raise FetchError(f"systemd refused the unit that fetches {name}: {output.strip()}")


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


def look_at(host: Host, name: str, wait: float) -> dict[str, Any]:
    """{finished, progress} of a fetch that was begun, after at most `wait` seconds. Raises FetchError if it failed."""
    return look(lambda: outcome(host, name), lambda: forget(host, name), wait)
