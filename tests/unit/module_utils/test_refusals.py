"""The last refusal of each service is known, also when it opened no generation."""

from __future__ import annotations

import os

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
