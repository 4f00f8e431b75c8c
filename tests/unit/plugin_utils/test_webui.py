# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_webui`: what may be written, and what it becomes: a row, a page of the edge, a client of the gateway."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan, rows

Raw = dict[str, Any]
PAGE = {"enabled": True, "urls": "http://10.0.0.1:5000"}
GROUPS = {"gateway": ["gw2", "gw1"], "redis": ["gw1"]}
ADDRESSES = {"gw1": "10.0.0.1", "gw2": "10.0.0.2", "other": "10.0.0.3"}


def registry(**parts: Any) -> Raw:
    """A registry with two models, one of them for documents."""
    models = [{"name": "words"}, {"name": "vectors", "abilities": ["embedding"]}]
    providers = {"far": {"type": "openai_compatible", "base_url": "https://far.example.com/v1", "models": models}}
    return {"providers": providers, **parts}


def problems(raw: Raw) -> list[str]:
    with pytest.raises(RegistryError) as raised:
        load(raw)
    return [f"{finding.path}: {finding.problem} → {finding.remedy}" for finding in raised.value.findings]


def plan(groups: Raw | None = None, **parts: Any) -> Raw:
    return make_plan(load(registry(**parts)), groups or GROUPS, ADDRESSES)


def test_it_is_off_by_default() -> None:
    made = plan()
    assert [row["service"] for row in made["hosts"]["gw1"]["services"]] == ["edge", "redis", "litellm"]
    assert config_of(made, "gw1", "edge")["pages"] == []


def test_it_runs_after_the_gateway_of_the_first_host() -> None:
    made = plan(webui=PAGE)
    assert [row["service"] for row in made["hosts"]["gw1"]["services"]][-2:] == ["litellm", "open-webui"]
    assert rows(made, "gw2", "open-webui") == []
    assert {row["name"]: row["port"] for row in made["ports"]}["openwebui"] == 5000


def test_it_runs_where_its_group_is() -> None:
    made = plan({**GROUPS, "webui": ["gw2"]}, webui=PAGE)
    assert rows(made, "gw1", "open-webui") == []
    assert len(rows(made, "gw2", "open-webui")) == 1


@pytest.mark.parametrize(
    ("hosts", "words"), [(["gw1", "gw2"], "has 2 hosts"), (["other"], "is not a gateway")], ids=["two", "elsewhere"]
)
def test_its_accounts_are_on_one_gateway(hosts: list[str], words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        plan({**GROUPS, "webui": hosts}, webui=PAGE)


def test_the_edge_serves_it_and_lets_it_ask_the_gateway() -> None:
    made = plan(webui={**PAGE, "max_upload_bytes": 2048}, ports={"services": {"openwebui": 5001}})
    (page,) = config_of(made, "gw1", "edge")["pages"]
    assert page == {
        "kind": "page",
        "name": "open-webui",
        "addresses": ["0.0.0.0"],  # noqa: S104  # where the gateway listens too
        "port": 5001,
        "to": "unix@/run/ai-backend/open-webui/http.sock",
        "inside": "127.0.0.2",
        "max_body_bytes": 2048,
        "requests_per_minute": 3000,
        "private": [],
    }
    assert config_of(made, "gw1", "open-webui")["gateway_url"] == "http://127.0.0.2:4000/v1"


def test_it_is_a_client_with_a_key_of_its_own() -> None:
    """The host that runs it has its key, so that it is no digest there."""
    made = plan(webui=PAGE)
    client = config_of(made, "gw1", "litellm")["clients"]["clients"]["open_webui"]
    assert (client["models"], client["more_keys"]) == (None, ["AI_BACKEND_WEBUI_KEY"])
    for host in ("gw1", "gw2"):
        assert made["hosts"][host]["secrets"]["litellm.env"]["AI_BACKEND_WEBUI_KEY"] == "AI_BACKEND_WEBUI_KEY"
    assert made["hosts"]["gw1"]["secrets"]["open-webui.env"]["OPENAI_API_KEY"] == "AI_BACKEND_WEBUI_KEY"
    assert "open-webui.env" not in made["hosts"]["gw2"]["secrets"]


def test_its_client_may_be_limited_and_is_not_an_entry_of_the_user() -> None:
    made = plan(webui={**PAGE, "client": "page"}, clients={"page": {"models": ["words"], "parallel": 2}})
    assert config_of(made, "gw1", "litellm")["clients"]["clients"]["page"]["parallel"] == 2
    assert config_of(made, "gw1", "open-webui")["models"] == ["words"]


def test_a_client_of_the_user_keeps_its_key_when_it_is_enabled_and_disabled() -> None:
    """Hosts hold both under names of their own: a controller would else take one for the other."""
    for webui in (PAGE, {}):
        keys = plan(clients={"open_webui": {}}, webui=webui)["hosts"]["gw1"]["secrets"]["litellm.env"]
        assert keys["AI_BACKEND_CLIENT_OPEN_WEBUI"] == "AI_BACKEND_CLIENT_OPEN_WEBUI"
        assert ("AI_BACKEND_WEBUI_KEY" in keys) == bool(webui)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"webui": {"enabled": True}}, "urls is missing → write where browsers open it"),
        ({"webui": {**PAGE, "urls": ["https://x:5000/"]}}, "is not the address of a page"),
        ({"webui": {**PAGE, "urls": ["https://x:5000"]}}, "urls[0]: is not http, and the edge serves http alone"),
        (
            {"webui": PAGE, "gateway": {"tls_certificate": "/etc/x.pem"}},
            "urls[0]: is not https, and the edge serves https alone → write https://…, or remove",
        ),
        ({"webui": {**PAGE, "embedding_model": "vector"}}, "no route answers 'vector' → did you mean 'vectors'?"),
        (
            {"webui": {**PAGE, "embedding_model": "vectors"}, "clients": {"open_webui": {"models": ["words"]}}},
            "the client 'open_webui' may not use 'vectors' → add it to ai_backend_clients.open_webui.models",
        ),
        ({"webui": {**PAGE, "port": 1}}, "write it in ai_backend_ports.services.openwebui"),
        ({"webui": {**PAGE, "admin_password": "x"}}, "AI_BACKEND_WEBUI_PASSWORD"),
        ({"webui": PAGE, "ports": {"services": {"other": 5000}}}, "port 5000 belongs to"),
    ],
)
def test_what_does_not_fit_is_refused(parts: Raw, words: str) -> None:
    assert any(words in line for line in problems(registry(**parts))), problems(registry(**parts))


def test_a_proxy_in_front_may_have_the_certificate() -> None:
    gateway = {"trusted_proxies": ["10.0.0.9"]}
    page = {**PAGE, "urls": ["https://chat.example.com"]}
    assert plan(webui=page, gateway=gateway)
