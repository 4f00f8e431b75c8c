# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the status page is, and who has the key that opens it."""

from __future__ import annotations

from typing import Any

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan

GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one", "two"]}


def planned(**monitoring: Any) -> dict[str, Any]:
    """A gateway on the host one, and an engine there and on the host two."""
    engine = {"type": "llama_cpp", "hosts": "llama_cpp", "models": [{"name": "lab-tiny", "source": "tiny"}]}
    registry = {"providers": {"native": engine}, "ports": {"services": {"native": 8080}}}
    addresses = {"one": "192.0.2.1", "two": "192.0.2.2"}
    return make_plan(load({**registry, "monitoring": monitoring}), GROUPS, addresses)


def exporter_of(plan: dict[str, Any], host: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in plan["hosts"][host]["services"] if row["service"] == "exporter")
    return row


def test_the_edge_of_a_gateway_leads_to_the_exporter_of_its_host() -> None:
    plan = planned(enabled=True)
    assert config_of(plan, "one", "edge")["gateway"]["status_page"] == "127.0.0.1:9180"
    assert config_of(plan, "two", "edge")["gateway"] is None


def test_only_on_a_gateway_the_exporter_has_the_operators_key() -> None:
    plan = planned(enabled=True)
    assert exporter_of(plan, "one")["secrets"] == {"exporter.key": {"key": "LITELLM_MASTER_KEY"}}
    assert exporter_of(plan, "two")["secrets"] == {}
    assert exporter_of(plan, "one")["config"]["watched"]["host"] == "one"


def test_without_monitoring_there_is_no_page() -> None:
    assert config_of(planned(enabled=False), "one", "edge")["gateway"]["status_page"] == ""
