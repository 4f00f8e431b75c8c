# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host is (for the preflight) and what every deploy needs on it: folders, users, nobody else on our ports."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil

from ansible_collections.lab.ai_backend.plugins.module_utils.generations import numbers
from ansible_collections.lab.ai_backend.plugins.module_utils.layout import read_text, service_of, user_of
from ansible_collections.lab.ai_backend.plugins.module_utils.systemd import run_command

OURS = re.compile(r"ai-backend-[\w@.\\-]+\.service")
LISTENING = "0A"


def read_os_release(layout):
    """ID, VERSION_ID and VERSION_CODENAME of os-release(5)."""
    pairs = (line.partition("=") for line in (read_text(layout.path("etc/os-release")) or "").splitlines())
    return {key: value.strip().strip('"') for key, separator, value in pairs if separator}


def python_version(python, run=run_command):
    """`3.13` of an interpreter on this host, or an empty string where it can't run."""
    code, output = run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    return output.strip() if code == 0 else ""


def free_bytes(path):
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


def describe(layout, python, run=run_command):
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
        "generation": max(numbers(layout), default=0),
    }


def folders(layout):
    """{path: mode} of the folders that every host of ours has."""
    return {
        layout.artifacts: 0o755,
        layout.releases: 0o755,
        layout.instances: 0o755,
        layout.etc: 0o755,
        layout.secrets: 0o700,
        layout.state: 0o755,
        layout.models: 0o755,
        layout.generations: 0o755,
    }


def missing_folders(layout):
    return sorted(path for path in folders(layout) if not os.path.isdir(path))


def make_folders(layout, missing):
    for path in missing:
        os.makedirs(path, mode=0o755, exist_ok=True)
        os.chmod(path, folders(layout)[path])


def missing_users(instances):
    wanted = sorted({user_of(service_of(name)) for name in instances})
    present = {entry.pw_name for entry in pwd.getpwall()}
    return [name for name in wanted if name not in present]


def make_users(names, run=run_command):
    """System users without a home or a shell. Returns what useradd said of those it refused."""
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
            failures.append("useradd %s: %s" % (name, output.strip()))
    return failures


def listening_inodes(layout):
    """{port: socket inodes} of every TCP listener, IPv4 and IPv6."""
    found = {}
    for name in ("proc/net/tcp", "proc/net/tcp6"):
        for line in (read_text(layout.path(name)) or "").splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == LISTENING:
                found.setdefault(int(words[1].rpartition(":")[2], 16), set()).add(words[9])
    return found


def open_sockets(folder):
    """Inodes of the sockets a process holds; what closes or ends while we look is not among them."""
    found = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                target = os.readlink(os.path.join(folder, name))
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def process_of(layout, inodes):
    """(pid, command, unit) of the process that holds one of the sockets; (0, "", "") where none can be seen."""
    for pid in filter(str.isdigit, os.listdir(layout.path("proc"))):
        if inodes & open_sockets(layout.path("proc", pid, "fd")):
            groups = read_text(layout.path("proc", pid, "cgroup")) or ""
            unit = re.findall(r"([^/\n]+\.service)", groups)
            command = (read_text(layout.path("proc", pid, "comm")) or "").strip()
            return int(pid), command, unit[-1] if unit else ""
    return 0, "", ""


def foreign_listeners(layout, ports):
    """[{port, instance, pid, command, unit}] where somebody else listens on `ports` = {instance: port}."""
    listening = listening_inodes(layout)
    found = []
    for instance, port in sorted(ports.items()):
        if port not in listening:
            continue
        pid, command, unit = process_of(layout, listening[port])
        if not OURS.fullmatch(unit):
            found.append({"port": port, "instance": instance, "pid": pid, "command": command, "unit": unit})
    return found
