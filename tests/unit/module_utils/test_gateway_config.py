"""What the gateway serves is found by what its release says of itself, whatever its service is called."""

from __future__ import annotations

from host_stand_in import made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import point
from ansible_collections.lab.ai_backend.plugins.modules.gateway_config import served

NOTHING = {"slot": "", "release": "", "config": ""}


def test_it_is_the_config_of_the_slot_that_serves(layout: Layout) -> None:
    point(layout, "redis", made(layout, manifest("redis")))
    releases = {}
    for slot in ("blue", "green"):
        content = manifest("door", slotted=True, stage="gateway", slots=["blue", "green"], files={"config.yaml": slot})
        releases[slot] = made(layout, content)
        point(layout, f"door@{slot}", releases[slot])
    assert served(layout) == NOTHING
    write_atomic(layout.active_slot("door"), "active green\n")
    assert served(layout) == {"slot": "green", "release": releases["green"], "config": "green"}


def test_a_host_without_a_gateway_serves_nothing(layout: Layout) -> None:
    point(layout, "redis", made(layout, manifest("redis")))
    assert served(layout) == NOTHING
