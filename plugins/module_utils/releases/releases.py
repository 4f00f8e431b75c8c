# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases: immutable folders named by the hash of what they hold.

A release folder holds `manifest.json`, the rendered `files/`, the `units/` it needs and `release.conf`, the drop-in of
its instances. Everything to start, probe, show or restore a service is in it; nothing is read from another place.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from typing import Any, NotRequired, TypedDict, cast

from ..host.layout import (
    STAGES,
    Layout,
    folders_in,
    linked_release,
    list_instances,
    read_json,
    read_text,
    service_of,
    sync_folder,
)

# The arguments of the module `release`, which its action reads as well.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "service": {"type": "str", "required": True},
    "stage": {"type": "str", "required": True, "choices": list(STAGES)},
    "instance": {"type": "str", "required": True},
    "slots": {"type": "list", "elements": "str", "default": []},
    "admin_socket": {"type": "str", "default": ""},
    "listener": {"type": "str", "default": ""},
    "files": {"type": "dict", "default": {}},
    "units": {"type": "dict", "required": True},
    "dropin": {"type": "str", "required": True},
    "enable": {"type": "list", "elements": "str", "required": True},
    "artifact": {"type": "str", "default": ""},
    "package": {"type": "str", "default": ""},
    "requires": {"type": "list", "elements": "str", "default": []},
    "replaces": {"type": "list", "elements": "str", "default": []},
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "ports": {"type": "dict", "default": {}},
    "sockets": {"type": "dict", "default": {}},
    "wake": {"type": "dict", "default": {}},
    "probes": {"type": "list", "elements": "dict", "required": True},
    "reload": {"type": "bool", "default": False},
    "shown": {"type": "list", "elements": "str", "default": []},
}
# What only tells where to look for the instance that runs, and what to read there.
NOT_OF_THE_RELEASE = ("admin_socket", "instance", "shown")

# A release's own folder, known only after its hash: replaced when it is written.
RELEASE_MARK = "@RELEASE@"


class Service(TypedDict):
    """What a release states of its service; each key is an option of the module `release`."""

    service: str
    stage: str
    slots: list[str]
    listener: str
    enable: list[str]
    artifact: str
    package: str
    requires: list[str]
    replaces: NotRequired[list[str]]
    secrets: list[str]
    ports: dict[str, int]
    sockets: NotRequired[dict[str, str]]
    wake: NotRequired[dict[str, Any]]
    probes: list[dict[str, Any]]
    reload: bool


class Content(Service):
    """All that a release is made from, texts by name."""

    files: dict[str, str]
    units: dict[str, str]
    dropin: str


class Manifest(Service):
    """What `manifest.json` holds; the texts are next to it, `units` are their names."""

    id: str
    units: list[str]


def content_from(params: Mapping[str, Any]) -> Content:
    """What the module's checked arguments make a release from."""
    content = {key: value for key, value in params.items() if key not in NOT_OF_THE_RELEASE}
    content["ports"] = {name: int(port) for name, port in content["ports"].items()}
    for later in ("sockets", "replaces", "wake"):
        if not content[later]:
            # So a release without one has the id that it had when releases knew none.
            del content[later]
    return cast(Content, content)


def address_of(manifest: Mapping[str, Any], instance: str) -> int | str:
    """Where an instance listens: the path of its socket, or its port on loopback, or 0."""
    found: int | str = manifest.get("sockets", {}).get(instance) or manifest["ports"].get(instance, 0)
    return found


def wakes_on_request(manifest: Mapping[str, Any]) -> bool:
    """Whether it is in memory only for as long as it is asked."""
    return bool(manifest.get("wake", {}).get("on_request"))


def at_edge(manifest: Mapping[str, Any], instance: str) -> str:
    """Where the edge asks an instance, as HAProxy writes it: one that a request wakes, where systemd listens for it."""
    if wakes_on_request(manifest):
        return f"unix@{manifest['wake']['socket']}"
    address = address_of(manifest, instance)
    return f"unix@{address}" if isinstance(address, str) else f"127.0.0.1:{address}"


def identifier(content: Content) -> str:
    """Twelve hex digits, a pure function of the content: same inputs, same release, on every host."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def dropin_head(release_id: str) -> str:
    """The beginning of every drop-in: by it a process shows which release it was started on."""
    return f"[Service]\nEnvironment=AI_BACKEND_RELEASE={release_id}\n"


def rendered(layout: Layout, content: Content, release_id: str) -> dict[str, str]:
    """{path in the release: text} of everything the release holds."""
    folder = layout.release(content["service"], release_id)
    texts = {"release.conf": dropin_head(release_id) + content["dropin"]}
    texts.update((f"files/{name}", text) for name, text in content["files"].items())
    texts.update((f"units/{name}", text) for name, text in content["units"].items())
    kept = {key: value for key, value in content.items() if key not in ("files", "units", "dropin")}
    kept.update(id=release_id, units=sorted(content["units"]))
    texts["manifest.json"] = json.dumps(kept, indent=2, sort_keys=True) + "\n"
    return {name: text.replace(RELEASE_MARK, folder) for name, text in texts.items()}


def current_texts(layout: Layout, service: str, release_id: str) -> dict[str, str]:
    """{path: text} of a release on disk; empty where it does not exist."""
    folder = layout.release(service, release_id)
    texts = {}
    for parent, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            texts[os.path.relpath(path, folder)] = read_text(path) or ""
    return texts


def fill(folder: str, texts: Mapping[str, str]) -> None:
    """Write {path: text} below a folder, down to the disk."""
    os.chmod(folder, 0o755)  # noqa: S103 - services read it; it holds no secret
    for name, text in sorted(texts.items()):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "w", encoding="utf-8") as handle:
            os.fchmod(handle.fileno(), 0o644)
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())


def write(layout: Layout, service: str, release_id: str, texts: Mapping[str, str]) -> None:
    """Make the folder under another name and rename it: a half-written release has no name."""
    target = layout.release(service, release_id)
    parent = os.path.dirname(target)
    os.makedirs(parent, mode=0o755, exist_ok=True)
    folder = tempfile.mkdtemp(dir=parent, prefix=".new-")
    try:
        fill(folder, texts)
    except BaseException:
        shutil.rmtree(folder)
        raise
    if os.path.isdir(target):
        # Only a damaged copy comes here: its texts differed from its name.
        shutil.rmtree(target)
    os.rename(folder, target)
    sync_folder(parent)


def read_manifest(layout: Layout, service: str, release_id: str) -> Manifest | None:
    """The manifest of a release on disk, or None where it is not there or was damaged."""
    found = read_json(os.path.join(layout.release(service, release_id), "manifest.json"))
    return of_today(found) if isinstance(found, dict) else None


def of_today(manifest: dict[str, Any]) -> Manifest:
    """A manifest with its stage, slots and listener, which those of version 0.1.0 do not name.

    Needed for as long as a host may keep a generation with such a release: eleven complete generations after it.
    """
    if "stage" not in manifest:
        parts = [name.partition("@")[2] for name in sorted(manifest["ports"])]
        slots = parts if len(parts) > 1 else []
        edge = any(probe["kind"] == "haproxy" for probe in manifest["probes"])
        stage = "gateway" if slots else "edge" if edge else "backend"
        manifest = {**manifest, "stage": stage, "slots": slots, "listener": "" if slots else "".join(parts)}
    return cast(Manifest, manifest)


def manifest_of(layout: Layout, instance: str) -> Manifest | None:
    """The manifest of the release an instance is linked to, or None."""
    release_id = linked_release(layout, instance)
    return read_manifest(layout, service_of(instance), release_id) if release_id else None


def gateway_of(layout: Layout) -> Manifest | None:
    """The manifest of this host's gateway, of whatever slot, or None where none was deployed."""
    found = (manifest_of(layout, name) for name in list_instances(layout))
    return next((manifest for manifest in found if manifest and manifest["slots"]), None)


def keys_of_gateway(layout: Layout) -> str:
    """The secret file with the keys that this host's gateway sends, or an empty string where it has none."""
    gateway = gateway_of(layout)
    return next((name for name in gateway["secrets"] if name.endswith(".env")), "") if gateway else ""


def named_by_instances(layout: Layout, service: str) -> set[str]:
    return {linked_release(layout, name) for name in list_instances(layout) if service_of(name) == service}


def prune(layout: Layout, service: str, keep: int, protected: Collection[str]) -> list[str]:
    """Delete the oldest releases beyond `keep`, never one an instance or a kept generation names. Returns their ids."""
    parent = os.path.join(layout.releases, service)
    names = folders_in(parent)
    names.sort(key=lambda name: os.stat(os.path.join(parent, name)).st_mtime, reverse=True)
    doomed = [name for name in names[keep:] if name not in named_by_instances(layout, service).union(protected)]
    for name in doomed:
        shutil.rmtree(os.path.join(parent, name))
    return sorted(doomed)


def prune_artifacts(layout: Layout) -> list[str]:
    """Delete the artifacts that no release on this host names. Returns their names.

    A release whose manifest can't be read may name any of them: as long as there is one, all stay.
    """
    used = set()
    for parent, _folders, names in os.walk(layout.releases):
        if "manifest.json" in names:
            manifest = read_json(os.path.join(parent, "manifest.json"))
            if not manifest:
                return []
            used.add(manifest.get("artifact", ""))
    doomed = [name for name in folders_in(layout.artifacts) if os.path.join(layout.artifacts, name) not in used]
    for name in doomed:
        shutil.rmtree(os.path.join(layout.artifacts, name))
    return doomed
