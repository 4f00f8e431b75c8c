# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of an instance is not yet as its release says: link, unit files, drop-in, process, age of secrets."""

from __future__ import annotations

import os

from ..host.layout import linked_release, read_json, read_text, service_of, unit_of
from ..host.processes import environment
from ..host.secret_files import started_with


def release_files(layout, service, release_id):
    """(manifest, drop-in text, {unit file: text}) of a release on disk; (None, "", {}) where it is not there yet."""
    folder = layout.release(service, release_id)
    manifest = read_json(os.path.join(folder, "manifest.json"))
    if manifest is None:
        return None, "", {}
    units = {name: read_text(os.path.join(folder, "units", name)) or "" for name in manifest["units"]}
    return manifest, read_text(os.path.join(folder, "release.conf")) or "", units


def secrets_newer(layout, manifest, unit):
    """Names of the secret files written after the unit's process was started, unless it has just these values."""
    newer = []
    for name in manifest["secrets"]:
        path = os.path.join(layout.secrets, name)
        text = read_text(path)
        written = text is not None and os.stat(path).st_mtime > unit.started
        if written and not started_with(name, text, environment(layout, unit.pid)):
            newer.append(name)
    return newer


def running_release(layout, instance, manifest, unit):
    """The release that the running process was started on, by its own environment.

    A service that reloads keeps its first environment: for it the link counts once systemd saw a change of state
    (start or reload) after the link was moved.
    """
    if not unit.active:
        return ""
    if manifest["reload"]:
        moved = os.lstat(layout.instance(instance)).st_mtime if os.path.islink(layout.instance(instance)) else 0
        return linked_release(layout, instance) if unit.state_changed >= moved else "before the last switch"
    return environment(layout, unit.pid).get("AI_BACKEND_RELEASE", "unknown")


def differences(layout, systemd, instance, release_id):
    """Why `instance` isn't yet what it should be, in words (none when it is), and the unit as systemd sees it."""
    manifest, dropin, units = release_files(layout, service_of(instance), release_id)
    unit = systemd.unit(unit_of(instance))
    if manifest is None:
        return [f"release {release_id} is new"], unit
    reasons = []
    current = linked_release(layout, instance)
    if current != release_id:
        reasons.append(f"release {current or 'none'} -> {release_id}")
    for name, text in units.items():
        if read_text(layout.unit(name)) != text:
            reasons.append(f"unit file {name}")
    if read_text(layout.dropin(instance)) != dropin:
        reasons.append("drop-in")
    if not unit.active:
        reasons.append(f"unit is {unit.describe()}")
    else:
        runs = running_release(layout, instance, manifest, unit)
        if current == release_id and runs != release_id:
            reasons.append(f"the process runs release {runs}")
        reasons.extend(
            f"secret file {name} is newer than the process" for name in secrets_newer(layout, manifest, unit)
        )
    for name in manifest["enable"]:
        if not systemd.unit(name).enabled:
            reasons.append(f"{name} is not enabled")
    return reasons, unit
