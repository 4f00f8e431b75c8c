# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put instances on releases and take them away: compare what runs with what should, mend the difference."""

from __future__ import annotations

import os
import shutil

from ..host.layout import (
    linked_release,
    list_instances,
    read_text,
    service_of,
    sync_folder,
    unit_of,
    write_atomic,
)
from ..releases.generations import record
from . import candidate
from .differences import differences, release_files


class SwitchError(Exception):
    pass


def install(layout, systemd, instance, release_id):
    """Link, unit files and drop-in of an instance; then tell systemd. Starts nothing."""
    manifest, dropin, units = release_files(layout, service_of(instance), release_id)
    if manifest is None:
        raise SwitchError(f"release {release_id} of {service_of(instance)} isn't on this host")
    lacking = [path for path in manifest["requires"] if not os.path.exists(path)]
    if lacking:
        raise SwitchError(f"release {release_id} of {service_of(instance)} needs {lacking[0]}, which isn't there")
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
            record(layout, generation, registry, summary=[f"retired {name}" for name in gone])
    return gone
