# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host is (for the preflight) and what every deploy needs on it: folders, users, free ports."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from .cards import vendors
from .edge import EDGE, published
from .layout import (
    RECORDS_GROUP,
    Layout,
    folders,
    linked_release,
    list_instances,
    read_text,
    service_of,
    user_of,
    write_atomic,
)
from .processes import memory_bytes
from .sockets import MANAGED_UNIT, listeners
from .systemd import Run, run_command


def read_os_release(layout: Layout) -> dict[str, str]:
    """ID, VERSION_ID and VERSION_CODENAME of os-release(5)."""
    pairs = (line.partition("=") for line in (read_text(layout.path("etc/os-release")) or "").splitlines())
    return {key: value.strip().strip('"') for key, separator, value in pairs if separator}


def python_version(python: str, run: Run = run_command) -> str:
    """`3.13` of an interpreter on this host, or an empty string where it can't run."""
    code, output = run([python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"])
    return output.strip() if code == 0 else ""


def free_bytes(path: str) -> int:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


def describe(layout: Layout, python: str, run: Run = run_command) -> dict[str, Any]:
    """The facts that roles need, small enough to replace fact gathering."""
    release = read_os_release(layout)
    return {
        "architecture": os.uname().machine,
        "distribution": release.get("ID", ""),
        "version": release.get("VERSION_ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "systemd": os.path.isdir(layout.path("run/systemd/system")),
        "apt": shutil.which("apt-get") is not None,
        "python": python_version(python, run),
        "free_bytes": free_bytes(layout.opt),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory_bytes(layout),
        "cards": vendors(layout),
        "published": published(layout, linked_release(layout, EDGE)) or [],
        "instances": list_instances(layout),
    }


def missing_folders(layout: Layout) -> list[str]:
    return sorted(path for path in folders(layout) if not os.path.isdir(path))


def make_folders(layout: Layout, missing: Iterable[str]) -> None:
    for path in missing:
        os.makedirs(path, mode=0o755, exist_ok=True)
        os.chmod(path, folders(layout)[path])


def stale_tools(layout: Layout, library: Mapping[str, str], commands: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """{path: (text, mode)} of the collection's code and commands that are not on the host as they should be."""
    wanted = {os.path.join(layout.library, name): (text, 0o644) for name, text in library.items()}
    wanted.update((os.path.join(layout.commands, name), (text, 0o755)) for name, text in commands.items())
    return {path: entry for path, entry in wanted.items() if read_text(path) != entry[0]}


def write_tools(stale: Mapping[str, tuple[str, int]]) -> None:
    for path, (text, mode) in sorted(stale.items()):
        write_atomic(path, text, mode)


def missing_files(layout: Layout) -> dict[str, tuple[str, int]]:
    """{path: (text, mode)} of files that must be there before anything starts: a map is an error to HAProxy without."""
    return {} if os.path.exists(layout.loaded) else {layout.loaded: ("", 0o644)}


def left_tools(layout: Layout, library: Mapping[str, str]) -> list[str]:
    """Files of the collection's code that an older state had: one named like a folder of today would hide it."""
    if not library:
        return []
    wanted = {os.path.join(layout.library, name) for name in library}
    # What is next to the package is not managed.
    package = os.path.commonpath(wanted)
    there = (os.path.join(folder, name) for folder, _folders, names in os.walk(package) for name in names)
    return sorted(path for path in there if path.endswith(".py") and path not in wanted)


def missing_users(instances: Iterable[str]) -> list[str]:
    wanted = sorted({user_of(service_of(name)) for name in instances})
    present = {entry.pw_name for entry in pwd.getpwall()}
    return [name for name in wanted if name not in present]


def missing_groups() -> list[str]:
    """Groups that a managed host has besides those of its users; who belongs to them is up to services."""
    present = {entry.gr_name for entry in grp.getgrall()}
    return [name for name in (RECORDS_GROUP,) if name not in present]


def make_groups(names: Iterable[str], run: Run = run_command) -> list[str]:
    """Returns the messages of groupadd for those it refused."""
    made = {name: run(["groupadd", "--system", name]) for name in names}
    return [f"groupadd {name}: {output.strip()}" for name, (code, output) in made.items() if code != 0]


def make_users(names: Iterable[str], run: Run = run_command) -> list[str]:
    """System users without a home or a shell. Returns the messages of useradd for those it refused."""
    failures = []
    for name in names:
        code, output = run(
            [
                "useradd",
                "--system",
                "--user-group",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/usr/sbin/nologin",
                name,
            ]
        )
        if code != 0:
            failures.append(f"useradd {name}: {output.strip()}")
    return failures


def foreign_listeners(layout: Layout, ports: Mapping[str, int]) -> list[dict[str, Any]]:
    """[{port, instance, pid, command, unit}] where another process listens on `ports` = {instance: port}."""
    listening = listeners(layout, set(ports.values()))
    return [
        {"port": port, "instance": instance, **{key: owner[key] for key in ("pid", "command", "unit")}}
        for instance, port in sorted(ports.items())
        for owner in listening.get(port, [])
        if not MANAGED_UNIT.fullmatch(owner["unit"])
    ]
