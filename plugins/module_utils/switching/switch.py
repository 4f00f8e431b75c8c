# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put instances on releases and take them away: fix what is not yet as it should be, and only that."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from typing import NotRequired, TypedDict

from ..host.edge import EDGE, places_of
from ..host.held_alerts import begin, end
from ..host.host import Host
from ..host.layout import (
    Layout,
    linked_release,
    list_instances,
    read_text,
    service_of,
    sync_folder,
    unit_of,
    wake_units,
    write_atomic,
)
from ..host.systemd import Systemd, Unit
from ..releases.generations import UNRECORDED, Change, Note, check_room, record
from ..releases.releases import Manifest, at_edge, manifest_of, read_manifest, wakes_on_request
from . import candidate, loaded
from .differences import differences, may_reload_secret, release_files, secrets_newer
from .loaded import rests
from .replaced import give_back, set_aside
from .rotation import Rotation

OUT_OF_ROTATION = "it is out of rotation"
# In place of a verb of systemd: the first request starts it; it is not the one of its group that is loaded.
WAKE, REST = "wake", "rest"


class SwitchError(Exception):
    pass


class Switched(TypedDict):
    """What a switch found and did; `action` is what systemd was asked, or `open` where only the rotation waits.

    A `candidate` is a slot that waits for its commit; `slot` and `active` are there for a slotted service.
    `open_at_restart` are the answers that were still running when the instance was restarted.
    """

    changed: bool
    instance: str
    unit: str
    release: str
    previous: str
    reasons: list[str]
    candidate: bool
    action: str
    slot: NotRequired[str]
    active: NotRequired[str]
    open_at_restart: NotRequired[int]


def install(host: Host, instance: str, release_id: str) -> Manifest:
    """Link, unit files and drop-in of an instance; then tell systemd. Starts nothing."""
    layout, systemd = host.layout, host.systemd
    files = release_files(layout, service_of(instance), release_id)
    if files is None:
        raise SwitchError(f"release {release_id} of {service_of(instance)} isn't on this host")
    lacking = [path for path in files.manifest["requires"] if not os.path.exists(path)]
    if lacking:
        raise SwitchError(f"release {release_id} of {service_of(instance)} needs {lacking[0]}, which isn't there")
    set_aside(host, files.manifest.get("replaces", ()))
    for name, text in files.units.items():
        if read_text(layout.unit(name)) != text:
            write_atomic(layout.unit(name), text)
    write_atomic(layout.dropin(instance), files.dropin)
    before = manifest_of(layout, instance)
    point(layout, instance, release_id)
    systemd.call("daemon-reload")
    enabled = [] if rests(layout, files.manifest, instance) else files.manifest["enable"]
    for name in sorted({*(before["enable"] if before else ()), *files.manifest["enable"]} - set(enabled)):
        systemd.run(["systemctl", "disable", "--quiet", *(["--now"] if name.endswith(".socket") else []), name])
    for name in enabled:
        if not systemd.unit(name).enabled:
            systemd.call("enable", "--quiet", name)
    return files.manifest


def point(layout: Layout, instance: str, release_id: str) -> None:
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


# systemd applies these to a running process, or reads them again when they count: at a reload, a stop, a crash. Only
# the limit of a core and what runs before a start wait for the next one.
_READ_AGAIN = (
    "#",
    "ExecReload=",
    "ExecStartPre=",
    "LimitCORE=",
    "MemoryHigh=",
    "MemoryMax=",
    "Restart",
    "StartLimit",
    "TimeoutStopSec=",
)


def of_the_start(unit: str) -> list[str]:
    """What a running process has of its unit or drop-in."""
    return [line for line in unit.splitlines() if line and not line.startswith(_READ_AGAIN)]


def may_reload(layout: Layout, manifest: Manifest, old: str, new: str) -> bool:
    """Whether a reload takes the change: units and drop-ins stay what the process has, but for the release's name."""

    def process_part(release_id: str) -> object:
        files = release_files(layout, manifest["service"], release_id)
        if files is None:
            return None
        units = {name: of_the_start(text) for name, text in files.units.items()}
        return of_the_start(files.dropin.replace(release_id, "")), units

    return manifest["reload"] and process_part(old) == process_part(new)


def apply(systemd: Systemd, instance: str, verb: str, wakes: bool = False) -> None:
    """Start, reload or restart the instance's unit; `wake` lets a request start it, and `rest` stops it.

    A start that systemd itself reports as failed isn't an error here: the probe that follows tells it with the journal.
    """
    unit, (socket, _proxy) = unit_of(instance), wake_units(instance)
    systemd.run(["systemctl", "reset-failed", unit])
    if wakes and not systemd.unit(socket).active:
        systemd.run(["systemctl", "reset-failed", socket])
        systemd.run(["systemctl", "start", socket])
    if verb != WAKE:
        systemd.run(["systemctl", "stop" if verb == REST else verb, unit])


def switch(
    host: Host,
    instance: str,
    release_id: str,
    change: Change = UNRECORDED,
    check: bool = False,
    rotation: Rotation | None = None,
) -> Switched:
    """Put a service with one instance on a release.

    With a `rotation` the instance is out of it when it must restart, and stays out until it has been proven and
    opens it again.
    """
    previous = linked_release(host.layout, instance)
    reasons, unit = differences(host, instance, release_id)
    if rotation and rotation.closed:
        reasons.append(OUT_OF_ROTATION)
    made: Switched = {
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
    if reasons == [OUT_OF_ROTATION]:
        made["action"] = "open"
    elif reasons and not check:
        if change.generation:
            check_room(host.layout)
        manifest = install(host, instance, release_id)
        if change.generation:
            record_or_undo(host, change, instance, previous)
        made["action"] = action_for(host.layout, manifest, unit, made)
        if made["action"] == "restart" and rotation:
            made["open_at_restart"] = rotation.close()
        act(host, made, wakes_on_request(manifest))
    return made


def act(host: Host, made: Switched, wakes: bool) -> None:
    """What systemd has to do for a switch."""
    if made["action"] in ("start", "restart"):
        begin(host.layout, made["instance"])
    if made["action"] != "enable":
        apply(host.systemd, made["instance"], made["action"], wakes)
    if made["action"] == REST:
        # It is proven when it is loaded.
        made["action"] = ""


def refuse_elsewhere(layout: Layout, instance: str, release_id: str, listener: str) -> None:
    """Raise SwitchError if the edge asks an instance where its release would not listen.

    `listener` is its section at the edge; empty if it has its own name.
    """
    manifest = read_manifest(layout, service_of(instance), release_id)
    places = places_of(layout, linked_release(layout, EDGE), listener or instance)
    if manifest is not None and places and at_edge(manifest, instance) not in places:
        asked, place = " and ".join(sorted(places)), at_edge(manifest, instance)
        raise SwitchError(
            f"the edge asks {instance} at {asked}, but its new release listens at {place}: deploy again, without --tags"
        )


def record_or_undo(host: Host, change: Change, instance: str, previous: str) -> None:
    """Record an instance that has a release now; where that fails it gets the one before, and nothing was restarted."""
    try:
        record(host, change, Note(touched=instance, proven=False))
    except OSError as error:
        outcome = f"it has release {previous} as before" if previous else "it was taken away again"
        if previous:
            install(host, instance, previous)
        else:
            withdraw(host, instance)
        raise SwitchError(
            f"{instance} can't be recorded in generation {change.generation}: {error}. Nothing was restarted, {outcome}"
        ) from error


def action_for(layout: Layout, manifest: Manifest, unit: Unit, made: Switched) -> str:
    """What systemd is asked so that the reasons go."""
    if rests(layout, manifest, made["instance"]):
        return REST
    if all(reason.endswith("is not enabled") for reason in made["reasons"]):
        return "enable"
    if not unit.active:
        return WAKE if wakes_on_request(manifest) else "start"
    restart = any(not may_reload_secret(manifest, name) for name in secrets_newer(layout, manifest, unit))
    gentle = not restart and may_reload(layout, manifest, made["previous"], made["release"])
    return "reload" if gentle else "restart"


def withdraw(host: Host, instance: str) -> None:
    """Stop an instance and take its unit, drop-in and link away; release, artifact and data stay."""
    layout, systemd = host.layout, host.systemd
    unit, service = unit_of(instance), service_of(instance)
    files = release_files(layout, service, linked_release(layout, instance))
    wakes = wakes_on_request(files.manifest) if files else False
    systemd.run(["systemctl", "stop", *(wake_units(instance) if wakes else ()), unit])
    last = all(service_of(name) != service or name == instance for name in list_instances(layout))
    for name in sorted(files.manifest["enable"] if files else []):
        if name in (unit, wake_units(instance)[0]) or last:
            systemd.run(["systemctl", "disable", "--quiet", name])
    if os.path.isdir(os.path.dirname(layout.dropin(instance))):
        shutil.rmtree(os.path.dirname(layout.dropin(instance)))
    if last:
        for name in files.units if files else []:
            if os.path.exists(layout.unit(name)):
                os.unlink(layout.unit(name))
        if os.path.isdir(os.path.join(layout.etc, service)):
            shutil.rmtree(os.path.join(layout.etc, service))
    candidate.forget(layout, instance)
    loaded.forget(host, instance)
    end(layout, instance)
    if os.path.islink(layout.instance(instance)):
        os.unlink(layout.instance(instance))
    systemd.call("daemon-reload")
    systemd.run(["systemctl", "reset-failed", unit])
    if last and files:
        give_back(host, files.manifest.get("replaces", ()))


def retire(host: Host, expected: Collection[str], change: Change = UNRECORDED, check: bool = False) -> list[str]:
    """Withdraw every managed instance that `expected` does not name. Returns their names."""
    gone = [name for name in list_instances(host.layout) if name not in expected]
    if gone and not check:
        for name in gone:
            withdraw(host, name)
        if change.generation:
            record(host, change, Note(summary=[f"retired {name}" for name in gone]))
    return gone
