# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports: each once, in its range, not reserved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import examine, load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.ports import Ports, check_ports

Raw = dict[str, Any]


def problems(ports: dict[str, Any]) -> list[str]:
    return [str(finding) for finding in check_ports(Ports.model_validate(ports), {"redis": 6379})]


def test_a_service_that_runs_has_a_port_of_its_own(lab: Callable[..., Raw]) -> None:
    ports = {"services": {"redis": 6380, "native": 8080}}
    known = {"litellm_gateway": 4000, "native": 8080, "redis": 6380}
    assert load(lab(ports=ports)).all_ports == known
    assert load(lab()).port_of("redis") == 6379
    assert load(lab()).port_of("unknown") is None


def test_the_port_of_a_service_that_does_not_run_is_free(lab: Callable[..., Raw]) -> None:
    parts = {"ports": {"services": {"native": 6379}}}
    with pytest.raises(RegistryError, match=r"services\.redis: port 6379 belongs to 'native' already"):
        load(lab(**parts))
    assert load(lab(**parts, cache={"enabled": False})).port_of("native") == 6379
    at_its_address = lab(ports={}, cache={"enabled": False})
    at_its_address["providers"]["native"] |= {"hosts": None, "base_url": "http://127.0.0.1:6379"}
    load(at_its_address)


def test_whether_a_cache_runs_is_not_guessed(lab: Callable[..., Raw]) -> None:
    parts = {"ports": {"services": {"native": 6379}}}
    for cache in ({"enabled": "perhaps"}, "none"):
        paths = [finding.path for finding in examine(lab(**parts, cache=cache)).findings]
        assert [path for path in paths if path.startswith("ai_backend_ports")] == []
    found = examine(lab(**parts, cache={"enabled": True, "ttl": 0})).findings
    assert any(finding.path == "ai_backend_ports.services.redis" for finding in found)


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
