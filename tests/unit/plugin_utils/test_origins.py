# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files and lines beside the findings, where they are known."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import Finding
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.origins import ansible_origin, located


class Text(str):
    """A text that knows its line."""

    line: str | None = None


def at(text: str, line: str) -> Text:
    result = Text(text)
    result.line = line
    return result


def line_of(value: object) -> str | None:
    return getattr(value, "line", None)


def test_the_nearest_key_above_counts() -> None:
    raw = {
        "providers": {at("ollama", "p.yml:3"): {"models": [at("a", "p.yml:5")]}},
        "secrets": {at("A_KEY", "s.yml:1"): 1},
    }
    findings = [
        Finding("ai_backend_providers.ollama.base_url", "is missing", "write it"),
        Finding("ai_backend_providers.ollama.models[0].name", "is wrong", "mend it"),
        Finding("ai_backend_providers.ollamas", "is wrong", "mend it"),
        Finding("ai_backend_secrets.A_KEY", "has no value", "give it one"),
    ]
    assert [finding.where for finding in located(findings, raw, line_of)] == ["p.yml:3", "p.yml:5", "", "s.yml:1"]
    assert str(located(findings[:1], raw, line_of)[0]).endswith("→ write it (p.yml:3)")


def test_a_template_that_fails_hides_no_finding() -> None:
    class Broken(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise RuntimeError

    finding = Finding("ai_backend_cache.ttl", "is wrong", "mend it")
    assert located([finding], Broken(cache=1), line_of) == [finding]
    assert located([finding], None, line_of) == [finding]


@pytest.mark.parametrize("module", [SimpleNamespace(), None])
def test_another_ansible_only_loses_the_place(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    def load(name: str) -> object:
        if module is None:
            raise ImportError(name)
        return module

    monkeypatch.setattr(importlib, "import_module", load)
    assert ansible_origin()("x") is None


def test_files_are_named_from_here_when_they_are_below(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    origins = {
        "below": SimpleNamespace(path=str(tmp_path / "a" / "b.yml"), line_num=3),
        "elsewhere": SimpleNamespace(path="/etc/b.yml", line_num=4),
        "nowhere": SimpleNamespace(path=None, line_num=None),
    }
    tags = SimpleNamespace(Origin=SimpleNamespace(get_tag=origins.get))
    monkeypatch.setattr(importlib, "import_module", lambda name: tags)
    origin_of = ansible_origin()
    assert [origin_of(value) for value in (*origins, "x")] == ["a/b.yml:3", "/etc/b.yml:4", None, None]
