# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plain data out of whatever comes in."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

from ansible_collections.lab.ai_backend.plugins.plugin_utils.data.plain import to_plain


class Lazy(Mapping[str, object]):
    """A mapping that renders on item access only, as Ansible's do."""

    def __getitem__(self, key: str) -> object:
        return {"name": "rendered"}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["name"])

    def __len__(self) -> int:
        return 1

    def items(self) -> object:  # type: ignore[override]
        raise AssertionError("iteration shows the template, not its value")


class Tagged(str):
    """A text with something attached."""


def test_mappings_are_read_by_key() -> None:
    assert to_plain(Lazy()) == {"name": "rendered"}


def test_texts_lose_what_is_attached_to_them() -> None:
    assert type(to_plain(Tagged("x"))) is str
    assert to_plain([Tagged("x")]) == ["x"]


def test_scalars_stay_and_keys_become_texts() -> None:
    assert to_plain({8080: [1, 1.5, True, None]}) == {"8080": [1, 1.5, True, None]}


def test_other_containers_become_lists_and_other_values_texts() -> None:
    assert to_plain((1, 2)) == [1, 2]
    assert to_plain({"b", "a"}) == ["a", "b"]
    assert to_plain(datetime.date(2026, 1, 2)) == "2026-01-02"
    assert to_plain(b"raw") == "b'raw'"
