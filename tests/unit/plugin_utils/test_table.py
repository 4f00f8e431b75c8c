# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Aligned tables."""

from __future__ import annotations

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.data.plain import Plain
from ansible_collections.lab.ai_backend.plugins.plugin_utils.data.table import table
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError


def test_columns_are_aligned_and_numbers_stand_right() -> None:
    rows: Plain = [{"host_name": "a", "port": 80}, {"host_name": "longer-name", "port": 11434}]
    assert table(rows) == "HOST NAME     PORT\na               80\nlonger-name  11434"


def test_values_are_written_for_people() -> None:
    rows: Plain = [{"a": True, "b": None, "c": ["x", "y"], "d": {"k": False}, "e": "two\nlines"}]
    assert table(rows) == "A    B  C    D     E\nyes     x,y  k=no  two lines"


def test_chosen_columns_come_in_their_order_and_may_be_missing() -> None:
    assert table([{"a": 1, "b": 2}], ["b", "z"]) == "B  Z\n2"


def test_wide_characters_take_two_columns() -> None:
    assert table([{"a": "日本", "b": "x"}, {"a": "abcd", "b": "y"}]) == "A     B\n日本  x\nabcd  y"


def test_nothing_is_said() -> None:
    assert table([]) == "(none)"


@pytest.mark.parametrize(("rows", "columns"), [("x", None), (["x"], None), ([{"a": 1}], "a")])
def test_other_shapes_are_refused(rows: str, columns: str | None) -> None:
    with pytest.raises(RegistryError, match="is not a list"):
        table(rows, columns)
