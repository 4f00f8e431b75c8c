# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_mcp_servers`: servers with tools (Model Context Protocol), which the gateway offers at `/mcp/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import Described, SecretName, Url, Words

# LiteLLM separates a server's name from the tool's with a hyphen.
SERVER_NAME = re.compile(r"[a-z][a-z0-9_]*")
# An entry of `clients` that stands for all of them.
EVERY_CLIENT = "*"
_INSTEAD = "run it as a server of its own and write its `url`"


def _transport(value: Any) -> Any:
    if value == "stdio":
        raise ValueError(f"is stdio, a program in the gateway's own process, with all its keys → {_INSTEAD}")
    return "http" if value in ("streamable_http", "streamable-http") else value


class McpServer(Described):
    """A server with tools that runs elsewhere."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("command", "args", "env"), f"it is for a program in the gateway's own process; {_INSTEAD}"),
        **dict.fromkeys(
            ("authentication_token", "auth_value", "api_key", "token", "headers", "static_headers"),
            "secrets are given by name: write `auth` and `env_var`, and its value in ai_backend_secrets",
        ),
        "allow_all_keys": "write `clients: ['*']`",
        "auth_type": "write `auth`",
    }

    url: Url
    """Where it answers, as gateways reach it."""
    transport: Annotated[Literal["http", "sse"], BeforeValidator(_transport)] = "http"
    """How it speaks: streamable HTTP, or the older `sse`."""
    auth: Literal["none", "bearer", "api_key", "basic"] = "none"
    """How the gateway shows its secret: `Authorization: Bearer`, `X-API-Key`, or `Authorization: Basic`."""
    env_var: SecretName | None = None
    """Name of the secret; for `basic` its value is the base64 of user and password."""
    clients: Words = ()
    """Names in ai_backend_clients that may use its tools, or `*` for all of them. The master key always may."""
    tools: Annotated[Words, Field(max_length=1000)] = ()
    """The only tools that are offered, by their names at the server; without it, all."""

    @model_validator(mode="after")
    def _secret(self) -> McpServer:
        if (self.auth != "none") != (self.env_var is not None):
            raise ValueError("has only one of `auth` and `env_var` → write both, or none for a server without a key")
        return self

    def may(self, client: str) -> bool:
        """Whether a client may use it."""
        return EVERY_CLIENT in self.clients or client in self.clients
