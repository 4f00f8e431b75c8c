# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put instances on releases and take them away: compare what runs with what should, mend the difference."""

from __future__ import annotations

import os
import shutil

from ..host.layout import (
    linked_release,
    list_instances,
    read_json,
    read_text,
    service_of,
    sync_folder,
    unit_of,
    write_atomic,
)
from ..host.processes import environment
from ..host.secret_files import started_with
from ..releases.generations import active_slot, record
from . import candidate


class SwitchError(Exception):
    pass


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
        return ["release %s is new" % release_id], unit
    reasons = []
    current = linked_release(layout, instance)
    if current != release_id:
        reasons.append("release %s -> %s" % (current or "none", release_id))
    for name, text in units.items():
        if read_text(layout.unit(name)) != text:
            reasons.append("unit file %s" % name)
    if read_text(layout.dropin(instance)) != dropin:
        reasons.append("drop-in")
    if not unit.active:
        reasons.append("unit is %s" % unit.describe())
    else:
        runs = running_release(layout, instance, manifest, unit)
        if current == release_id and runs != release_id:
            reasons.append("the process runs release %s" % runs)
        reasons.extend(
            "secret file %s is newer than the process" % name for name in secrets_newer(layout, manifest, unit)
        )
    for name in manifest["enable"]:
        if not systemd.unit(name).enabled:
            reasons.append("%s is not enabled" % name)
    return reasons, unit


def install(layout, systemd, instance, release_id):
    """Link, unit files and drop-in of an instance; then tell systemd. Starts nothing."""
    manifest, dropin, units = release_files(layout, service_of(instance), release_id)
    if manifest is None:
        raise SwitchError("release %s of %s isn't on this host" % (release_id, service_of(instance)))
    lacking = [path for path in manifest["requires"] if not os.path.exists(path)]
    if lacking:
        raise SwitchError(
            "release %s of %s needs %s, which isn't there" % (release_id, service_of(instance), lacking[0])
        )
    for name, text in units.items():
        if read_text(layout.unit(name)) != text:
            write_atomic(layout.unit(name), text)
    write_atomic(layout.dropin(instance), dropin)
    point(layout, instance, release_id)
    systemd.call("daemon-reload")
    for name in manifest["enable"]:
        if not systemd.unit(name).enabled:
            systemd.call("enable", "--quiet", name)
    return manifest


def point(layout, instance, release_id):
    """Move the instance's link to a release, atomically."""
    link = layout.instance(instance)
    if linked_release(layout, instance) == release_id:
        return
    os.makedirs(layout.instances, mode=0o755, exist_ok=True)
    temporary = os.path.join(layout.instances, ".new-" + instance)
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(layout.release(service_of(instance), release_id), temporary)
    os.rename(temporary, link)
    sync_folder(layout.instances)


def of_the_start(unit):
    """What a running process has of its unit: how it is reloaded is read anew each time."""
    return [line for line in unit.splitlines() if not line.startswith(("#", "ExecReload="))]


def may_reload(layout, manifest, service, old, new):
    """Whether a reload takes the change: units and drop-ins stay what the process has, but for the release's name."""

    def process_part(release_id):
        found, dropin, units = release_files(layout, service, release_id)
        return found and (dropin.replace(release_id, ""), {name: of_the_start(text) for name, text in units.items()})

    return manifest["reload"] and process_part(old) == process_part(new)


def apply(systemd, instance, verb):
    """Start, reload or restart the instance's unit.

    A start that systemd itself reports as failed isn't an error here: the probe that follows tells it with the journal.
    """
    systemd.run(["systemctl", "reset-failed", unit_of(instance)])
    systemd.run(["systemctl", verb, unit_of(instance)])


def switch(layout, systemd, instance, release_id, generation=0, registry="", check=False, rotation=None, patience=0):
    """Put a service with one instance on a release. Returns the module's result.

    With a `rotation` the instance is out of it when it must restart, at the latest after `patience` seconds, and stays
    out until somebody has proven it and opens it again.
    """
    previous = linked_release(layout, instance)
    reasons, unit = differences(layout, systemd, instance, release_id)
    if rotation and rotation.closed:
        reasons.append("it is out of rotation")
    result = {
        "changed": bool(reasons),
        "instance": instance,
        "unit": unit_of(instance),
        "release": release_id,
        "previous": previous,
        "reasons": reasons,
        "candidate": False,
        "action": "",
        "open_at_restart": 0,
    }
    if not reasons:
        return result
    if reasons == ["it is out of rotation"]:
        result["action"] = "open"
        return result
    if not check:
        manifest = install(layout, systemd, instance, release_id)
        if generation:
            record(layout, generation, registry, touched=instance, proven=False)
        result["action"] = action_for(layout, manifest, instance, previous, release_id, reasons, unit)
        if result["action"] == "restart" and rotation:
            result["open_at_restart"] = rotation.close(patience)
        if result["action"] != "enable":
            apply(systemd, instance, result["action"])
    return result


def action_for(layout, manifest, instance, previous, release_id, reasons, unit):
    """What systemd is asked so that the reasons go."""
    if all(reason.endswith("is not enabled") for reason in reasons):
        return "enable"
    if not unit.active:
        return "start"
    secret = any(reason.startswith("secret file") for reason in reasons)
    gentle = not secret and may_reload(layout, manifest, service_of(instance), previous, release_id)
    return "reload" if gentle else "restart"


class Manner:
    """How a candidate comes up. `beside` the slot that serves, or after a `restart` that stops that one first.

    `reserve` are the bytes of memory that must stay free when both run. `force` boots a candidate even where nothing
    changed, and also where memory looks too small.
    """

    def __init__(self, strategy="beside", reserve=0, force=False):
        self.strategy, self.reserve, self.force = strategy, reserve, force


def switch_slot(layout, systemd, service, slots, release_id, generation=0, registry="", check=False, manner=None):
    """Boot the idle slot of a slotted service on a release, unless the active slot already serves it.

    The active slot is never touched while it runs, but for the manner `restart`; nothing is committed here. A slot that
    runs without being active is the rest of a run that died: it is stopped. Raises SwitchError where two do not fit.
    """
    manner = manner or Manner()
    active = active_slot(layout, service)
    serving = "%s@%s" % (service, active)
    reasons, unit = differences(layout, systemd, serving, release_id) if active else (["no slot is active yet"], None)
    if active:
        same = linked_release(layout, serving) == release_id
        if (not reasons and not manner.force) or (same and not unit.active):
            result = switch(layout, systemd, serving, release_id, generation, registry, check)
            result.update(candidate=False, slot=active, active=active)
            return stop_leftovers(layout, systemd, result, service, slots, check)
        reasons = reasons or ["asked for by force"]
    beside = bool(unit and unit.active) and manner.strategy == "beside"
    lacking = candidate.shortage(layout, unit.pid, manner.reserve) if beside else ""
    if lacking and not manner.force:
        raise SwitchError(lacking)
    idle = next(slot for slot in slots if slot != active)
    instance = "%s@%s" % (service, idle)
    result = {
        "changed": True,
        "instance": instance,
        "unit": unit_of(instance),
        "release": release_id,
        "previous": linked_release(layout, serving) if active else "",
        "reasons": reasons + ([lacking] if lacking else []),
        "candidate": True,
        "slot": idle,
        "active": active,
        "action": "",
    }
    if check:
        return result
    systemd.run(["systemctl", "stop", unit_of(instance)])
    if beside:
        candidate.lower(layout, instance)
    else:
        candidate.forget(layout, instance)
    install(layout, systemd, instance, release_id)
    if manner.strategy == "restart" and active:
        systemd.run(["systemctl", "stop", unit_of(serving)])
    result["action"] = "start"
    apply(systemd, instance, result["action"])
    return result


def stop_leftovers(layout, systemd, result, service, slots, check):
    """Stop what runs beside the active slot: the rest of a run that died. Returns the module's result."""
    for slot in slots:
        unit = unit_of("%s@%s" % (service, slot))
        if slot == result["active"] or systemd.unit(unit).stopped:
            continue
        result["changed"] = True
        result["reasons"] = result["reasons"] + ["slot %s ran although %s is active" % (slot, result["active"])]
        if not check:
            systemd.call("stop", unit)
    return result


def take_back(layout, systemd, instance):
    """Withdraw a candidate that was refused; the slot that serves is started again where it was stopped for it."""
    withdraw(layout, systemd, instance)
    service = service_of(instance)
    slot = active_slot(layout, service)
    serving = "%s@%s" % (service, slot)
    if slot and systemd.unit(unit_of(serving)).stopped:
        apply(systemd, serving, "start")


def committed(layout, instance):
    """Whether the instance is the slot that serves: the way back leaves it alone, whatever failed after its commit."""
    slot = active_slot(layout, service_of(instance))
    return bool(slot) and instance == "%s@%s" % (service_of(instance), slot)


def withdraw(layout, systemd, instance):
    """Stop an instance and take its unit, drop-in and link away; release, artifact and data stay."""
    unit = unit_of(instance)
    service = service_of(instance)
    manifest, _dropin, units = release_files(layout, service, linked_release(layout, instance))
    systemd.run(["systemctl", "stop", unit])
    last = all(service_of(name) != service or name == instance for name in list_instances(layout))
    for name in sorted((manifest or {}).get("enable", [])):
        if name == unit or last:
            systemd.run(["systemctl", "disable", "--quiet", name])
    if os.path.isdir(os.path.dirname(layout.dropin(instance))):
        shutil.rmtree(os.path.dirname(layout.dropin(instance)))
    if last:
        for name in units:
            if os.path.exists(layout.unit(name)):
                os.unlink(layout.unit(name))
        if os.path.isdir(os.path.join(layout.etc, service)):
            shutil.rmtree(os.path.join(layout.etc, service))
    candidate.forget(layout, instance)
    if os.path.islink(layout.instance(instance)):
        os.unlink(layout.instance(instance))
    systemd.call("daemon-reload")
    systemd.run(["systemctl", "reset-failed", unit])


def retire(layout, systemd, expected, generation=0, registry="", check=False):
    """Withdraw every instance of ours that `expected` does not name. Returns their names."""
    gone = [name for name in list_instances(layout) if name not in expected]
    if gone and not check:
        for name in gone:
            withdraw(layout, systemd, name)
        if generation:
            record(layout, generation, registry, summary=["retired %s" % name for name in gone])
    return gone
