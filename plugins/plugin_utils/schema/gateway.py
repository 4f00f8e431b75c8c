# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_gateway`: the one endpoint clients talk to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from .base import Address, Seconds, Strict, Words, is_loopback
from .ports import GATEWAY

# Sections of a LiteLLM config that `extra` may add to; the model list is the registry's.
EXTRA_SECTIONS = ("environment_variables", "general_settings", "litellm_settings", "mcp_servers", "router_settings")
MOST_WORKERS = 64


class Breaker(Strict):
    """When a deployment is taken out. LiteLLM counts its failures over `cooldown_seconds` too."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "recovery": "LiteLLM sends all traffic again after `cooldown_seconds`; it has no gradual recovery",
        "half_open": "LiteLLM sends all traffic again after `cooldown_seconds`; it has no half-open state",
        "window_seconds": "LiteLLM counts over `cooldown_seconds`; write that and `failures`",
    }
    failures: Annotated[int, Field(ge=1, le=1000)] = 3
    """Failures that take a deployment out."""
    cooldown_seconds: Seconds = 300
    """How long it stays out; five seconds at most where nobody is asked after it."""


class Timeouts(Strict):
    """How long one engine may take. `stream_gap_seconds` is the longest silence in a stream, prefill included."""

    request_seconds: Seconds = 600
    """Longest time for one answer."""
    stream_gap_seconds: Seconds = 300
    """Longest silence in a stream."""


class LiteLLM(Strict):
    """`extra` is merged last into LiteLLM's config; its keys are compared with those that the locked LiteLLM reads."""

    extra: dict[str, dict[str, Any]] = {}
    """Sections of LiteLLM's config, merged last; their keys and the types of their values are checked."""

    @field_validator("extra")
    @classmethod
    def _sections(cls, value: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(value) - set(EXTRA_SECTIONS))
        if unknown:
            known = ", ".join(EXTRA_SECTIONS)
            raise ValueError(f"extra has a section that is not LiteLLM's or not yours to set → use one of {known}")
        return value


class Gateway(Strict):
    """Address, limits and timeouts of the gateway. Its port is ai_backend_ports.services.litellm_gateway."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "port": "write it in ai_backend_ports.services.litellm_gateway",
        "master_key": "secrets are given by name: put LITELLM_MASTER_KEY into ai_backend_secrets, or leave it out",
        "num_retries": "retries in a group of one only sleep; write a `fallback_chain` in ai_backend_routing",
        "allowed_ips": "LiteLLM needs a licence for it; set `bind` and your firewall",
    }
    # Its port where the registry names none.
    PORTS: ClassVar[Mapping[str, int]] = {GATEWAY: 4000}

    bind: Address = "0.0.0.0"  # noqa: S104  # a gateway for other machines
    """Address the gateway listens on; `::` is all addresses of IPv4 and IPv6."""
    host_header: str = "127.0.0.1"
    """Host that LiteLLM sees, whatever the client sent."""
    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    """Requests a minute of one client address."""
    connections_per_address: Annotated[int, Field(ge=1)] = 100
    """Connections of one client address at a time; twice as many are not even answered."""
    trusted_networks: Words = ()
    """Addresses and networks that `connections_per_address` does not limit."""
    trusted_proxies: Words = ()
    """Proxies in front of the edge, by address or network; the last `X-Forwarded-For` of theirs is the client."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 10485760
    """Largest request."""
    paths: Words = ()
    """More paths for clients of other machines: `/v1/files`, or `/v1/files/` for all below it."""
    cors_origins: Words = ()
    """Web pages that may ask from a browser, such as `https://chat.example.com`."""
    expose_deployment: bool = False
    """Whether clients see which engine answered, and LiteLLM's version."""
    stream_timeout_seconds: Seconds = 610
    """Longest answer the edge waits for."""
    tls_certificate: str = ""
    """PEM file on the host with certificate, chain and key; empty: no TLS."""
    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] | Literal["auto"] = "auto"
    """LiteLLM processes of a slot; `auto` is what the host's cores and memory allow, at most four."""
    breaker: Breaker = Breaker()
    """When a deployment is taken out."""
    timeouts: Timeouts = Timeouts()
    """How long one engine may take."""
    litellm: LiteLLM = LiteLLM()
    """What goes into LiteLLM's config unchanged."""

    @property
    def unencrypted(self) -> str:
        """The address on which other hosts reach it without TLS, and not only through a proxy, which may have it."""
        return "" if self.tls_certificate or self.trusted_proxies or is_loopback(self.bind) else self.bind

    @field_validator("workers", mode="before")
    @classmethod
    def _workers(cls, value: Any) -> Any:
        """One message in place of one for each form."""
        number = int(value) if str(value).isdecimal() else 0
        if value != "auto" and not 1 <= number <= MOST_WORKERS:
            raise ValueError(f"is not a number from 1 to {MOST_WORKERS} → write one, or `auto`")
        return value

    @field_validator("host_header")
    @classmethod
    def _host(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?", value):
            raise ValueError("is not a host name → write one such as ai.example.com")
        return value

    @field_validator("trusted_networks", "trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_network(network, strict=False)) for network in value)
        except ValueError:
            raise ValueError(
                "has an entry that is not an address or a network → write 10.0.0.5 or 10.0.0.0/24"
            ) from None

    @field_validator("paths")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?", path) for path in value):
            remedy = "write /v1/files, or /v1/files/ for all below it (letters, digits and . _ ~ - between slashes)"
            raise ValueError(f"has an entry that is not a path of a URL → {remedy}")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in value:
            raise ValueError("allows every web page → name the pages, such as https://chat.example.com")
        if not all(re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?", origin) for origin in value):
            remedy = "write scheme and host in small letters without a path, such as https://chat.example.com"
            raise ValueError(f"has an entry that is not an origin → {remedy}")
        return value

    @field_validator("tls_certificate")
    @classmethod
    def _certificate(cls, value: str) -> str:
        if value and not re.fullmatch(r"/[A-Za-z0-9._/-]+", value):
            raise ValueError("is not an absolute path → write where the PEM file is on the host, or leave it empty")
        return value

    @model_validator(mode="after")
    def _check(self) -> Gateway:
        for name in ("request_seconds", "stream_gap_seconds"):
            if getattr(self.timeouts, name) > self.stream_timeout_seconds:
                remedy = f"raise stream_timeout_seconds or lower timeouts.{name}"
                raise ValueError(f"timeouts.{name} is longer than the edge waits (stream_timeout_seconds) → {remedy}")
        return self
