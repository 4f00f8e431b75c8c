# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports: each once, in its range, not reserved."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.ports import Ports, check_ports


def problems(ports: dict[str, Any]) -> list[str]:
    return [str(finding) for finding in check_ports(Ports.model_validate(ports))]


def test_what_is_always_needed_has_a_port() -> None:
    ports = Ports.model_validate({"services": {"redis": 6380}})
    assert ports.all_ports() == {"litellm_blue": 4001, "litellm_gateway": 4000, "litellm_green": 4002, "redis": 6380}
    assert ports.port_of("unknown") is None


@pytest.mark.parametrize(
    ("ports", "problem"),
    [
        ({"services": {"a": 6379}}, "services.redis: port 6379 belongs to 'a' already"),
        ({"services": {"a": 7}, "reserved": {"b": 7}}, "services.a: port 7 is reserved for 'b'"),
        ({"reserved": {"a": 7, "b": {"port": 7}}}, "reserved.b: port 7 is reserved for 'a' already"),
        ({"services": {"a": 7}, "ranges": {"low": "1-5"}}, "services.a: port 7 is in no range"),
        (
            {"services": {"a": {"port": 7, "category": "low"}}, "ranges": {"low": {"start": 1, "end": 5}}},
            "services.a: port 7 is outside the range 'low' → take a port from 1 to 5",
        ),
        ({"services": {"a": {"port": 7, "category": "x"}}}, "services.a.category: names no range"),
        ({"ranges": {"a": "1-5", "b": "5-9"}}, "ranges.b: overlaps with 'a'"),
    ],
)
def test_each_port_has_one_owner_in_its_range(ports: dict[str, Any], problem: str) -> None:
    assert len(problems(ports)) == 1
    assert problem in problems(ports)[0]


@pytest.mark.parametrize("port", [80, 443])
@pytest.mark.parametrize("category", [{}, {"category": "gateway"}])
def test_the_gateway_may_have_the_port_where_clients_expect_it(port: int, category: dict[str, str]) -> None:
    ports = {"services": {"litellm_gateway": {"port": port, **category}}, "ranges": {"gateway": "4000-4099"}}
    assert problems(ports) == []
    ports["services"] = {"other": {"port": port, **category}}
    assert len(problems(ports)) == 1


def test_a_sound_registry_has_no_findings() -> None:
    ports = {
        "services": {"a": {"port": "7", "category": "low"}, "b": 8},
        "reserved": {"c": 6},
        "ranges": {"low": "5-9"},
    }
    assert problems(ports) == []


@pytest.mark.parametrize(
    "ports", [{"services": {"Bad-Name": 7}}, {"ranges": {"a": "9-5"}}, {"ranges": {"a": "x"}}, {"services": {"a": 0}}]
)
def test_malformed_entries_are_refused(ports: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Ports.model_validate(ports)
