# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's folder of generated secrets: one file a name, 0600, outside of any checkout."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from .layout import CLIENT_KEYS

# What the deployment makes itself when nobody gives it.
GENERATED = (
    "AI_BACKEND_ENGINE_KEY",
    "AI_BACKEND_FLEET_IDENTITY",
    "AI_BACKEND_GRAFANA_PASSWORD",
    "AI_BACKEND_MONITORING_KEY",
    "AI_BACKEND_WEBUI_KEY",
    "AI_BACKEND_WEBUI_PASSWORD",
    "AI_BACKEND_WEBUI_SECRET",
    "LITELLM_MASTER_KEY",
    "REDIS_PASSWORD",
)
# LiteLLM takes them, besides the keys of clients.
KEYS_OF_GATEWAY = ("AI_BACKEND_MONITORING_KEY", "AI_BACKEND_WEBUI_KEY", "LITELLM_MASTER_KEY")
# What hosts get of the key of a client, which is made too.
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The value that a rotation has made and the hosts do not all have yet.
NEXT = ".next"


class FolderError(Exception):
    pass


def is_client(name: str) -> bool:
    """Whether a secret is the key of a client, of which hosts get a digest."""
    return name.startswith(CLIENT_KEYS)


def is_generated(name: str) -> bool:
    """Whether a secret is made when nobody gives it."""
    return name in GENERATED or is_client(name)


def for_hosts(name: str, value: str) -> str:
    """What hosts get of a value: of a client's key its digest. A value may be the digest already: then only the client
    has the key, as where it was read back from a host."""
    if not is_client(name) or not value or DIGEST.fullmatch(value):
        return value
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()


def path_of(folder: str, name: str) -> str:
    return os.path.join(os.path.expanduser(folder), name)


def read_kept(folder: str, name: str) -> str:
    """The value kept under a name, or an empty string. Raises FolderError where others could read it."""
    path = path_of(folder, name)
    try:
        with open(path, encoding="utf-8") as handle:
            if stat.S_IMODE(os.fstat(handle.fileno()).st_mode) & 0o077:
                raise FolderError(f"{path} can be read by others than its owner: chmod 600 {path}")
            return handle.read().strip()
    except FileNotFoundError:
        return ""


def value_of(given: Mapping[str, Any] | None, folder: str, name: str) -> str:
    """The value of a name: as given (an empty one counts as not given), else as kept, else an empty string."""
    return str((given or {}).get(name) or "").strip() or read_kept(folder, name)


def keep(folder: str, name: str, value: str) -> str:
    """Keep a value under a name that has none yet; returns the one that is kept: of two at once only one is born."""
    path = path_of(folder, name)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    # Written to another file and linked in: a reader in this time finds nothing, or all of it. mkstemp makes it 0600.
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(value + "\n")
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
    return read_kept(folder, name)


def generate(folder: str, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
    """Make and keep a value for a name, or for its successor (`NAME.next`)."""
    plain = name[: -len(NEXT)] if name.endswith(NEXT) else name
    # LiteLLM expects its key to begin like this, and scanners for secrets know keys by it.
    prefix = "sk-" if plain in KEYS_OF_GATEWAY or is_client(plain) else ""
    value = keep(folder, name, prefix + make())
    if plain != name:
        # One that a run left which died is as good as new: its age tells it from the values of before.
        os.utime(path_of(folder, name))
    return value


def outdated(given: Mapping[str, Any] | None, folder: str, name: str, rotated: float | str | None) -> bool:
    """Whether the value kept here is older than the rotation (seconds since 1970) that the hosts know of."""
    if not rotated or str((given or {}).get(name) or "").strip() or not read_kept(folder, name):
        return False
    return int(os.stat(path_of(folder, name)).st_mtime) < int(rotated)
