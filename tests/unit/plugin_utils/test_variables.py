# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Variables that only look like one of ours: Ansible would ignore them, and all that they say."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.variables import (
    check_variables,
    known,
    misspelt_parts,
)

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "meant", "severity"),
    [
        ("ai_backend_gatway", "ai_backend_gateway", "critical"),
        ("ai_backend_proxy", "ai_backend_gateway", "critical"),
        ("ai_backend_provider", "ai_backend_providers", "critical"),
        ("ai_backend_adress", "ai_backend_address", "critical"),
        ("litellm_timout", "litellm_timeout", "critical"),
        ("llama_cpp_gpus", "llama_cpp_gpu", "critical"),
        ("host_pyhton", "host_python", "critical"),
        # Only a resemblance: it may be somebody else's.
        ("litellm_worker_timeout", "litellm_timeout", "warning"),
    ],
)
def test_a_look_alike_says_what_was_meant(name: str, meant: str, severity: str) -> None:
    (finding,) = check_variables([name, meant])
    assert (finding.path, finding.severity) == (name, severity)
    assert f"did you mean '{meant}'?" in finding.remedy


def test_a_name_of_ours_that_resembles_nothing_is_refused_too() -> None:
    (finding,) = check_variables(["ai_backend_xyz"])
    assert "providers" in finding.remedy


@pytest.mark.parametrize("name", ["litellm_version", "redis_port", "host_name", "service_port", "edge_of_town", "x"])
def test_a_users_own_variables_are_their_own(name: str) -> None:
    assert list(check_variables([name])) == []


def test_all_that_the_roles_take_is_known() -> None:
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        for spec in yaml.safe_load(path.read_text())["argument_specs"].values():
            assert list(check_variables(spec.get("options") or {})) == []
    assert {"serial", "fleet", "address", "gpu_memory", "confirm", "adopt", "take_over"} <= known().given
    assert not {"slice", "plan", "report", "members"} & known().given


def test_what_the_shipped_inventories_and_the_scenarios_set_is_known() -> None:
    for path in (*ROOT.glob("inventory/**/*.yml"), *ROOT.glob("molecule/*/inventory/*.yml")):
        data = yaml.safe_load(path.read_text()) or {}
        names = {*data, *(data.get("all") or {}).get("vars", {})}
        assert list(check_variables(names)) == [], path


def test_a_part_is_misspelt_only_where_it_is_not_given_besides() -> None:
    assert misspelt_parts(["ai_backend_gatway", "ai_backend_providers", "other"]) == {"gateway"}
    assert misspelt_parts(["ai_backend_gatway", "ai_backend_gateway"]) == set()
