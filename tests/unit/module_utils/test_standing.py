"""What a host says of itself before a run: which services run their release in every respect."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest
from host_stand_in import FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import slots
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.settled import standing
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.slot_switch import switch_slot
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import switch

pytestmark = pytest.mark.usefixtures("environments")
SLOTS = ["blue", "green"]


@pytest.fixture
def look(host: Host) -> Callable[[], dict[str, str]]:
    """What stands, by service."""

    def found() -> dict[str, str]:
        rows: dict[str, str] = standing(host)
        return rows

    return found


@pytest.fixture
def releases(host: Host, layout: Layout) -> dict[str, str]:
    """The releases of a host with Redis and a gateway that serves."""
    redis = made(layout, manifest("redis", requires=[layout.models]))
    litellm = made(layout, manifest("litellm", slotted=True, enable=[], ports={"litellm@blue": 1, "litellm@green": 2}))
    pathlib.Path(layout.models).mkdir(parents=True, exist_ok=True)
    switch(host, "redis", redis)
    switch_slot(host, "litellm", SLOTS, litellm)
    slots.commit(host, "litellm", "blue")
    return {"litellm": litellm, "redis": redis}


def test_an_empty_host_has_nothing(look: Callable[[], dict[str, str]]) -> None:
    assert look() == {}


def test_what_runs_its_release_is_named_with_it(look: Callable[[], dict[str, str]], releases: dict[str, str]) -> None:
    assert look() == releases


def test_what_was_stopped_is_left_out(
    look: Callable[[], dict[str, str]], releases: dict[str, str], systemctl: FakeSystemctl
) -> None:
    del systemctl.active["ai-backend-redis.service"]
    assert look() == {"litellm": releases["litellm"]}


def test_a_gateway_with_both_slots_running_is_left_out(
    look: Callable[[], dict[str, str]], releases: dict[str, str], systemctl: FakeSystemctl
) -> None:
    systemctl.active["ai-backend-litellm@green.service"] = 7
    assert look() == {"redis": releases["redis"]}


def test_a_release_that_was_tampered_with_is_left_out(
    look: Callable[[], dict[str, str]], releases: dict[str, str], layout: Layout
) -> None:
    (pathlib.Path(layout.release("redis", releases["redis"])) / "files" / "a.conf").write_text("tampered\n")
    assert "redis" not in look()


def test_a_release_that_lacks_what_it_requires_is_left_out(
    look: Callable[[], dict[str, str]], releases: dict[str, str], layout: Layout
) -> None:
    pathlib.Path(layout.models).rmdir()
    assert look() == {"litellm": releases["litellm"]}
