# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter `validate`: what is wrong is its result, once for programs and once for people."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.filter.filters import plan, validate

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}


def test_a_sound_registry_has_a_plan_and_an_empty_report(lab: Callable[..., Raw]) -> None:
    outcome = validate(lab(), GROUPS)
    assert outcome["plan"] == plan(lab(), GROUPS)
    assert outcome["report"] == {"schema": 1, "critical": 0, "warning": 0, "findings": []}
    assert [line.endswith(": sound") for line in outcome["lines"]] == [True]


def test_a_finding_is_said_by_check_path_and_remedy_and_there_is_no_plan(lab: Callable[..., Raw]) -> None:
    outcome = validate(lab(cache={"ttl": 0}, gateway={"binf": "::"}), GROUPS)
    assert outcome["plan"] is None
    assert outcome["report"]["critical"] == 2
    schema, cache = outcome["report"]["findings"]
    assert schema == {
        "check": "schema",
        "severity": "critical",
        "path": "ai_backend_gateway.binf",
        "file": None,
        "line": None,
        "message": "unknown key",
        "hint": "did you mean 'bind'? else remove it",
        "docs": "docs/errors.md#schema",
    }
    assert (cache["check"], cache["path"]) == ("cache", "ai_backend_cache.ttl")
    assert outcome["lines"][0] == "critical · schema (docs/errors.md#schema)"
    assert outcome["lines"][1].startswith("  ai_backend_gateway.binf: unknown key → did you mean 'bind'?")


def test_a_scope_leaves_out_what_was_not_asked_for(lab: Callable[..., Raw]) -> None:
    raw = lab(cache={"ttl": 0}, gateway={"binf": "::"})
    raw["providers"]["python"]["status"] = "deprecated"

    def checks(only: object) -> list[str]:
        return [row["check"] for row in validate(raw, GROUPS, only=only)["report"]["findings"]]

    assert checks(None) == checks("true") == checks("all") == ["schema", "cache", "routes"]
    assert checks("critical") == ["schema", "cache"]
    assert checks("cache, routes") == checks(["cache", "routes"]) == ["cache", "routes"]
    assert checks("critical,routes") == []


def test_a_scope_leaves_out_the_saying_not_the_refusal(lab: Callable[..., Raw]) -> None:
    outcome = validate(lab(cache={"ttl": 0}), GROUPS, only="ports")
    assert outcome["plan"] is None
    assert outcome["report"]["findings"] == []


def test_a_misspelt_scope_is_a_finding(lab: Callable[..., Raw]) -> None:
    (row,) = validate(lab(), GROUPS, only="critcal")["report"]["findings"]
    assert row["message"] == "'critcal' is neither a scope nor a check"
    assert row["hint"] == "did you mean 'critical'?"


def test_no_registry_at_all_is_a_finding() -> None:
    (row,) = validate({"providers": None}, GROUPS)["report"]["findings"]
    assert (row["path"], row["message"]) == ("ai_backend_providers", "is not defined or empty")


def test_a_missing_library_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if not name and "entries" in (arguments[2] or ()):
            raise ImportError("No module named 'pydantic'", name="pydantic")
        return original(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    outcome = validate({}, {})
    text = "needs pydantic in the Python that runs Ansible: pip install 'pydantic>=2.7,<3' 'netaddr>=1.2,<2'"
    assert outcome["plan"] is None
    assert [text in line for line in outcome["lines"]] == [True]
    assert outcome["report"]["critical"] == 1
