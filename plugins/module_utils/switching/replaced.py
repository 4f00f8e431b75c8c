# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units that a managed instance replaces: stopped and disabled with a note of how they were, and given back with it.

A unit's files may be used by the managed instance too. They get its user in this time, and their own again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..host.host import Host
from ..host.layout import Layout, read_json, write_atomic


def record_of(layout: Layout, unit: str) -> str:
    return os.path.join(layout.etc, "replaced", unit)


def read_record(layout: Layout, unit: str) -> dict[str, Any]:
    """{enabled, active, lent: {folder: [user, group, borrower]}} of a unit that was replaced, as far as it was."""
    found = read_json(record_of(layout, unit))
    return found if isinstance(found, dict) else {}


def write_record(layout: Layout, unit: str, record: Mapping[str, Any]) -> None:
    write_atomic(record_of(layout, unit), json.dumps(record, sort_keys=True) + "\n")


def in_use(host: Host, units: Iterable[str]) -> list[str]:
    """Those of the units that run, or start at boot."""
    states = {name: host.systemd.unit(name) for name in units}
    return [name for name, unit in states.items() if unit.active or unit.enabled]


def lend(layout: Layout, unit: str, folder: str, borrower: int) -> None:
    """Note who owns a folder's files before some of them get another owner, the user `borrower`."""
    record = read_record(layout, unit)
    status = os.stat(folder)
    lent = {folder: [status.st_uid, status.st_gid, borrower], **record.get("lent", {})}
    write_record(layout, unit, {**record, "lent": lent})


def set_aside(host: Host, units: Iterable[str]) -> None:
    """Stop and disable what runs or starts at boot, after a note of it."""
    for name in in_use(host, units):
        unit = host.systemd.unit(name)
        state = {"enabled": unit.enabled, "active": unit.active}
        write_record(host.layout, name, {**read_record(host.layout, name), **state})
        host.systemd.call("disable", "--now", "--quiet", name)


def return_files(layout: Layout, unit: str) -> None:
    """Give the files that were lent, and no others, to their owner again."""
    for folder, (uid, gid, borrower) in read_record(layout, unit).get("lent", {}).items():
        with contextlib.suppress(FileNotFoundError):
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                for name in os.listdir(opened):
                    if os.stat(name, dir_fd=opened, follow_symlinks=False).st_uid == borrower:
                        os.chown(name, uid, gid, dir_fd=opened, follow_symlinks=False)
            finally:
                os.close(opened)


def give_back(host: Host, units: Iterable[str]) -> None:
    """Let the units run again as they did before."""
    for name in units:
        record = read_record(host.layout, name)
        if not record:
            continue
        return_files(host.layout, name)
        if record.get("enabled"):
            host.systemd.run(["systemctl", "enable", "--quiet", name])
        if record.get("active"):
            host.systemd.run(["systemctl", "start", name])
        os.unlink(record_of(host.layout, name))
