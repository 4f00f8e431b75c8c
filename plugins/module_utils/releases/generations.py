# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generations: one small file a change, naming the release of every instance on this host.

The file of a generation is opened by the first switch that changes something (`complete: false`) and closed when the
whole deploy has gone through, so a run that dies half-way leaves a true record of what runs.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict, cast

from ..host.host import Host
from ..host.layout import (
    Layout,
    linked_release,
    list_instances,
    names_in,
    read_json,
    read_text,
    service_of,
    slot_instance,
    write_atomic,
)
from ..host.systemd import Run
from .releases import at_edge, gateway_of, manifest_of

SCHEMA = 1
# Bytes; a generation of fifty instances has some twenty thousand.
ROOM = 65536


class Ran(TypedDict):
    """What an instance ran, and what that came from; `artifact` is empty where it is a package."""

    release: str
    artifact: str
    package: NotRequired[str]
    package_version: NotRequired[str]


class Snapshot(TypedDict):
    """What a host runs: every instance's release, and for each slotted service the slot that serves."""

    instances: dict[str, Ran]
    slots: dict[str, str]


class Begun(Snapshot):
    """What ran before a rollback began, and the hash of the registry it came from."""

    registry: str


class Generation(Snapshot):
    """The content of a generation's file; `created` is in UTC, `registry` the hash of the one it came from.

    `restores` is the generation it restored. `touched` were started again in it, `refused` names the releases that
    instances had to give up, `unproven` the one whose proof was still to come, `begun` what may have to be undone.
    """

    schema: int
    number: int
    complete: bool
    registry: str
    created: str
    summary: list[str]
    touched: list[str]
    refused: dict[str, str]
    restores: NotRequired[int]
    unproven: NotRequired[dict[str, str]]
    begun: NotRequired[Begun]


@dataclass(frozen=True)
class Change:
    """Under which generation a change is recorded, 0 for none, and the hash of the registry it comes from."""

    generation: int = 0
    registry_hash: str = ""


@dataclass(frozen=True)
class Note:
    """What a change adds to its generation.

    `restores` is the generation it brought back, 0 for none, None for what was written before. `touched` is an instance
    that was just started; not `proven` where its proof is still to come (that a run comes to the next instance
    proves the one before). `refused` names the release that an instance had to give up, {instance: release}.
    `begun` is what ran before a rollback began, for as long as it may have to be undone.
    """

    complete: bool = False
    summary: Sequence[str] = ()
    restores: int | None = None
    touched: str = ""
    proven: bool = True
    refused: Mapping[str, str] = field(default_factory=dict)
    begun: Begun | None = None


UNRECORDED = Change()
WHAT_STANDS = Note()


def numbers(layout: Layout) -> list[int]:
    """The generation numbers on this host, ascending."""
    found = (re.fullmatch(r"([0-9]+)\.json", name) for name in names_in(layout.generations))
    return sorted(int(match[1]) for match in found if match)


def newest(layout: Layout) -> int:
    """The highest of them, 0 where there is none."""
    return max(numbers(layout), default=0)


def path_of(layout: Layout, number: int) -> str:
    return os.path.join(layout.generations, f"{number}.json")


def read(layout: Layout, number: int) -> Generation | None:
    """The content of generation `number`, or None where its file is missing or can't be read."""
    content = read_json(path_of(layout, number))
    return cast(Generation, content) if well_formed(content) else None


def well_formed(content: Any) -> bool:
    """Whether a generation's content has the shape that a rollback reads."""
    return (
        isinstance(content, dict)
        and content.get("schema") == SCHEMA
        and isinstance(content.get("instances"), dict)
        and all(isinstance(entry, dict) and entry.get("release") for entry in content["instances"].values())
    )


def read_all(layout: Layout) -> tuple[dict[int, Generation], list[int]]:
    """({number: content} of the readable generations, ascending; numbers of the others)."""
    good, bad = {}, []
    for number in numbers(layout):
        content = read(layout, number)
        if content:
            good[number] = content
        else:
            bad.append(number)
    return good, bad


def active_slot(layout: Layout, service: str) -> str:
    """The slot that serves, or an empty string before the first commit."""
    words = (read_text(layout.active_slot(service)) or "").split()
    return words[1] if len(words) == 2 and words[0] == "active" else ""


def serving_gateway(layout: Layout) -> tuple[str, str] | None:
    """(instance, where it listens as HAProxy writes it) of the slot of the gateway that serves."""
    gateway = gateway_of(layout)
    slot = active_slot(layout, gateway["service"]) if gateway else ""
    instance = slot_instance(gateway["service"], slot) if gateway and slot else ""
    manifest = manifest_of(layout, instance) if instance else None
    return (instance, at_edge(manifest, instance)) if manifest else None


def serving(layout: Layout) -> dict[str, str]:
    """{instance: where it listens, as HAProxy writes it} of engines, the cache and the slot that serves."""
    found = [(name, manifest_of(layout, name)) for name in list_instances(layout)]
    gateway = serving_gateway(layout)
    places = {name: at_edge(manifest, name) for name, manifest in found if manifest and manifest["stage"] == "backend"}
    return {**places, **dict([gateway] if gateway else [])}


def package_version(package: str, run: Run) -> str:
    code, output = run(["dpkg-query", "--show", "--showformat", "${Version}", package])
    return output.strip() if code == 0 else ""


def snapshot(host: Host) -> Snapshot:
    """What this host runs now."""
    instances: dict[str, Ran] = {}
    slots = {}
    for name in list_instances(host.layout):
        manifest = manifest_of(host.layout, name)
        entry: Ran = {
            "release": linked_release(host.layout, name),
            "artifact": manifest.get("artifact", "") if manifest else "",
        }
        if manifest and manifest.get("package"):
            entry["package"] = manifest["package"]
            entry["package_version"] = package_version(manifest["package"], host.systemd.run)
        instances[name] = entry
        slot = active_slot(host.layout, service_of(name))
        if slot:
            slots[service_of(name)] = slot
    return {"instances": instances, "slots": slots}


def record(host: Host, change: Change, note: Note = WHAT_STANDS) -> Generation:
    """Write a generation from what runs on this host now, what its file has already, and what a note adds."""
    before: Mapping[str, Any] = read(host.layout, change.generation) or {}
    told = before.get("summary", [])
    now = snapshot(host)
    content: Generation = {
        "instances": now["instances"],
        "slots": now["slots"],
        "schema": SCHEMA,
        "number": change.generation,
        "complete": note.complete,
        "registry": change.registry_hash or before.get("registry", ""),
        "created": before.get("created") or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "summary": [*told, *(line for line in note.summary if line not in told)],
        "touched": sorted({*before.get("touched", []), *([note.touched] if note.touched else [])}),
        "refused": {**before.get("refused", {}), **note.refused},
    }
    restores = before.get("restores") if note.restores is None else note.restores
    if restores:
        content["restores"] = restores
    begun = note.begun or before.get("begun")
    if begun and not note.complete:
        content["begun"] = begun
    if not note.proven:
        content["unproven"] = {note.touched: linked_release(host.layout, note.touched)}
    write_atomic(path_of(host.layout, change.generation), json.dumps(content, indent=2, sort_keys=True) + "\n")
    return content


def check_room(layout: Layout) -> None:
    """Raise OSError where a generation could not be written: a change that can't be recorded must not begin."""
    try:
        write_atomic(os.path.join(layout.generations, ".room"), " " * ROOM)
        os.unlink(os.path.join(layout.generations, ".room"))
    except OSError as error:
        problem = f"no generation can be recorded in {layout.generations}: {error}"
        raise OSError(f"{problem}. Nothing was switched: make room there, then run it again") from error


def protected_releases(layout: Layout, keep: int) -> tuple[dict[str, set[str]], list[int]]:
    """({service: release ids} that no rollback may lose, numbers of the unreadable generations among the protected).

    Protected are the newest `keep` complete generations, one more of them (so that there are still `keep` when the file
    of the newest is lost), and whatever was begun between them.
    """
    good, bad = read_all(layout)
    complete = [number for number, content in good.items() if content.get("complete")]
    oldest = complete[-(keep + 1) :][0] if complete else 0
    kept: dict[str, set[str]] = {}
    for number, content in good.items():
        for name, entry in content["instances"].items():
            if number >= oldest:
                kept.setdefault(service_of(name), set()).add(entry["release"])
    return kept, [number for number in bad if number > oldest]
