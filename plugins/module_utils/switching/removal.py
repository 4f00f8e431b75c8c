# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Remove everything managed from a host, except what belongs to its user: models and data."""

from __future__ import annotations

import glob
import grp
import os
import pwd
import shutil
from collections.abc import Iterable

from ..host.host import Host
from ..host.layout import RECORDS_GROUP, Layout, list_instances
from .switch import withdraw

USER_PREFIX = "ai-backend-"


def our_users() -> list[str]:
    """Users made as host/state.py makes them; an account of a person with such a name is none."""
    return sorted(
        entry.pw_name
        for entry in pwd.getpwall()
        if entry.pw_name.startswith(USER_PREFIX) and entry.pw_dir == "/nonexistent"
    )


def our_groups() -> list[str]:
    """Groups that belong to no user, as host/state.py makes them; those of users go with their users."""
    return [entry.gr_name for entry in grp.getgrall() if entry.gr_name == RECORDS_GROUP]


def held_back(layout: Layout) -> list[str]:
    """The distribution's units that an installation kept from starting."""
    try:
        return sorted(os.listdir(os.path.join(layout.etc, "masked")))
    except FileNotFoundError:
        return []


def folders(layout: Layout, data: Iterable[str]) -> list[str]:
    """The folders that go: the managed ones always, and of the data only what was named."""
    managed = [layout.opt, layout.etc, layout.generations, layout.refused, layout.changing]
    managed.append(layout.path("var/log/ai-backend"))
    # What systemd could not tidy up itself because the power went.
    managed += sorted(glob.glob(layout.path("var/tmp/systemd-private-*-ai-backend-*")))
    return [path for path in managed + [os.path.join(layout.state, name) for name in data] if os.path.isdir(path)]


def commands(layout: Layout) -> list[str]:
    """The collection's commands for root."""
    return sorted(glob.glob(os.path.join(layout.commands, "ai-backend*")))


def inventory(layout: Layout, data: Iterable[str]) -> list[str]:
    """What a removal would take, in words, in its order."""
    lines = [f"instance {name}" for name in list_instances(layout)]
    lines += [f"hold on {name}" for name in held_back(layout)]
    lines += [f"folder {path}" for path in folders(layout, data)]
    lines += [f"file {path}" for path in commands(layout)]
    lines += [f"user {name}" for name in our_users()]
    return lines + [f"group {name}" for name in our_groups()]


def remove(host: Host, data: Iterable[str]) -> None:
    """Raises SystemdError where a unit can't be stopped, before any file is gone."""
    layout, systemd = host.layout, host.systemd
    for name in list_instances(layout):
        withdraw(host, name)
    for name in held_back(layout):
        if os.path.islink(layout.unit(name)):
            os.unlink(layout.unit(name))
            systemd.call("daemon-reload")
            # Its package came with us: it stays installed, and off.
            systemd.run(["systemctl", "disable", "--quiet", name])
    for path in folders(layout, data):
        shutil.rmtree(path)
    for path in commands(layout):
        os.unlink(path)
    for name in our_users():
        systemd.run(["userdel", name])
    for name in our_groups():
        systemd.run(["groupdel", name])
    if os.path.isdir(layout.state) and not os.listdir(layout.state):
        os.rmdir(layout.state)
