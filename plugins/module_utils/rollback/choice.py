# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which generation a rollback restores, what it ran, and what prevents it; it changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NotRequired, TypedDict

from ..host.edge import offered
from ..host.layout import STAGES, Layout, linked_release, service_of, slot_instance
from ..releases.generations import Generation, Snapshot, read_all
from ..releases.integrity import damage
from ..releases.releases import read_manifest

NOTHING_KNOWN: Mapping[str, Any] = {"stage": STAGES[-1], "slots": [], "listener": "", "ports": {}}


class RestoreError(Exception):
    """Why a generation can't be restored, or what runs after one that could not be finished.

    `instance` is the one that failed, or empty when nothing was changed.
    """

    def __init__(self, message: str, instance: str = "") -> None:
        super().__init__(message)
        self.instance = instance


class Row(TypedDict):
    """A generation as a list shows it; of one whose file is damaged there is its number and that.

    `restorable` is `yes` with what it lacks, or why not; `changed` what ran on another release than before it.
    """

    number: int
    complete: bool
    restorable: str
    created: NotRequired[str]
    registry: NotRequired[str]
    restores: NotRequired[int | None]
    summary: NotRequired[list[str]]
    changed: NotRequired[list[str]]
    services: NotRequired[list[str]]
    refused: NotRequired[dict[str, str]]


class Wanted:
    """One service of a generation: an instance, or for a slotted service its name, and the release it ran."""

    def __init__(self, layout: Layout, name: str, release_id: str) -> None:
        self.name = name
        self.service = service_of(name)
        self.release = release_id
        # Of a damaged release there is none: such a generation is refused before anything of it is used.
        self.manifest: Mapping[str, Any] = read_manifest(layout, self.service, release_id) or NOTHING_KNOWN
        # Before the first commit a slot is an instance like others: nothing states which one serves.
        self.slots = self.manifest["slots"] if name == self.service else []
        # The instance that was touched last; for a slotted service the slot.
        self.tried = name

    @property
    def instances(self) -> list[str]:
        """The names its link may have on the host."""
        return [slot_instance(self.name, slot) for slot in self.slots] or [self.name]


def previous_of(rows: Collection[Mapping[str, Any]]) -> int:
    """The generation before the current one, or 0. `rows` are {number, complete, restores}, of one host or many.

    A generation that restored another one has the place of that one, so a second rollback goes further back; one that
    was not finished is tried again. A number counts as complete when it is on every host that has it.
    """
    if not rows:
        return 0
    incomplete = {row["number"] for row in rows if not row["complete"]}
    newest = max(row["number"] for row in rows)
    restored = max(row.get("restores") or 0 for row in rows if row["number"] == newest)
    below = restored + (newest in incomplete) if restored else newest
    return max((row["number"] for row in rows if row["number"] < below and row["number"] not in incomplete), default=0)


def list_generations(layout: Layout) -> list[Row]:
    """The generations here, newest first."""
    good, bad = read_all(layout)
    rows: list[Row] = []
    before: Generation | None = None
    for number in sorted([*good, *bad]):
        if number in bad:
            rows.append({"number": number, "complete": False, "restorable": "its file is damaged"})
            continue
        rows.append(row_of(layout, good[number], before))
        before = good[number]
    return rows[::-1]


def row_of(layout: Layout, content: Generation, before: Generation | None) -> Row:
    """One line of the list; `before` is the readable generation before it."""
    refused = content.get("refused", {})
    damaged = unproven(content) + lacking(layout, wanted_of(layout, content))
    return {
        "number": content["number"],
        "complete": content.get("complete", False),
        "created": content.get("created", ""),
        "registry": content.get("registry", ""),
        "restores": content.get("restores"),
        "summary": content.get("summary", []),
        "changed": changed_since(content, before),
        "services": sorted({service_of(name) for name in content["instances"]}),
        "refused": refused,
        "restorable": damaged[0] if damaged else without(refused),
    }


def unproven(content: Generation) -> list[str]:
    """Why a generation is no aim: a run was cut off before what it had switched last proved that it answers."""
    return [
        f"release {release} of {name} never proved that it answers: the run was cut off"
        for name, release in sorted(content.get("unproven", {}).items())
    ]


def without(refused: Mapping[str, str]) -> str:
    """`yes`, and what was tried in this generation and is not brought back with it."""
    return ", ".join(["yes", *(f"without {name} {release} (refused)" for name, release in sorted(refused.items()))])


def changed_since(content: Generation, before: Generation | None) -> list[str]:
    """What runs on another release than in the generation before, was started again, came or went; or all."""
    now, earlier = served(content), served(before) if before else {}
    changed = {name for name in {*now, *earlier} if now.get(name) != earlier.get(name)}
    slots = content.get("slots", {})
    touched = {service_of(name) if service_of(name) in slots else name for name in content.get("touched", [])}
    return sorted(changed | (touched & now.keys()))


def served(content: Snapshot) -> dict[str, str]:
    """{name: release} of what a generation ran; a slotted service by its name, with its active slot's release."""
    slots, found = content.get("slots", {}), {}
    for name, entry in content["instances"].items():
        service = service_of(name)
        if service not in slots:
            found[name] = entry["release"]
        elif name == slot_instance(service, slots[service]):
            found[service] = entry["release"]
    return found


def target_of(layout: Layout, number: int) -> Generation:
    """The content of this host's newest generation not above `number`. Raises RestoreError."""
    good, bad = read_all(layout)
    known = [n for n in good if n <= number]
    if not known:
        have = ", ".join(map(str, sorted(good))) or "none"
        raise RestoreError(f"this host has no generation {number} or older (it has: {have})")
    newest = max(known)
    unreadable = [n for n in bad if newest < n <= number]
    if unreadable:
        raise RestoreError(f"generation {unreadable[-1]} can't be read; choose another one")
    return good[newest]


def wanted_of(layout: Layout, content: Snapshot, services: Collection[str] = ()) -> list[Wanted]:
    """What a generation ran, in the order of a rollback; only some services when they are named."""
    wanted = [Wanted(layout, name, release) for name, release in served(content).items()]
    wanted = [one for one in wanted if not services or one.service in services]
    return sorted(wanted, key=lambda one: (STAGES.index(one.manifest["stage"]), one.name))


def only_takes_away(layout: Layout, one: Wanted) -> bool:
    """Whether this is an edge that offers less than the one that runs: it waits until no gateway asks for the rest."""
    if one.manifest["stage"] != "edge":
        return False
    then, now = offered(layout, one.release), offered(layout, linked_release(layout, one.name))
    return then is not None and now is not None and then < now


def lacking(layout: Layout, wanted: Iterable[Wanted]) -> list[str]:
    """Why it can't be restored, all reasons."""
    return [reason for one in wanted for reason in damage(layout, one.service, one.release)]


def unknown_services(rows: Iterable[Mapping[str, Any]], services: Iterable[str]) -> list[str]:
    """The names that no generation of `rows` has: a typing error, which must not read as "nothing had to change"."""
    known = {name for row in rows for name in row.get("services", ())}
    return sorted(name for name in services if name not in known)
