# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All checks of a registry that need no host, with one list of findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data.plain import to_plain
from ..findings.findings import Finding, RegistryError
from ..findings.origins import at_places
from ..litellm.extra_checks import check_extra_keys, check_rendered
from ..plan.fleet import Fleet, fleet_of
from ..plan.plan import check_extra, plan_of
from ..registry.registry import Examined, examine
from ..registry.variables import PREFIX, misspelt_parts
from ..registry.yaml_files import Sources, read_files
from .capacity import check_capacity
from .lookalikes import check_names


@dataclass(frozen=True)
class Inventory:
    """groups: inventory group -> hosts. addresses: host -> IP address. gpu_memory: host -> GiB of its GPUs."""

    groups: object
    addresses: object = None
    gpu_memory: object = None

    @property
    def scopes(self) -> frozenset[str]:
        """Names of groups and hosts: a file of variables has the name of one."""
        plain = to_plain(self.groups)
        groups = plain if isinstance(plain, dict) else {}
        hosts = (host for members in groups.values() if isinstance(members, list) for host in members)
        return frozenset({*groups, *map(str, hosts)})


@dataclass(frozen=True)
class Validation:
    """The outcome. `fleet` and `plan` are None if there is a critical finding."""

    findings: tuple[Finding, ...]
    fleet: Fleet | None = None
    plan: dict[str, Any] | None = None


# Value of a part with a misspelt name: what depends on it is not known, so nothing is reported about that.
_UNREAD = "?"


def validate(
    raw: object,
    inventory: Inventory,
    found: Iterable[Finding] = (),
    names: Collection[str] = (),
    unknown: Collection[str] = (),
) -> Validation:
    """Check a registry against an inventory.

    `found` are the findings of its files (see registry/yaml_files.py), `names` are all variables that are defined;
    without them, those of the registry. `unknown` are paths whose value could not be read, which is already in
    `found`.
    """
    plain, found = to_plain(raw), tuple(found)
    if not isinstance(plain, dict):
        return _validate(plain, inventory, found)
    unread = misspelt_parts(names or [f"{PREFIX}{name}" for name in plain])
    outcome = _validate({**plain, **dict.fromkeys(unread, _UNREAD)}, inventory, found)
    hidden = {*unknown, *(f"{PREFIX}{part}" for part in unread)}
    reported = set(found)
    return replace(outcome, findings=tuple(f for f in outcome.findings if f in reported or f.path not in hidden))


def _validate(raw: object, inventory: Inventory, found: Iterable[Finding]) -> Validation:
    findings = list(found)
    try:
        examined = examine(raw)
    except RegistryError as error:
        return Validation(_ordered([*findings, *error.findings]))
    findings += [*examined.findings, *examined.registry.warnings, *check_names(examined.registry)]
    if any(finding.severity == "critical" for finding in findings):
        return Validation(_ordered([*findings, *_as_far_as_known(examined, inventory)]))
    try:
        fleet = fleet_of(examined.registry, inventory.groups, inventory.addresses)
        plan = plan_of(fleet)
    except RegistryError as error:
        return Validation(_ordered([*findings, *error.findings]))
    findings += check_rendered(fleet.registry)
    try:
        findings += check_capacity(plan, inventory.gpu_memory)
    except RegistryError as error:
        findings += error.findings
    if any(finding.severity == "critical" for finding in findings):
        return Validation(_ordered(findings))
    return Validation(_ordered(findings), fleet, plan)


def validate_files(paths: Iterable[str | Path], inventory: Inventory) -> Validation:
    """Check the registry in files without Ansible: templates stay text, so a secret with a lookup counts as set."""
    return validate_sources(read_files(paths), inventory)


def validate_sources(sources: Sources, inventory: Inventory) -> Validation:
    """The same for files that have been read; if one could not be read, nothing else is reported."""
    if not sources.readable:
        return Validation(_ordered(sources.findings))
    outcome = validate(sources.registry, inventory, sources.findings)
    return replace(outcome, findings=tuple(at_places(outcome.findings, sources.places)))


def checked(raw: object, groups: object, addresses: object) -> tuple[Fleet, dict[str, Any]]:
    """(fleet, plan) of a registry without critical findings, else RegistryError with all of them."""
    outcome = validate(raw, Inventory(groups, addresses))
    if outcome.fleet is None or outcome.plan is None:
        raise RegistryError(finding for finding in outcome.findings if finding.severity == "critical")
    return outcome.fleet, outcome.plan


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(set(findings)))


def _as_far_as_known(examined: Examined, inventory: Inventory) -> list[Finding]:
    """Findings of the inventory and of the `extra` for LiteLLM's config, in spite of errors in the registry."""
    found: list[Finding] = []
    paths = {finding.path for finding in examined.findings}
    unsure = examined.unsure
    if any(path.startswith(("ai_backend_ports", "ai_backend_providers")) for path in paths):
        # A port that two services need would be reported twice, in different words.
        unsure |= {"ports"}
    try:
        found += fleet_of(examined.registry, inventory.groups, inventory.addresses, False, unsure).findings
    except RegistryError as error:
        found += error.findings
    if "gateway" not in unsure:
        found += check_extra_keys(examined.registry.gateway.litellm.extra)
        if "ai_backend_secrets" not in paths:
            found += check_extra(examined.registry, paths)
    return found
