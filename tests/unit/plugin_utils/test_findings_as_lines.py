# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter `plan` with `errors='list'`: findings to be said once, by whoever asked."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.lab.ai_backend.plugins.filter.plan import plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}


def test_a_sound_registry_has_a_plan_and_no_findings(lab: Callable[..., Raw]) -> None:
    assert plan(lab(), GROUPS, errors="list") == {"findings": [], "plan": plan(lab(), GROUPS)}


def test_each_finding_is_a_line_and_there_is_no_plan(lab: Callable[..., Raw]) -> None:
    result = plan(lab(cache={"ttl": "soon"}, gateway={"binf": "::"}), GROUPS, errors="list")
    assert result["plan"] is None
    assert [line.split(": ")[0] for line in result["findings"]] == ["ai_backend_cache.ttl", "ai_backend_gateway.binf"]


def test_a_missing_library_is_a_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name.endswith("plugin_utils") and "entries" in (arguments[2] or ()):
            raise ImportError("No module named 'pydantic'", name="pydantic")
        return original(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    (line,) = plan({}, {}, errors="list")["findings"]
    assert "needs pydantic in the Python that runs Ansible: pip install 'pydantic>=2.7,<3' 'netaddr>=1.2,<2'" in line


def test_another_word_is_refused(lab: Callable[..., Raw]) -> None:
    with pytest.raises(AnsibleFilterError, match="neither 'raise' nor 'list'"):
        plan(lab(), GROUPS, errors="ignore")
