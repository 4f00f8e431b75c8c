# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Artifacts on a host: the path of each, and what a fetch still has to get."""

from __future__ import annotations

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.artifacts import artifact_path, still_missing

PROGRAM, CONVERTER = f"{artifact_path('llama-cpp', 'b1')}/.complete", f"{artifact_path('gguf', 'lock')}/.complete"
SMALL, LARGE = "/var/lib/ai-backend/models/small.gguf", "/var/lib/ai-backend/models/large.gguf"


def test_equal_inputs_share_a_path_and_others_do_not() -> None:
    assert artifact_path("llama-cpp", "b1", "x86_64") == artifact_path("llama-cpp", "b1", "x86_64")
    assert len({artifact_path("llama-cpp", *inputs) for inputs in (("b1",), ("b2",), ("b1", "x86_64"), ())}) == 4


def test_what_is_missing_still_is_to_be_got() -> None:
    assert still_missing([PROGRAM, SMALL], [PROGRAM, SMALL]) == [PROGRAM, SMALL]
    assert still_missing([], []) == []


def test_an_artifact_that_another_service_completed_is_not_made_again() -> None:
    assert still_missing([CONVERTER, PROGRAM], [CONVERTER]) == [CONVERTER]


def test_a_model_that_came_early_is_still_to_be_compared_and_listed() -> None:
    assert still_missing([LARGE, SMALL], [LARGE]) == [LARGE, SMALL]


def test_what_went_since_the_fetch_began_is_left_to_the_switch_which_names_it() -> None:
    assert still_missing([SMALL], [SMALL, PROGRAM]) == [SMALL]
