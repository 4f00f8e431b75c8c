# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nothing goes from the edge before the gateway that asks for it."""

from __future__ import annotations

from typing import Any

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.leaving import leaving


def section(name: str, port: int = 8080) -> dict[str, Any]:
    return {
        "name": name,
        "mode": "http",
        "addresses": ["127.0.0.2"],
        "port": port,
        "allow": ["127.0.0.0/8"],
        "retries": 0,
    }


def test_what_the_plan_no_longer_names_stays_for_now() -> None:
    today = [section("old", 8081), section("fast", 8080), section("gone", 8082)]
    assert leaving(today, [section("fast"), section("new", 8083)]) == [section("gone", 8082), section("old", 8081)]


def test_what_the_plan_names_is_the_plans_also_where_it_moved() -> None:
    assert leaving([section("fast", 8080)], [section("fast", 8090)]) == []


def test_a_port_that_the_plan_gives_to_another_is_free_at_once() -> None:
    assert leaving([section("old", 8080)], [section("new", 8080)]) == []
    # Its service would be asked by both names, whatever their addresses are.
    elsewhere = {**section("old", 8080), "addresses": ["10.0.0.4"]}
    assert leaving([elsewhere], [section("new", 8080)]) == []


def test_an_address_that_the_plan_no_longer_has_stays_for_now() -> None:
    """An older state offered engines to other hosts at the host's own address, and without TLS."""
    before = {**section("fast"), "addresses": ["127.0.0.2", "10.0.0.4"], "allow": ["10.0.0.1"]}
    (kept,) = leaving([before], [section("fast")])
    assert kept == {**before, "name": "fast:before", "addresses": ["10.0.0.4"]}
    assert leaving([section("fast"), kept], [section("fast")]) == [kept], "also when a run had ended in between"


def test_relays_to_other_hosts_have_the_ports_of_services_here() -> None:
    relay = {**section("gpu:fast"), "kind": "relay", "addresses": ["127.64.0.9"]}
    assert leaving([relay, section("fast")], [section("fast")]) == [relay]
    assert leaving([relay], [relay, section("fast")]) == []
