# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where everything managed is on a host, and the one naming rule for units and users."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from typing import Any

ARTIFACT_MARKER = ".complete"
# The order in which a deploy and a rollback start services: the edge, what a gateway asks through it, and last the
# gateway, which clients talk to. What looks at all of them comes after that.
STAGES = ("edge", "backend", "gateway", "monitoring")
# Who may read the records of requests, besides root.
RECORDS_GROUP = "ai-backend-records"
# The beginning of the names of those secrets that are keys of the gateway's clients.
CLIENT_KEYS = "AI_BACKEND_CLIENT_"  # pragma: allowlist secret


def service_of(instance: str) -> str:
    """`llama-cpp@fast` -> `llama-cpp`; an instance without `@` is its own service."""
    return instance.partition("@")[0]


def slot_instance(service: str, slot: str) -> str:
    """The instance that is a slot of a slotted service."""
    return f"{service}@{slot}"


def unit_of(instance: str) -> str:
    return f"ai-backend-{instance}.service"


def user_of(service: str) -> str:
    return f"ai-backend-{service}"


def wake_units(instance: str) -> tuple[str, str]:
    """(socket, service) of an instance that a request wakes: `ai-backend-llama-cpp-wake@fast.socket`, and its proxy."""
    service, _at, name = instance.partition("@")
    return f"ai-backend-{service}-wake@{name}.socket", f"ai-backend-{service}-wake@{name}.service"


class Layout:
    """Paths below `root`; tests give a folder of their own."""

    def __init__(self, root: str = "/") -> None:
        self.root = root

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    @property
    def opt(self) -> str:
        return self.path("opt/ai-backend")

    @property
    def artifacts(self) -> str:
        return self.path("opt/ai-backend/artifacts")

    @property
    def releases(self) -> str:
        return self.path("opt/ai-backend/releases")

    @property
    def instances(self) -> str:
        return self.path("opt/ai-backend/instances")

    @property
    def library(self) -> str:
        """The collection's code for `ai-backend-rollback`."""
        return self.path("opt/ai-backend/lib")

    @property
    def commands(self) -> str:
        return self.path("usr/local/sbin")

    @property
    def etc(self) -> str:
        return self.path("etc/ai-backend")

    @property
    def secrets(self) -> str:
        return self.path("etc/ai-backend/secrets")

    @property
    def state(self) -> str:
        return self.path("var/lib/ai-backend")

    @property
    def models(self) -> str:
        return self.path("var/lib/ai-backend/models")

    @property
    def hub(self) -> str:
        """Models from Hugging Face's hub: `<repository>/<commit>`, each complete with its marker."""
        return self.path("var/lib/ai-backend/models/hub")

    @property
    def records(self) -> str:
        """A line for each request of the gateway; older ones are in `<path>.1`, `<path>.2` …"""
        return self.path("var/log/ai-backend/requests.jsonl")

    @property
    def generations(self) -> str:
        return self.path("var/lib/ai-backend/generations")

    @property
    def changing(self) -> str:
        """A file for each instance that a change is at work on. Below /run: after a power cut nothing of it is left."""
        return self.path("run/ai-backend-changing")

    @property
    def refused(self) -> str:
        """A file for each service of which a release was refused."""
        return self.path("var/lib/ai-backend/refused")

    @property
    def units(self) -> str:
        return self.path("etc/systemd/system")

    def release(self, service: str, identifier: str) -> str:
        return os.path.join(self.releases, service, identifier)

    def instance(self, instance: str) -> str:
        return os.path.join(self.instances, instance)

    def unit(self, name: str) -> str:
        return os.path.join(self.units, name)

    def dropin(self, instance: str) -> str:
        return os.path.join(self.units, unit_of(instance) + ".d", "release.conf")

    def socket(self, instance: str, protocol: str = "http") -> str:
        """The Unix socket of an instance. Only the instance's user writes this folder, and only the edge enters it."""
        return self.path("run/ai-backend", instance, f"{protocol}.sock")

    def wake_socket(self, instance: str) -> str:
        """Where a request wakes an instance: systemd listens there, and only the edge's group may ask."""
        return self.path("run/ai-backend-wake", f"{instance}.sock")

    @property
    def loaded(self) -> str:
        """A line for each exclusive group, `<group> <instance>`: which of its engines is loaded. HAProxy's map."""
        return os.path.join(self.etc, "loaded")

    def active_slot(self, service: str) -> str:
        """One line, `active <slot>`: HAProxy's map, the boot unit's input, and the commit point."""
        return os.path.join(self.etc, service, "active-slot")


def folders(layout: Layout) -> dict[str, int]:
    """{path: mode} of the folders that every managed host has."""
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


def without_waiting(path: str, flags: int) -> int:
    """An opener: a pipe that nobody writes to would else stop the reader for good."""
    return os.open(path, flags | os.O_NONBLOCK)


# A path that leads to no file: nothing, a folder, a socket, a circle of links, a name that no file can have.
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ELOOP, errno.EINVAL, errno.ENAMETOOLONG)


def read_text(path: str, errors: str = "replace") -> str | None:
    """The file's text, or None where there is no such file. A byte that is no UTF-8 makes the text another one."""
    try:
        with open(path, encoding="utf-8", errors=errors, opener=without_waiting) as handle:
            return handle.read()
    except OSError as error:
        if error.errno in NO_FILE:
            return None
        raise


def printable(path: str) -> str:
    """A path for a message: bytes that are no UTF-8, and what would change a line, as escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def read_json(path: str) -> Any:
    """What the file holds, or None where it does not exist or was damaged: the reader decides what to do then."""
    try:
        text = read_text(path, errors="strict")
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def write_atomic(path: str, text: str, mode: int = 0o644) -> None:
    """Write another file, flush it to disk, rename it: a reader or a power cut sees the old file or the new one."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            os.fchmod(handle.fileno(), mode)
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def linked_release(layout: Layout, instance: str) -> str:
    """The release id an instance's link names, or an empty string; what is no link is not managed."""
    path = layout.instance(instance)
    return os.path.basename(os.readlink(path)) if os.path.islink(path) else ""


def list_instances(layout: Layout) -> list[str]:
    """Names of the instances: links, with names that a unit can have."""
    names = (name for name in names_in(layout.instances) if name == printable(name))
    return [name for name in names if os.path.islink(layout.instance(name))]


def folders_in(path: str) -> list[str]:
    """Names of the folders in a folder; other entries are not managed."""
    return [name for name in names_in(path) if os.path.isdir(os.path.join(path, name))]


def names_in(path: str) -> list[str]:
    """Names of what is in a folder and is not hidden, sorted; none where there is no such folder."""
    try:
        return sorted(name for name in os.listdir(path) if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
