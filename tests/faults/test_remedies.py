"""Each finding can be read at night: where, what in a few words, and what to write; and that mends it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from corpus import Fault, at, by_hand, findings_of, points_at, put, rename, take
from generated_faults import by_seed

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import Finding
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.paths import steps_of

FAULTS = [*by_hand(), *by_seed()]
WORDS_AT_MOST = 20
Place = tuple[str | int, ...]


def value(data: Any, place: Place, text: str) -> None:
    """Write what the remedy names, as the number that it may be."""
    put(data, place, yaml.safe_load(text) if re.fullmatch(r"-?[0-9.]+", text) else text)


def key(data: Any, place: Place, text: str) -> None:
    rename(data, place, text)


def gone(data: Any, place: Place, _text: str) -> None:
    take(data, place)


# The remedies that name literally what to write, and what a user does then.
LITERAL: list[tuple[str, Callable[[Any, Place, str], None]]] = [
    (r"did you mean '([^']+)'\? else (?:remove|rename) it", key),
    (r"did you mean '([^']+)'\?", value),
    (r"write one of ([\w.:-]+)(?:,.*| or .*)", value),
    (r"write (-?[0-9.]+) or (?:less|more)", value),
    (r"write one, such as ([0-9]+)", value),
    (r"write it like (\S+)", value),
    (r"write ([a-z_]+)", value),
    (r"known: ([^,]+)(?:,.*)?", value),
    (r"remove it(?: \(known: .*)?()", gone),
]


def mended(data: Any, finding: Finding) -> Any:
    """The registry after the user did what the finding tells, or None if that needs a choice."""
    place = tuple(steps_of(finding.path))
    for pattern, act in LITERAL:
        found = re.fullmatch(pattern, finding.remedy)
        if found is None:
            continue
        result = copy.deepcopy(data)
        try:
            there = at(result, place)
            if act is value and isinstance(there, dict | list):
                return None
            act(result, place, found[1])
        except (KeyError, IndexError, TypeError):
            # What is missing is written below its parent.
            if act is not value or not isinstance(at(result, place[:-1]), dict):
                return None
            value(result, place, found[1])
        return result
    return None


def of(fault: Fault) -> list[Finding]:
    return [finding for finding in findings_of(fault.text, fault.inventory) if points_at(fault, finding.path)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_finding_has_its_place_few_words_and_a_remedy(fault: Fault) -> None:
    for finding in of(fault):
        assert len(finding.problem.split()) <= WORDS_AT_MOST, str(finding)
        assert finding.remedy, str(finding)
        # Hosts and their addresses are in the inventory, which the library does not read.
        in_inventory = (
            finding.path.startswith("inventory") or "inventory" in finding.remedy or "on host" in finding.problem
        )
        assert in_inventory or re.fullmatch(r"registry\.yml:\d+", finding.where), str(finding)


def test_what_a_finding_tells_to_write_mends_it() -> None:
    """Of faults by hand with a literal remedy, and of some of the others, which are large; the rest leave a choice."""
    applied, left = 0, []
    for fault in [*by_hand(), *list(by_seed())[::5]]:
        try:
            data = yaml.safe_load(fault.text)
        except (yaml.YAMLError, ValueError):
            continue
        for finding in of(fault):
            after = mended(data, finding) if isinstance(data, dict) else None
            if after is None:
                continue
            applied += 1
            text = yaml.safe_dump(after, sort_keys=False, allow_unicode=True)
            same = [
                f for f in findings_of(text, fault.inventory) if (f.path, f.problem) == (finding.path, finding.problem)
            ]
            left += [f"{fault.name}: {finding}" for _again in same]
    assert not left, "\n" + "\n".join(left)
    assert applied > 80, applied
