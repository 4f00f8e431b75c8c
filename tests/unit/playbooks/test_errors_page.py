# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/errors.md has what findings point at."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.checks import CHECKS, anchor

ROOT = Path(__file__).resolve().parents[3]


def test_each_check_has_its_section_in_the_order_of_the_reports() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(CHECKS)


def test_each_section_explains_what_why_and_the_fix() -> None:
    _head, *sections = (ROOT / "docs" / "errors.md").read_text().split("\n## ")
    assert all(re.findall(r"^\*\*(\w+)\*\*:", section, re.MULTILINE) == ["What", "Why", "Fix"] for section in sections)


def test_an_anchor_leads_there() -> None:
    file, _hash, section = anchor("rendered-config").partition("#")
    assert f"\n## {section}\n" in (ROOT / file).read_text()
