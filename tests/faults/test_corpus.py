"""Every fault is caught by the right check at the right place, and nothing is said of a registry that is sound."""

from __future__ import annotations

from collections import Counter

import pytest
from corpus import Fault, by_hand, dump, findings_of, points_at, sound
from generated_faults import by_seed

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.checks import CHECKS

SOUND = sound()
FAULTS = [*by_hand(), *by_seed()]


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_said_of_a_sound_registry(name: str) -> None:
    assert [str(finding) for finding in findings_of(dump(SOUND[name]))] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught_where_it_is(fault: Fault) -> None:
    found = findings_of(fault.text, fault.inventory)
    caught = [
        finding
        for finding in found
        if (finding.check, finding.severity) == (fault.check, fault.severity) and points_at(fault, finding.path)
    ]
    assert caught, [f"{finding.severity} {finding.check} {finding}" for finding in found]
    # One edit, one place: nothing else may be said to be wrong that mending the edit would take away.
    others = {
        finding.path for finding in found if finding.severity == "critical" and not points_at(fault, finding.path)
    }
    assert fault.severity == "warning" or not others, others


def test_the_corpus_is_as_large_as_it_claims() -> None:
    assert len(SOUND) > 60
    assert len(FAULTS) > 560
    counts = Counter(fault.check for fault in FAULTS)
    # What is wrong with generations and with what is installed shows only on a host: molecule's business.
    assert set(counts) == set(CHECKS) - {"generations", "integrity"}
