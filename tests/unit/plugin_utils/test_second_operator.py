"""A controller without the secrets is told what to do before anything is made anew."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.held_secrets import why_not

FOLDER = "~/.config/lab.ai_backend/home"
KEY, PASSWORD = "LITELLM_MASTER_KEY", "REDIS_PASSWORD"  # pragma: allowlist secret


def answer(*asked: str, **held: str) -> dict[str, Any]:
    """What one host said."""
    return {"asked": list(asked), "held": held}


def said(answers: dict[str, Any], left_out: tuple[str, ...] = (), read_back: bool = False) -> str:
    """What the operator is told."""
    return why_not(answers, left_out, read_back, FOLDER)


def test_a_fleet_that_holds_nothing_yet_gets_its_secrets() -> None:
    assert said({"gateway1": answer(KEY), "gpu1": {}}) == ""


def test_one_host_that_holds_a_secret_is_enough_to_stop() -> None:
    text = said({"gateway1": answer(KEY, PASSWORD), "gateway2": answer(KEY, **{KEY: "f1"})})
    assert text.startswith("LITELLM_MASTER_KEY (on gateway2) is not on this controller")
    assert "Nothing was changed" in text


def test_every_way_out_is_named() -> None:
    text = said({"gateway1": answer(KEY, PASSWORD, **{KEY: "f1", PASSWORD: "f2"})})
    for way in (
        "ai_backend_secrets from a vault",
        f"copy the folder {FOLDER}",
        "-e ai_backend_secrets_from_hosts=true",
        "playbooks/rotate.yml -e secret=LITELLM_MASTER_KEY",
    ):
        assert way in text
    assert "LITELLM_MASTER_KEY (on gateway1) and REDIS_PASSWORD (on gateway1) are" in text


@pytest.mark.parametrize("name", [KEY, PASSWORD, "AI_BACKEND_ENGINE_KEY"])
def test_whatever_is_generated_may_be_made_anew(name: str) -> None:
    assert f"playbooks/rotate.yml -e secret={name}" in said({"gpu1": answer(name, **{name: "f1"})})


def test_what_all_hosts_agree_on_is_read_back() -> None:
    same = {"gateway1": answer(KEY, **{KEY: "f1"}), "gateway2": answer(KEY, **{KEY: "f1"})}
    assert said(same, read_back=True) == ""


def test_where_hosts_hold_different_values_none_is_chosen() -> None:
    text = said({"a": answer(KEY, **{KEY: "f1"}), "b": answer(KEY, **{KEY: "f2"})}, read_back=True)
    assert "different values of LITELLM_MASTER_KEY (on a, b)" in text
    assert "f1" not in text


def test_nothing_is_made_while_a_member_was_not_asked() -> None:
    text = said({"gpu1": answer(KEY)}, left_out=("gateway1",))
    assert "gateway1 may have it and was not asked" in text
    assert "--limit" in text
    assert said({"gpu1": answer(KEY, **{KEY: "f1"})}, left_out=("gateway1",), read_back=True) == ""
