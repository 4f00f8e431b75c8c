# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_mcp_servers`: what may be written, and what the gateway is told of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan, rows

Raw = dict[str, Any]
URL = "http://10.0.0.9:8765/mcp"
GROUPS = {"gateway": ["gw"]}


def registry(servers: Any, **parts: Any) -> Raw:
    far = {"type": "openai_compatible", "base_url": "https://far.example.com/v1", "models": ["words"]}
    return {"providers": {"far": far}, "cache": {"enabled": False}, "mcp_servers": servers, **parts}


def problems(raw: Raw) -> list[str]:
    with pytest.raises(RegistryError) as raised:
        load(raw)
    return [f"{finding.path}: {finding.problem} → {finding.remedy}" for finding in raised.value.findings]


def plan(servers: Raw, **parts: Any) -> Raw:
    return make_plan(load(registry(servers, **parts)), GROUPS, {})


def test_a_server_is_in_the_config_with_the_name_of_its_secret() -> None:
    servers = {"lab": {"url": URL, "auth": "bearer", "env_var": "LAB_KEY", "tools": ["add"], "description": "Sums"}}
    made = plan(servers, secrets={"LAB_KEY": "not-shown-anywhere"})
    config = yaml.safe_load(config_of(made, "gw", "litellm")["config"])
    assert config["mcp_servers"] == {
        "lab": {
            "allowed_tools": ["add"],
            "auth_type": "bearer_token",
            "authentication_token": "os.environ/LAB_KEY",
            "description": "Sums",
            "transport": "http",
            "url": URL,
        }
    }
    (row,) = rows(made, "gw", "litellm")
    assert row["secrets"]["litellm.env"]["LAB_KEY"] == "LAB_KEY"
    assert "not-shown-anywhere" not in str(made)


def test_without_servers_the_config_has_no_section() -> None:
    assert "mcp_servers" not in yaml.safe_load(config_of(plan({}), "gw", "litellm")["config"])


def test_each_client_has_its_servers_and_the_operator_all() -> None:
    servers = {"one": {"url": URL, "clients": "ci"}, "all": {"url": URL, "clients": ["*"]}, "own": {"url": URL}}
    extra = {"litellm": {"extra": {"mcp_servers": {"written": {"url": URL}}}}}
    told = config_of(plan(servers, clients={"ci": {}, "other": {}}, gateway=extra), "gw", "litellm")["clients"]
    assert {name: client["mcp"] for name, client in told["clients"].items()} == {"ci": ["all", "one"], "other": ["all"]}
    assert told["mcp"] == ["all", "one", "own", "written"]


@pytest.mark.parametrize("transport", ["streamable_http", "streamable-http", "http"])
def test_the_transport_has_several_names(transport: str) -> None:
    assert load(registry({"lab": {"url": URL, "transport": transport}})).mcp_servers["lab"].transport == "http"


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ({"lab": {"url": URL, "transport": "stdio"}}, "transport: is stdio, a program in the gateway's own process"),
        ({"lab": {"url": URL, "command": "npx"}}, "run it as a server of its own and write its `url`"),
        ({"lab": {"url": URL, "auth": "bearer"}}, "has only one of `auth` and `env_var` → write both"),
        ({"lab": {"url": URL, "env_var": "LAB_KEY"}}, "has only one of `auth` and `env_var`"),
        ({"lab": {"url": URL, "auth": "bearer", "env_var": "LAB_KEY"}}, "LAB_KEY: has no value, 'lab' needs it"),
        ({"lab": {"url": URL, "clients": ["cii"]}}, "clients[0]: there is no client 'cii' → did you mean 'ci'?"),
        ({"my-lab": {"url": URL}}, "is not a server's name"),
        ({"lab": {"url": "10.0.0.9"}}, "is not a URL"),
        ({"lab": {}}, "lab.url: is missing"),
        ({"written": {"url": URL}}, "is also a server in `extra`"),
        ({"lab": {"url": URL, "api_key": "sk-abcdefgh12345678"}}, "looks like a literal secret"),
        (["lab"], "is not a mapping → write `name: {…}` lines"),
    ],
)
def test_what_does_not_fit_is_refused(servers: Any, words: str) -> None:
    extra = {"litellm": {"extra": {"mcp_servers": {"written": {"url": URL}}}}}
    found = problems(registry(servers, clients={"ci": {}}, gateway=extra))
    assert any(words in line for line in found), found
