# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback `findings`: a failure that the document does not tell is told on standard error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.callback.findings import CallbackModule


def result(**content: Any) -> Any:
    return SimpleNamespace(_result=content, _host=SimpleNamespace(get_name=lambda: "gpu1"))


def finding(severity: str) -> dict[str, str]:
    return {"check": "ports", "severity": severity}


@pytest.mark.parametrize(
    ("report", "live", "told"),
    [
        ([], [], True),
        (["warning"], [], True),
        ([], ["warning"], True),
        (["critical"], [], False),
        ([], ["warning", "critical"], False),
    ],
)
def test_a_failure_is_told_unless_it_is_the_refusal_of_a_critical_finding(
    capsys: pytest.CaptureFixture[str], report: list[str], live: list[str], told: bool
) -> None:
    callback = CallbackModule()
    facts = {
        "ai_backend_report": {"findings": [finding(word) for word in report]},
        "ai_backend_live_findings": [finding(word) for word in live],
    }
    callback.v2_runner_on_ok(result(ansible_facts=facts))
    callback.v2_runner_on_failed(result(msg="no space left"))
    assert ("gpu1: no space left" in capsys.readouterr().err) is told
