# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each filter does, as a function with plain arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .data.plain import to_plain
from .data.table import table
from .editing import provider_verb as editing
from .engines.ollama_archives import ollama_advice, sums_url
from .engines.upstream_archives import engine_advice as _engine_advice
from .findings.findings import Finding, RegistryError
from .findings.host_findings import live_report as with_report
from .findings.origins import OriginOf, ansible_origin, at_places, files_of, located, places_of, values_of
from .findings.report import as_lines, document, scoped, sound_line, wanted_of
from .importing import importing
from .plan.loadable import loadable as loadable_in
from .plan.plan import litellm_text
from .preview import changes, explain_lines
from .preview import explain as explaining
from .preview.canaries import canaries as canaries_of
from .preview.canaries import provider_probes as probes_of_provider
from .registry.registry import load
from .registry.role_variables import check_engines, check_templates, check_values, values_on
from .registry.templates import differing, rendered_parts
from .registry.variable_files import files_below, in_two_files
from .registry.variables import PARTS, PREFIX, check_variables, is_read
from .registry.yaml_files import mentioned, read_files, twice_in
from .validation.capacity import Room, check_host, declared, unreadable_files
from .validation.validation import Inventory, Validation, checked
from .validation.validation import validate as validated


def registry(raw: object) -> dict[str, Any]:
    """The checked registry with all defaults; secrets only by name, as present or not."""
    loaded = load(raw)
    return {
        **loaded.dump(),
        "secrets": dict(sorted(loaded.secrets.items())),
        "warnings": [str(finding) for finding in loaded.warnings],
    }


def plan(raw: object, groups: object, addresses: object) -> dict[str, Any]:
    """The plan of a registry for an inventory."""
    return checked(raw, groups, addresses)[1]


def validate(
    raw: object,
    groups: object,
    addresses: object,
    gpu_memory: object,
    only: object,
    origin_of: OriginOf,
    variables: object = None,
) -> dict[str, Any]:
    """All findings of a registry, as {report, lines, plan}; `plan` is None if one of them is critical.

    Without a finding, `lines` has one about what was looked at.
    """
    try:
        wanted = wanted_of(to_plain(only))
    except RegistryError as error:
        return {"report": document(error.findings), "lines": as_lines(error.findings), "plan": None}
    defined = places_of(variables, origin_of)
    files = {place.rpartition(":")[0] for place in defined.values() if place}
    unknown_names = at_places(check_variables(defined), defined)
    # A variable of the user that other variables of the user read.
    own = {finding.path for finding in unknown_names if mentioned(finding.path, files)}
    found = [*twice_in(files_of(raw, origin_of)), *(finding for finding in unknown_names if finding.path not in own)]
    values = values_on(variables)
    found += at_places((*check_values(values), *check_templates(variables)), defined)
    inventory = Inventory(groups, addresses, gpu_memory)
    doubles = list(in_two_files(files, is_read, values_of(raw, origin_of), inventory.scopes))
    if any(finding.path.removeprefix(PREFIX) in PARTS for finding in doubles if finding.severity == "critical"):
        # A part of the registry is in another file: findings of the rest would only mislead.
        outcome = Validation((*found, *doubles))
    else:
        plain, broken = rendered_parts(raw)
        written = read_files(files_of(raw, origin_of)).registry
        broken += differing(plain, written, variables, inventory.scopes)
        unknown = [finding.path for finding in broken]
        outcome = validated(plain, inventory, [*found, *doubles, *broken], defined.keys() - own, unknown)
    archives = at_places(check_engines(values, outcome.plan), defined)
    findings = scoped([*located(outcome.findings, raw, origin_of), *archives], wanted)
    lines = [sound_line(wanted, outcome.plan)] if outcome.plan and not findings else as_lines(findings)
    return {"report": document(findings), "lines": lines, "plan": outcome.plan}


def live_report(found: object, report: object, only: object) -> dict[str, Any]:
    """The findings on hosts, alone and added to a report, and as lines."""
    return with_report(to_plain(found), to_plain(report), to_plain(only))


def live_capacity(
    engines: object,
    host: object,
    memory_mib: object,
    host_mib: object = 0,
    gpu_memory: object = None,
    models: object = None,
) -> list[dict[str, str]]:
    """Findings of a host whose models need more memory than it has, in the shape of findings on hosts.

    `engines` are the host's `in_memory` of the plan, `memory_mib` is the memory of each GPU, `host_mib` that of a host
    without GPUs, else 0. `gpu_memory` is what the inventory declares; it counts if nothing else is known. `models` are
    the facts of the files on the host, by path.
    """
    name, wanted, cards = str(host), to_plain(engines), to_plain(memory_mib)
    facts: Any = to_plain(models) or {}
    sizes = [float(str(card)) for card in cards] if isinstance(cards, list) else []
    room = _room(sizes, float(str(host_mib or 0)), name, gpu_memory)
    found = list(unreadable_files(wanted, facts))  # type: ignore[arg-type]
    # What the inventory declares was compared with estimates before any host was asked.
    if room is not None and (facts or not room.declared):
        found += check_host(name, wanted, room, facts)  # type: ignore[arg-type]
    return [
        {"check": f.check, "severity": f.severity, "path": f.path, "message": f.problem, "hint": f.remedy, "host": name}
        for f in found
    ]


def _room(cards: Sequence[float], host_mib: float, host: str, gpu_memory: object) -> Room | None:
    if cards:
        each = [round(mib / 1024, 1) for mib in cards]
        return Room(round(sum(cards) / 1024, 1), cards=each)
    if host_mib:
        return Room(round(host_mib / 1024, 1), on_cards=False)
    given = declared({host: gpu_memory})
    return Room(given[host], declared=True) if host in given else None


def unreadable_lines(places: list[str]) -> list[str]:
    """A line for each file of variables that cannot be read, in the folders of inventories and playbooks."""
    found = [read_files([file]) for file in files_below(places)]
    return [str(finding) for sources in found if not sources.readable for finding in sources.findings]


def unreadable(places: list[str]) -> dict[str, Any]:
    """The report of a run that stopped before the registry was read."""
    found = read_files(files_below(places)).findings
    problem = "Ansible stopped before it was read", "see its standard error"
    return document(found or [Finding("registry", *problem, check="yaml")])


def litellm_config(raw: object, groups: object, addresses: object, host: object) -> str:
    """LiteLLM's config for one gateway host, as YAML text."""
    return litellm_text(checked(raw, groups, addresses)[1], str(host))


def explain(
    raw: object, model: object, groups: object, addresses: object, down: object, tokens: object = 0
) -> dict[str, Any]:
    """Which engine answers a request for a model, and why.

    `down` is a provider that is down, or a list of them; `tokens` is the length of the prompt.
    """
    length = str(to_plain(tokens) or 0).strip()
    if not length.isdecimal():
        raise RegistryError([Finding("tokens", "is not a number", "write `-e tokens=<length of the prompt>`")])
    names = to_plain(down) or []
    failing = [str(name) for name in names] if isinstance(names, list) else str(names).replace(",", " ").split()
    name = str(model or "").strip()
    if not name:
        raise RegistryError(
            [Finding("model", "is not given", "write `-e model=<the name that a client asks for>`", check="references")]
        )
    result = explaining.explain(checked(raw, groups, addresses)[0], name, failing, int(length))
    return {**result, "text": explain_lines.as_lines(result)}


def explained(
    raw: object, model: object, groups: object, addresses: object, down: object, tokens: object
) -> dict[str, Any]:
    """The same, and `wrong`: a line for each error of the question; with an error there is no other answer."""
    try:
        return {**explain(raw, model, groups, addresses, down, tokens), "wrong": []}
    except RegistryError as error:
        if any(finding.path not in ("down", "model", "tokens") for finding in error.findings):
            raise
        return {"text": [], "wrong": [str(finding) for finding in error.findings]}


def loadable(planned: object, model: object) -> dict[str, str]:
    """{host: instance} of the engine that a model's name means; see plan/loadable.py."""
    return loadable_in(to_plain(planned), str(model or ""))  # type: ignore[arg-type]


def routing_diff(old: object, new: object, groups: object, addresses: object) -> dict[str, Any]:
    """What another registry changes for clients."""
    before, after = (checked(raw, groups, addresses)[0] for raw in (old, new))
    return changes.routing_diff(before, after)


def config_changes(old: object, new: object) -> dict[str, Any]:
    """What a gateway's new config changes for clients."""
    return changes.config_changes(str(old or ""), str(new or ""))


def canaries(served: object, planned: object, answers: object, upstreams: object) -> list[dict[str, Any]]:
    """The probes of a candidate for the routes that change."""
    names, rows = to_plain(answers), to_plain(upstreams)
    return canaries_of(str(served or ""), str(planned or ""), names, rows)  # type: ignore[arg-type]


def import_config(source: object, base_url: object) -> dict[str, Any]:
    """Registry files from an existing configuration: a path, or {name: text}."""
    plain = to_plain(source)
    if isinstance(plain, dict):
        return importing.import_texts({name: str(text) for name, text in plain.items()}, str(base_url or ""))
    if not plain:
        remedy = "write `-e import_from=<file, folder or http://host:port of an Ollama>`"
        raise RegistryError([Finding("import_from", "is not given", remedy)])
    return importing.import_path(str(plain), str(base_url or ""))


def imported(source: object, base_url: object) -> dict[str, Any]:
    """The same, and `wrong`: a line for each reason why nothing can be imported; then there is nothing else."""
    try:
        return {**import_config(source, base_url), "wrong": []}
    except RegistryError as error:
        return {"files": {}, "wrong": [str(finding) for finding in error.findings]}


def provider_verb(raw: object, groups: object, addresses: object, given: object, answers: object) -> dict[str, Any]:
    """The registry's file after a verb for one provider, or `wrong`: the reasons; see editing/provider_verb.py."""
    origin_of = ansible_origin()
    try:
        made = editing.provider_verb(raw, Inventory(groups, addresses), given, answers, origin_of)
    except RegistryError as error:
        return {"changed": False, "wrong": [str(finding) for finding in located(error.findings, raw, origin_of)]}
    return {**made, "wrong": []}


def provider_probes(served: object, upstreams: object, provider: object, paid: object = False) -> list[dict[str, Any]]:
    """Probes of one provider, directly and through the gateway."""
    rows: Any = to_plain(upstreams)
    return probes_of_provider(str(served or ""), rows, str(provider), bool(paid))


def status_table(rows: object, columns: object) -> str:
    """Rows (a list of mappings) as an aligned text table."""
    return table(to_plain(rows), to_plain(columns))


def engine_advice(release: object, architecture: object, cards: object, sums: object = None) -> list[str]:
    """What to write into the inventory for a host, as lines of text; with `sums` for Ollama, else for llama.cpp."""
    if sums is None:
        return _engine_advice(release, str(architecture), cards)
    return ollama_advice(release, str(architecture), cards, str(sums))


def ollama_sums_url(release: object) -> str:
    """Where a release of Ollama has its checksums; see ollama_archives.py."""
    return sums_url(release)
