# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a host back to a generation: the switches, probes and commits of a deploy, from what the host itself keeps.

Nothing is downloaded and nothing is read but the host's own files, so it works without a controller, without a network
and with a registry that cannot be parsed. The result is a generation of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from ..host.haproxy import AdminError
from ..host.host import Host
from ..host.layout import linked_release, list_instances, slot_instance
from ..host.run_lock import BusyError, RunNote, at_work, give_back, refusal, take
from ..host.systemd import SystemdError
from ..probes.asking import ProbeError
from ..probes.prove import prove
from ..releases.generations import Begun, Change, Generation, Note, active_slot, newest, read, record, snapshot
from ..releases.refusals import note_refusal
from ..switching.differences import differences
from ..switching.rotation import Rotation
from ..switching.slot_switch import BOTH_SLOTS, Manner, switch_slot, withdraw_candidate
from ..switching.slots import SlotError, cut_words, promote
from ..switching.switch import OUT_OF_ROTATION, SwitchError, retire, switch
from .choice import RestoreError, Wanted, lacking, target_of, unproven, wanted_of
from .config_diff import config_diff
from .together import apart, edge_of, hand_over, must_wait, waiting

ALL = "all"
FAILURES = (SwitchError, SystemdError, ProbeError, SlotError, AdminError, OSError)


@dataclass(frozen=True)
class Aim:
    """What to go back to, and how much of it now.

    `number` is the generation, `services` the only ones that are meant, empty for all. `generation` is the number that
    this rollback gets, the same on all hosts of a fleet; 0 takes the host's next one. `stage` is what this call
    restores: one of STAGES, or "all" that is not restored yet, which also takes away what was not there and closes the
    generation.
    """

    number: int
    services: Collection[str] = ()
    generation: int = 0
    stage: str = ALL

    @property
    def closes(self) -> bool:
        return self.stage == ALL


@dataclass(frozen=True)
class Terms:
    """How a host is restored. Times are in seconds: one service has `timeout` to prove itself.

    `run` takes the host for itself, and may take it from one that is over, whose id is `instead_of` (host/run_lock.py).
    """

    timeout: float = 180
    drain_seconds: float = 600
    manner: Manner = BOTH_SLOTS
    run: RunNote | None = None
    instead_of: str = ""


class Plan(NamedTuple):
    """What a rollback does: the services in their order, the instances that go, and by service what differs."""

    content: Generation
    wanted: list[Wanted]
    gone: list[str]
    reasons: dict[str, list[str]]


class Restored(TypedDict):
    """`generation` is what this rollback made, 0 where nothing had to change; `registry` the hash of the restored."""

    changed: bool
    restored: int
    registry: str
    reasons: list[str]
    diff_text: str
    generation: int


def begin(host: Host, change: Change, note: Note) -> Begun:
    """Open the generation of a rollback. Returns what ran before its first call.

    Until it is closed: a rollback that is cut off is tried again, whatever it was to restore.
    """
    known = read(host.layout, change.generation)
    begun = known.get("begun") if known else None
    if not begun:
        last, now = read(host.layout, newest(host.layout)), snapshot(host)
        registry = last.get("registry", "") if last else ""
        begun = {"instances": now["instances"], "slots": now["slots"], "registry": registry}
    record(host, change, Note(summary=note.summary, restores=note.restores, begun=begun))
    return begun


class Restore:
    """One rollback of one host. `report` gets each step, `warn` what it cost clients."""

    def __init__(
        self,
        host: Host,
        terms: Terms,
        report: Callable[[str], object] = lambda line: None,
        warn: Callable[[str], object] | None = None,
    ) -> None:
        self.host, self.terms, self.report, self.warn = host, terms, report, warn or report
        # What is restored of the edge, by then or later.
        self.edge: Wanted | None = None
        # What only the restored edge finds: it goes right after it.
        self.followers: list[Wanted] = []

    def plan(self, aim: Aim) -> Plan:
        """All that this host has to be brought to. Raises RestoreError with all that is in the way."""
        layout = self.host.layout
        content = target_of(layout, aim.number)
        wanted = wanted_of(layout, content, aim.services)
        damaged = (unproven(content) + lacking(layout, wanted)) or apart(layout, wanted)
        if damaged:
            raise RestoreError(
                f"generation {content['number']} can't be restored: {'; '.join(dict.fromkeys(damaged))}. "
                f"A deploy of the registry it came from (hash {content.get('registry', '')[:12] or 'unknown'}) "
                "makes it again; nothing was changed on this host"
            )
        kept = {name for one in wanted for name in one.instances}
        gone = [name for name in list_instances(layout) if name not in kept] if not aim.services else []
        reasons = {one.name: self._differences(one) for one in wanted}
        return Plan(content, wanted, gone, {name: found for name, found in reasons.items() if found})

    def _part(self, aim: Aim) -> Plan:
        """What this call does of the plan."""
        content, wanted, gone, reasons = self.plan(aim)
        layout = self.host.layout
        later = waiting(layout, wanted)
        self.edge = edge_of(wanted)
        self.followers = [one for one in later if one is not self.edge]
        first = [one for one in wanted if one not in later]
        if aim.closes:
            return Plan(content, first + later, gone, reasons)
        mine = [one for one in first if one.manifest["stage"] == aim.stage]
        return Plan(content, mine, [], {one.name: reasons[one.name] for one in mine if one.name in reasons})

    def _serving(self, one: Wanted) -> str:
        """The instance that serves now; empty where no slot does."""
        if not one.slots:
            return one.name
        slot = active_slot(self.host.layout, one.service)
        return slot_instance(one.service, slot) if slot else ""

    def _differences(self, one: Wanted) -> list[str]:
        serving = self._serving(one)
        if not serving:
            return ["no slot is active"]
        closed = [OUT_OF_ROTATION] if self._rotation(one).closed else []
        return differences(self.host, serving, one.release)[0] + closed

    def _rotation(self, one: Wanted) -> Rotation:
        return Rotation(self.host.admin, one.manifest["listener"])

    def run(self, aim: Aim, check: bool = False) -> Restored:
        """Roll the host back. Raises RestoreError with what runs then."""
        layout, run = self.host.layout, self.terms.run
        if check or not run:
            return self._run(aim, check)
        try:
            holder = take(layout, run, self.terms.instead_of)
        except BusyError as error:
            raise RestoreError(str(error)) from error
        if holder:
            raise RestoreError(refusal("this host", holder))
        over = True
        try:
            with at_work(layout):
                result = self._run(aim, False)
            over = aim.closes
            return result
        except BusyError as error:
            raise RestoreError(str(error)) from error
        finally:
            if over:
                give_back(layout, run)

    def _run(self, aim: Aim, check: bool) -> Restored:
        layout, plan = self.host.layout, self._part(aim)
        last = read(layout, newest(layout))
        left_open = bool(aim.closes and last and not last["complete"])
        reasons = [f"{name}: {'; '.join(found)}" for name, found in sorted(plan.reasons.items())]
        result: Restored = {
            "changed": bool(plan.reasons or plan.gone or left_open),
            "restored": plan.content["number"],
            "registry": plan.content.get("registry", ""),
            "reasons": reasons + [f"{name} goes" for name in plan.gone],
            "diff_text": "".join(self._diff(one) for one in plan.wanted if one.name in plan.reasons),
            "generation": 0,
        }
        if result["changed"] and not check:
            number = aim.generation or newest(layout) + 1
            self._apply(plan, aim, Change(number, result["registry"]))
            result["generation"] = number
        return result

    def _diff(self, one: Wanted) -> str:
        layout, serving = self.host.layout, self._serving(one)
        return config_diff(layout, one.service, linked_release(layout, serving or one.name), one.release)

    def _apply(self, plan: Plan, aim: Aim, change: Change) -> None:
        named = f"{', '.join(aim.services)} of " if aim.services else ""
        number = plan.content["number"]
        summary = [f"restored {named}generation {number}"]
        begun = begin(self.host, change, Note(summary=summary, restores=number))
        for one in plan.wanted:
            self.report(f"{one.name}: release {one.release}")
            try:
                self._bring_back(one, change)
            except FAILURES as error:
                outcome = self._undo(begun, change.generation, one)
                raise RestoreError(f"{one.name} was not restored: {error}. {outcome}", one.tried) from error
        if plan.gone:
            retire(self.host, [name for one in plan.wanted for name in one.instances], change)
        # With some services only the host runs what no generation ran: the next rollback is the generation before.
        restores = 0 if aim.closes and aim.services else number
        record(self.host, change, Note(complete=aim.closes, summary=summary, restores=restores))

    def _undo(self, begun: Begun, number: int, failed: Wanted) -> str:
        """Undo what this rollback has changed on this host, in any of its calls. Returns what runs, in words."""
        again, lost, change = [], [], Change(number, begun["registry"])
        wanted = wanted_of(self.host.layout, begun)
        self.edge, self.followers = edge_of(wanted), []
        for one in reversed(wanted):
            if not self._differences(one) or must_wait(self.host.layout, one):
                continue
            self.report(f"{one.name}: back to release {one.release}, which served before")
            try:
                self._bring_back(one, change)
                again.append(one.name)
            except FAILURES as error:
                lost.append(f"{one.name} ({error})")
        note_refusal(self.host.layout, failed.tried, failed.release)
        record(self.host, change, Note(refused={failed.tried: failed.release}))
        if lost:
            return f"What served before it does not come up either: {'; '.join(lost)}"
        words = f"{', '.join(again)} again" if again else "nothing else was changed"
        return f"The previous release serves on this host, {words}"

    def _bring_back(self, one: Wanted, change: Change) -> None:
        if one.slots:
            self._bring_back_slot(one, change)
            return
        rotation = self._rotation(one)
        made = switch(self.host, one.name, one.release, change)
        if not made["action"] and not rotation.closed:
            return
        try:
            prove(self.host, one.name, one.manifest, self.terms.timeout)
        except ProbeError:
            if made["previous"] not in ("", one.release):
                switch(self.host, one.name, made["previous"], change)
            raise
        rotation.open()

    def _bring_back_slot(self, one: Wanted, change: Change) -> None:
        host, drain_seconds = self.host, self.terms.drain_seconds
        made = switch_slot(host, one.service, one.slots, one.release, change, manner=self.terms.manner)
        one.tried = made["instance"]
        if not made["action"]:
            return
        try:
            prove(host, made["instance"], one.manifest, self.terms.timeout)
            if made["candidate"]:
                if hand_over(host, self.edge, made["instance"], one.manifest, change, self.followers):
                    for other in self.followers:
                        prove(host, other.name, other.manifest, self.terms.timeout)
                done = promote(host, one.service, one.slots, made["slot"], change, drain_seconds)
                if done["open_at_stop"]:
                    self.warn(cut_words(done["open_at_stop"], drain_seconds))
        except FAILURES:
            if made["candidate"] and active_slot(host.layout, one.service) != made["slot"]:
                withdraw_candidate(host, made["instance"])
            raise
