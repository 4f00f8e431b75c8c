"""Plans for tests, and what is read from them."""

from __future__ import annotations

from typing import Any

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.plan import plan_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry

Raw = dict[str, Any]


def make_plan(registry: Registry, groups: object, addresses: object) -> Raw:
    """The plan of a registry for an inventory."""
    return plan_of(fleet_of(registry, groups, addresses))


def rows(plan: Raw, host: str, service: str) -> list[Raw]:
    """The rows of a service on a host."""
    return [row for row in plan["hosts"][host]["services"] if row["service"] == service]


def config_of(plan: Raw, host: str, service: str) -> Raw:
    """What the role of a service is told on a host; the first of several."""
    found: Raw = rows(plan, host, service)[0]["config"]
    return found
