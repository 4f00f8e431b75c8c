# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway, the cache and monitoring."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.cache import Cache
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.gateway import Gateway
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.monitoring import Monitoring


@pytest.mark.parametrize(
    ("model", "keys", "message"),
    [
        (Gateway, {"bind": "localhost"}, "is not an IP address"),
        (Gateway, {"bind": "10.1"}, "is not an IP address"),
        (Gateway, {"host_header": "a b"}, "is not a host name"),
        (Gateway, {"tls_certificate": "cert.pem"}, "is not an absolute path"),
        (Gateway, {"timeouts": {"request_seconds": 700}}, "longer than the edge waits"),
        (Gateway, {"litellm": {"extra": {"model_list": {}}}}, "not LiteLLM's or not yours"),
        (Gateway, {"connections_per_address": 0}, "greater than or equal to 1"),
        (Gateway, {"trusted_networks": ["10.0.0.0/33"]}, "not an address or a network → write 10.0.0.5 or 10.0.0.0/24"),
        (Gateway, {"trusted_proxies": ["proxy.example.com"]}, "not an address or a network"),
        (Gateway, {"paths": ["v1/files"]}, "not a path of a URL → write /v1/files, or /v1/files/ for all below it"),
        (Gateway, {"paths": ["/"]}, "not a path of a URL"),
        (Gateway, {"paths": ["/v1/../key"]}, "not a path of a URL"),
        (Gateway, {"paths": ["/v1/files?x"]}, "not a path of a URL"),
        (Gateway, {"paths": ["/a b"]}, "not a path of a URL"),
        (Gateway, {"cors_origins": ["*"]}, "allows every web page → name the pages"),
        (Gateway, {"cors_origins": ["https://chat.example.com/"]}, "not an origin → write scheme and host"),
        (Gateway, {"cors_origins": ["chat.example.com"]}, "not an origin"),
        (Gateway, {"cors_origins": ["https://Chat.example.com"]}, "in small letters"),
        (Gateway, {"workers": 0}, "not a number from 1 to 64 → write one, or `auto`"),
        (Gateway, {"workers": "many"}, "not a number from 1 to 64"),
        (Gateway, {"workers": 65}, "not a number from 1 to 64"),
        (Cache, {"namespace": "a b"}, "should match pattern"),
        (Cache, {"database": 16}, "less than 16"),
        (Cache, {"maxmemory": "lots"}, "should match pattern"),
        (Monitoring, {"prometheus": {"retention_size": "8"}}, "should match pattern"),
        (Monitoring, {"receivers": {"ops": {"type": "slack"}}}, "secret is missing → slack needs secret and channel"),
        (
            Monitoring,
            {"receivers": {"ops": {"type": "webhook", "url": "http://a", "channel": "#x"}}},
            "channel is not for webhook → remove it",
        ),
        (Monitoring, {"requests": {"files": 1}}, "greater than or equal to 2"),
        (Monitoring, {"requests": {"file_megabytes": 0}}, "greater than or equal to 1"),
        (Monitoring, {"requests": {"slow_seconds": 0}}, "greater than"),
    ],
)
def test_values_that_cannot_work_are_refused(model: type[BaseModel], keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        model.model_validate(keys)


def test_a_namespace_may_end_with_a_colon() -> None:
    assert Cache(namespace="litellm:").namespace == "litellm"
    with pytest.raises(ValidationError):
        Cache.model_validate({"namespace": 7})


def test_router_and_cache_have_their_own_databases() -> None:
    assert Cache(database=15).router_database == 0


def test_addresses_are_written_one_way() -> None:
    assert Gateway(bind="::0", tls_certificate="/etc/ssl/gateway.pem").bind == "::"


def test_networks_are_written_one_way_and_one_may_stand_alone() -> None:
    gateway = Gateway.model_validate({"trusted_networks": "10.0.0.5/24", "trusted_proxies": ["::1", "10.0.0.9"]})
    assert gateway.trusted_networks == ("10.0.0.0/24",)
    assert gateway.trusted_proxies == ("::1/128", "10.0.0.9/32")


def test_origins_and_paths_are_taken_as_they_stand() -> None:
    origins = ("https://chat.example.com", "http://localhost:3000", "http://10.0.0.5:8080")
    assert Gateway(cors_origins=origins, paths=("/v1/files/", "/metrics")).cors_origins == origins


def test_monitoring_may_say_that_it_is_off() -> None:
    assert Monitoring(enabled=False) == Monitoring()


def test_requests_are_recorded_also_without_monitoring_and_in_bounded_files() -> None:
    requests = Monitoring().requests
    assert (requests.enabled, requests.slow_seconds, requests.file_bytes * requests.files) == (True, 5, 500_000_000)


@pytest.mark.parametrize(
    ("keys", "address"),
    [
        ({}, "0.0.0.0"),  # noqa: S104  # the default
        ({"bind": "10.0.0.5"}, "10.0.0.5"),
        ({"bind": "127.0.0.1"}, ""),
        ({"tls_certificate": "/etc/ssl/gateway.pem"}, ""),
        ({"trusted_proxies": ["10.0.0.1"]}, ""),
    ],
)
def test_the_address_that_other_hosts_reach_without_tls(keys: dict[str, Any], address: str) -> None:
    assert Gateway(**keys).unencrypted == address
