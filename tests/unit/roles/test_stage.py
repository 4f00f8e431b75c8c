# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which services a stage has: what takes longest is begun first, and what is on its release is left alone."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

VARS = yaml.safe_load((pathlib.Path(__file__).resolve().parents[3] / "roles/stage/vars/main.yml").read_text())
SERVICES = [
    {"instance": "edge", "stage": "edge"},
    {"instance": "redis", "stage": "backend"},
    {"instance": "litellm", "stage": "gateway"},
    {"instance": "prometheus", "stage": "monitoring"},
]
FETCHED = {"redis": {"settled": True}, "litellm": {"settled": False}, "edge": {"settled": True}}


def services(stage: str, fetched: dict[str, Any]) -> list[str]:
    environment = NativeEnvironment()
    environment.filters["dict2items"] = lambda found: [{"key": key, "value": value} for key, value in found.items()]
    known: dict[str, Any] = {"stage_name": stage, "stage_services": SERVICES, "ai_backend_fetched": fetched}
    for name in ("__stage_settled", "__stage_longest_first", "__stage_services"):
        found = environment.from_string(VARS[name].strip()).render(known)
        known[name] = found if isinstance(found, list) else list(found)
    return [row["instance"] for row in known["__stage_services"]]


@pytest.mark.parametrize(
    ("stage", "applied"),
    [
        ("bundle", ["edge", "redis", "litellm", "prometheus"]),
        ("begin", ["litellm", "edge", "redis", "prometheus"]),
        ("fetch", ["litellm", "prometheus"]),
        ("backend", []),
        ("gateway", ["litellm"]),
        ("monitoring", ["prometheus"]),
    ],
)
def test_a_stage_has_its_services(stage: str, applied: list[str]) -> None:
    assert services(stage, FETCHED) == applied


def test_without_a_fetch_a_stage_has_all_of_its_services() -> None:
    assert services("backend", {}) == ["redis"]
