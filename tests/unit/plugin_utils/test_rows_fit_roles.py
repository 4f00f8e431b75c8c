# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the plan contains for a role is what the role's arguments describe: otherwise a deploy stops on the host."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

Raw = dict[str, Any]
ROLES = pathlib.Path(__file__).resolve().parents[3] / "roles"


def arguments(role: str) -> Raw:
    """The specification of the variable that contains the row."""
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)["argument_specs"]["main"]["options"]["ai_backend_service"]
    return {"ai_backend_service": without_words(found)}


def without_words(spec: Raw) -> Raw:
    """The validator takes no descriptions."""
    options = {name: without_words(option) for name, option in spec.get("options", {}).items()}
    kept = {key: value for key, value in spec.items() if key not in ("description", "options", "version_added")}
    return kept | ({"options": options} if options else {})


def role_of(row: Raw) -> str:
    """The folder of its role."""
    return str(row["role"].rpartition(".")[2])


def test_each_row_of_a_plan_fits_its_role(lab: Callable[..., Raw], planned: Callable[..., Raw]) -> None:
    webui = {"enabled": True, "urls": ["http://10.0.0.1:5000"]}
    tools = {"lab": {"url": "http://10.0.0.9:1/mcp", "clients": ["ci"]}}
    raw = lab(clients={"ci": {"models": ["gpt-*"], "parallel": 2}}, webui=webui, mcp_servers=tools)
    raw["providers"]["ollama"] |= {"managed": True}
    raw["providers"]["python"] |= {"managed": True, "options": {"pooling": "mean", "embeddings": True}}
    raw["providers"]["vllm"] |= {"managed": True, "base_url": "http://127.0.0.1:8001"}
    plan = planned(raw)
    rows = [row for host in plan["hosts"].values() for row in host["services"]]
    assert {role_of(row) for row in rows} >= {
        "edge",
        "litellm",
        "llama_cpp",
        "llama_cpp_python",
        "ollama",
        "open_webui",
        "redis",
        "vllm",
    }
    for row in rows:
        result = ArgumentSpecValidator(arguments(role_of(row))).validate({"ai_backend_service": row})
        assert result.error_messages == [], (row["service"], result.error_messages)
