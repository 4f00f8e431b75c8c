"""The last refusal of each service is known, also when it opened no generation."""

from __future__ import annotations

import os

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host import layout as layouts
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import refusals


def test_none_was_refused_on_a_new_host(layout: Layout) -> None:
    assert refusals.moments(layout) == {}


def test_a_service_has_the_moment_of_its_last_one(layout: Layout) -> None:
    refusals.note_refusal(layout, "litellm@green", "abc")
    os.utime(os.path.join(layout.refused, "litellm"), (7, 7))
    assert refusals.moments(layout) == {"litellm": 7}
    refusals.note_refusal(layout, "litellm@blue", "def")
    assert refusals.moments(layout)["litellm"] > 7


def test_a_full_disk_does_not_keep_what_ran_before_from_coming_back(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layouts, "sync_folder", full)
    refusals.note_refusal(layout, "litellm@blue", "abc")
