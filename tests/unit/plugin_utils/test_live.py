# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was found on hosts, beside what was found in the registry."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.lab.ai_backend.plugins.filter.filters import live_report


def finding(check: str, severity: str = "critical", host: str = "gpu1") -> dict[str, str]:
    return {"check": check, "severity": severity, "path": "p", "message": f"m-{check}", "hint": "h", "host": host}


FOUND = [finding("ports", "warning"), finding("cache"), finding("ports", host="gpu2"), finding("ports")]


def test_nothing_found_is_no_line_and_leaves_the_report_as_it_is() -> None:
    report = {"schema": 1, "critical": 0, "warning": 0, "findings": []}
    assert live_report([], report) == {"findings": [], "lines": [], "report": report}


def test_findings_stand_under_their_check_critical_ones_first() -> None:
    assert live_report(FOUND)["lines"] == [
        "critical · ports (docs/errors.md#ports)",
        "  gpu1: p: m-ports → h",
        "  gpu2: p: m-ports → h",
        "critical · cache (docs/errors.md#cache)",
        "  gpu1: p: m-cache → h",
        "warning · ports (docs/errors.md#ports)",
        "  gpu1: p: m-ports → h",
    ]


def test_they_join_the_registrys_report_in_its_shape() -> None:
    row: dict[str, Any] = {"check": "schema", "severity": "warning", "path": "a", "file": "f", "line": 3}
    row |= {"message": "m", "hint": "h", "docs": "docs/errors.md#schema"}
    report = live_report([finding("cache")], {"schema": 1, "critical": 0, "warning": 1, "findings": [row]})["report"]
    assert {key: report[key] for key in ("schema", "critical", "warning")} == {"schema": 1, "critical": 1, "warning": 1}
    assert report["findings"][0] == row
    assert {**row, **report["findings"][1]} == {
        **finding("cache"),
        "file": None,
        "line": None,
        "docs": "docs/errors.md#cache",
    }


@pytest.mark.parametrize(
    ("only", "left"),
    [
        (None, ["ports", "ports", "cache", "ports"]),
        ("critical", ["ports", "ports", "cache"]),
        ("cache", ["cache"]),
        (["critical", "ports"], ["ports", "ports"]),
    ],
)
def test_a_scope_leaves_out_what_was_not_asked_for(only: object, left: list[str]) -> None:
    outcome = live_report(FOUND, only=only)
    assert [row["check"] for row in outcome["findings"]] == left
    assert outcome["report"]["findings"] == outcome["findings"]


@pytest.mark.parametrize("wrong", ["text", {"a": 1}, None, [{"check": "ports"}], [finding("nonsense")], [7]])
def test_anything_else_is_refused_in_words(wrong: object) -> None:
    with pytest.raises(AnsibleFilterError, match=r"give the result of lab\.ai_backend\.look"):
        live_report(wrong)
