# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of an instance is not yet as in its release: link, unit files, drop-in, process, age of secrets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from ..host.host import Host
from ..host.layout import ARTIFACT_MARKER, Layout, linked_release, read_text, service_of, unit_of, wake_units
from ..host.processes import environment
from ..host.secret_files import started_with
from ..host.systemd import Unit
from ..releases.file_list import installed, list_of
from ..releases.releases import Manifest, read_manifest, wakes_on_request
from .loaded import rests


class ReleaseFiles(NamedTuple):
    """What of a release goes into systemd's folders: the drop-in's text, and its unit files by name."""

    manifest: Manifest
    dropin: str
    units: dict[str, str]


def release_files(layout: Layout, service: str, release_id: str) -> ReleaseFiles | None:
    """The files of a release on disk; None where it is not there yet."""
    folder = layout.release(service, release_id)
    manifest = read_manifest(layout, service, release_id)
    if manifest is None:
        return None
    units = {name: read_text(os.path.join(folder, "units", name)) or "" for name in manifest["units"]}
    return ReleaseFiles(manifest, read_text(os.path.join(folder, "release.conf")) or "", units)


def may_reload_secret(manifest: Manifest, name: str) -> bool:
    """Whether a reload of the service reads this secret file again."""
    return manifest["reload"] and not name.endswith(".env")


def secrets_newer(layout: Layout, manifest: Manifest, unit: Unit) -> list[str]:
    """Names of the secret files written after the process read them, unless it has just these values.

    A service that reloads reads its files then; an environment is read at the start only.
    """
    newer = []
    for name in manifest["secrets"]:
        path = os.path.join(layout.secrets, name)
        text = read_text(path)
        read = unit.state_changed if may_reload_secret(manifest, name) else unit.started
        if text is None or os.stat(path).st_mtime <= read:
            continue
        if not started_with(name, text, environment(layout, unit.pid)):
            newer.append(name)
    return newer


def running_release(layout: Layout, instance: str, manifest: Manifest, unit: Unit) -> str:
    """The release that the running process was started on, by its own environment.

    A service that reloads keeps its first environment: for it the link counts once systemd saw a change of state
    (start or reload) after the link was moved.
    """
    if manifest["reload"]:
        moved = os.lstat(layout.instance(instance)).st_mtime if os.path.islink(layout.instance(instance)) else 0
        return linked_release(layout, instance) if unit.state_changed >= moved else "before the last switch"
    return environment(layout, unit.pid).get("AI_BACKEND_RELEASE", "unknown")


def of_the_files(layout: Layout, instance: str, files: ReleaseFiles) -> Iterator[str]:
    """What differs in systemd's folders."""
    for name, text in files.units.items():
        if read_text(layout.unit(name)) != text:
            yield f"unit file {name}"
    if read_text(layout.dropin(instance)) != files.dropin:
        yield "drop-in"


def installed_since(layout: Layout, manifest: Manifest, release_id: str, unit: Unit) -> Iterator[str]:
    """What was written again after the process read it: a changed release, artifact or model was put right."""
    release = os.path.join(layout.release(manifest["service"], release_id), "manifest.json")
    parts = {path: os.path.dirname(path) for path in manifest["requires"] if path.endswith(f"/{ARTIFACT_MARKER}")}
    parts |= {release: "its release", **{list_of(path): path for path in installed(layout, [manifest])}}
    read = unit.state_changed if manifest["reload"] else unit.started
    for path, name in parts.items():
        if os.path.exists(path) and os.stat(path).st_mtime > read:
            yield f"{name} is newer than the process"


def of_the_process(layout: Layout, instance: str, manifest: Manifest, unit: Unit, release_id: str) -> Iterator[str]:
    """What differs in a process that runs."""
    if linked_release(layout, instance) == release_id:
        runs = running_release(layout, instance, manifest, unit)
        if runs == release_id:
            yield from installed_since(layout, manifest, release_id, unit)
        else:
            yield f"the process runs release {runs}"
    for name in secrets_newer(layout, manifest, unit):
        yield f"secret file {name} is newer than the process"


def of_the_rest(host: Host, manifest: Manifest, unit: Unit) -> Iterator[str]:
    """What differs of an engine that must not run, because another one of its group is loaded."""
    if not unit.stopped:
        yield f"unit is {unit.describe()}, and another one of its group is loaded"
    for name in manifest["enable"]:
        if host.systemd.unit(name).enabled:
            yield f"{name} is enabled, and another one of its group is loaded"


def of_the_socket(host: Host, instance: str) -> Iterator[str]:
    """What differs where a request wakes an instance."""
    socket = host.systemd.unit(wake_units(instance)[0])
    if not socket.active:
        yield f"{socket.name} is {socket.describe()}"


def differences(host: Host, instance: str, release_id: str) -> tuple[list[str], Unit]:
    """Why `instance` isn't yet what it should be, in words (none when it is), and the unit as systemd sees it."""
    layout, unit = host.layout, host.systemd.unit(unit_of(instance))
    files = release_files(layout, service_of(instance), release_id)
    if files is None:
        return [f"release {release_id} is new"], unit
    current = linked_release(layout, instance)
    reasons = [] if current == release_id else [f"release {current or 'none'} -> {release_id}"]
    reasons += of_the_files(layout, instance, files)
    if rests(layout, files.manifest, instance):
        return reasons + list(of_the_rest(host, files.manifest, unit)), unit
    if unit.active:
        reasons += of_the_process(layout, instance, files.manifest, unit, release_id)
    elif not wakes_on_request(files.manifest):
        reasons.append(f"unit is {unit.describe()}")
    if wakes_on_request(files.manifest):
        reasons += of_the_socket(host, instance)
    enable = files.manifest["enable"]
    return reasons + [f"{name} is not enabled" for name in enable if not host.systemd.unit(name).enabled], unit
