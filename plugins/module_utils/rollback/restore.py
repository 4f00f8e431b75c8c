# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a host back to a generation: the switches, probes and commits of a deploy, from what the host itself keeps.

Nothing is downloaded and nothing is read but the host's own files, so it works without a controller, without a network
and with a registry that cannot be parsed. The result is a generation of its own.
"""

from __future__ import annotations

import difflib

from ..host.haproxy import AdminError
from ..host.layout import list_instances
from ..host.run_lock import BusyError, at_work, give_back, refusal, take
from ..host.systemd import SystemdError
from ..probes.checks import ProbeError
from ..probes.prove import prove
from ..releases.generations import active_slot, numbers, read, record, snapshot
from ..releases.releases import current_texts
from ..switching.differences import differences
from ..switching.rotation import Rotation
from ..switching.slot_switch import switch_slot, take_back
from ..switching.slots import SlotError, cut_words, promote
from ..switching.switch import SwitchError, retire, switch
from .choice import (
    RestoreError,
    current_release,
    lacking,
    only_takes_away,
    target_of,
    unproven,
    wanted_of,
)

FAILURES = (SwitchError, SystemdError, ProbeError, SlotError, AdminError, OSError)


def config_diff(layout, service, before, after):
    """Unified diff of the files of two releases, without what only names their folder."""
    old, new = (current_texts(layout, service, release) if release else {} for release in (before, after))
    lines = []
    for name in sorted({*old, *new}):
        if name == "manifest.json" or not name.startswith("files/"):
            continue
        texts = (
            text.get(name, "").replace(release or "-", "RELEASE") for text, release in ((old, before), (new, after))
        )
        was, now = (text.splitlines(keepends=True) for text in texts)
        label = f"{service}/{name[len('files/') :]}"
        lines += difflib.unified_diff(was, now, f"{label} (now)", f"{label} (restored)")
    return "".join(lines)


def begin(layout, number, registry, summary, restores, run):
    """Open the generation of a way back. Returns what ran before its first call, as a generation's content.

    Until it is closed: a way back that is cut off is tried again, whatever it was to bring back.
    """
    known = (read(layout, number) or {}).get("begun")
    newest = read(layout, max(numbers(layout), default=0)) or {}
    begun = known or {**snapshot(layout, run), "registry": newest.get("registry", "")}
    record(layout, number, registry, summary=summary, restores=restores, begun=begun, run=run)
    return begun


class Restore:
    """One run on one host. `who` changes it, `instead_of` is the id of a run that is over (host/run_lock.py)."""

    def __init__(
        self,
        layout,
        systemd,
        admin,
        timeout=180,
        drain_seconds=600,
        say=lambda line: None,
        manner=None,
        who=None,
        instead_of="",
        warn=None,
    ):
        self.layout, self.systemd, self.admin = layout, systemd, admin
        self.timeout, self.drain_seconds, self.say = timeout, drain_seconds, say
        self.manner, self.who, self.instead_of = manner, who, instead_of
        self.warn = warn or say

    def plan(self, number, services=()):
        """(content, wanted, instances that go, reasons by name). Raises RestoreError with all that is in the way."""
        content = target_of(self.layout, number)
        wanted = wanted_of(self.layout, content, services)
        hurt = unproven(content) + lacking(self.layout, wanted)
        if hurt:
            raise RestoreError(
                f"generation {content['number']} can't be restored: {'; '.join(dict.fromkeys(hurt))}. "
                f"A deploy of the registry it came from (hash {content.get('registry', '')[:12] or 'unknown'}) "
                "makes it again; nothing was changed on this host"
            )
        kept = {name for one in wanted for name in one.instances}
        gone = [name for name in list_instances(self.layout) if name not in kept] if not services else []
        reasons = {}
        for one in wanted:
            found = self._differences(one)
            if found:
                reasons[one.name] = found
        return content, wanted, gone, reasons

    def _active(self, one):
        return active_slot(self.layout, one.service) if one.slots else ""

    def _differences(self, one):
        if one.slots and not self._active(one):
            return ["no slot is active"]
        instance = f"{one.name}@{self._active(one)}" if one.slots else one.name
        closed = ["it is out of rotation"] if self._rotation(one).closed else []
        return differences(self.layout, self.systemd, instance, one.release)[0] + closed

    def _rotation(self, one):
        """An engine at its edge; the name behind the `@` is its provider's, and the edge's section has it too."""
        return Rotation(self.admin, "" if one.slots else one.name.partition("@")[2])

    def run(self, number, services=(), check=False, generation=0, part="all"):
        """Bring the host back. Returns the module's result; raises RestoreError saying what stands.

        `generation` is the number that this way back gets, the same on all hosts of a fleet. `part` is what this call
        does of it: "before" what a gateway asks, "gateway", or "all" that is not back yet, which also takes away what
        was not there and closes the generation.
        """
        if check or not self.who:
            return self._run(number, services, check, generation, part)
        holder = take(self.layout, self.who, self.instead_of)
        if holder:
            raise RestoreError(refusal("this host", holder))
        over = True
        try:
            with at_work(self.layout):
                result = self._run(number, services, False, generation, part)
            over = part == "all"
            return result
        except BusyError as error:
            raise RestoreError(str(error)) from error
        finally:
            if over:
                give_back(self.layout, self.who)

    def _run(self, number, services, check, generation, part):
        content, wanted, gone, reasons = self.plan(number, services)
        later = [one for one in wanted if only_takes_away(self.layout, one)]
        first = [one for one in wanted if one not in later]
        close = part == "all"
        wanted = first + later if close else [one for one in first if bool(one.slots) == (part == "gateway")]
        reasons = {name: found for name, found in reasons.items() if name in {one.name for one in wanted}}
        gone = gone if close else []
        new = generation or max(numbers(self.layout), default=0) + 1
        begun = read(self.layout, max(numbers(self.layout), default=0))
        result = {
            "changed": bool(reasons or gone or (close and begun and not begun["complete"])),
            "restored": content["number"],
            "registry": content.get("registry", ""),
            "reasons": [f"{name}: {'; '.join(found)}" for name, found in sorted(reasons.items())]
            + [f"{name} goes" for name in gone],
            "diff_text": "".join(
                config_diff(self.layout, one.service, current_release(self.layout, one, self._active(one)), one.release)
                for one in wanted
                if one.name in reasons
            ),
            "generation": 0,
        }
        if not result["changed"] or check:
            return result
        return self._apply(result, content, wanted, gone, new, close, services)

    def _apply(self, result, content, wanted, gone, new, close, services):
        registry = content.get("registry", "")
        named = f"{', '.join(services)} of " if services else ""
        summary, restores = [f"restored {named}generation {content['number']}"], content["number"]
        begun = begin(self.layout, new, registry, summary, restores, self.systemd.run)
        for one in wanted:
            self.say(f"{one.name}: release {one.release}")
            try:
                self._bring_back(one, new, registry)
            except FAILURES as error:
                words = f"{one.name} was not brought back: {error}. {self._undo(begun, new, one)}"
                raise RestoreError(words, one.tried) from error
        if gone:
            kept = [name for one in wanted for name in one.instances]
            retire(self.layout, self.systemd, kept, new, registry)
        record(
            self.layout,
            new,
            registry,
            complete=close,
            summary=summary,
            # With some services only the host stands where no generation stood: the way back is the generation before.
            restores=0 if close and services else restores,
            run=self.systemd.run,
        )
        result["generation"] = new
        return result

    def _undo(self, begun, new, failed):
        """Put back what this way back has changed on this host, in any of its calls. Returns what stands, in words."""
        stands, lost = [], []
        for one in reversed(wanted_of(self.layout, begun)):
            if not self._differences(one):
                continue
            self.say(f"{one.name}: back to release {one.release}, which served before")
            try:
                self._bring_back(one, new, begun["registry"])
                stands.append(one.name)
            except FAILURES as error:
                lost.append(f"{one.name} ({error})")
        refused = {failed.tried: failed.release}
        record(self.layout, new, begun["registry"], refused=refused, run=self.systemd.run)
        if lost:
            return f"What served before it does not come up either: {'; '.join(lost)}"
        again = f"{', '.join(stands)} again" if stands else "nothing else was changed"
        return f"What served before serves on this host, {again}"

    def _bring_back(self, one, new, registry):
        if one.slots:
            self._bring_back_slot(one, new, registry)
            return
        rotation = self._rotation(one)
        made = switch(self.layout, self.systemd, one.name, one.release, new, registry)
        if not made["action"] and not rotation.closed:
            return
        try:
            prove(self.layout, self.systemd, one.name, one.manifest, self.timeout)
        except ProbeError:
            if made["previous"] not in ("", one.release):
                switch(self.layout, self.systemd, one.name, made["previous"], new, registry)
            raise
        rotation.open()

    def _bring_back_slot(self, one, new, registry):
        made = switch_slot(
            self.layout, self.systemd, one.service, one.slots, one.release, new, registry, manner=self.manner
        )
        one.tried = made["instance"]
        if not made["action"]:
            return
        try:
            prove(self.layout, self.systemd, made["instance"], one.manifest, self.timeout)
            if made["candidate"]:
                done = promote(
                    self.layout,
                    self.systemd,
                    self.admin,
                    one.service,
                    one.slots,
                    made["slot"],
                    self.drain_seconds,
                    new,
                    registry,
                )
                if done["open_at_stop"]:
                    self.warn(cut_words(done["open_at_stop"], self.drain_seconds))
        except FAILURES:
            if made["candidate"] and active_slot(self.layout, one.service) != made["slot"]:
                take_back(self.layout, self.systemd, made["instance"])
            raise
