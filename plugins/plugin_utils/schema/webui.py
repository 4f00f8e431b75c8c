# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_webui`: Open WebUI, the page for people, which asks the gateway as a client of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, field_validator, model_validator

from .base import ModelName, Strict, Words
from .clients import CLIENT_NAME

# Its port in ai_backend_ports, and the inventory group that it runs on, if there is one.
PORT, GROUP = "openwebui", "webui"
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?")


class WebUI(Strict):
    """Open WebUI on one gateway's host, with the gateway's TLS. Its port is ai_backend_ports.services.openwebui."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "port": "write it in ai_backend_ports.services.openwebui",
        "host": "it runs on the inventory group `ai_backend_webui`, else on the first gateway",
        "bind": "it has the address of the gateway; write ai_backend_gateway.bind",
        "tls_certificate": "it has the certificate of the gateway; write ai_backend_gateway.tls_certificate",
        "admin_password": "the deployment makes it (AI_BACKEND_WEBUI_PASSWORD in ai_backend_secrets overrides it)",
        "secret_key": "the deployment makes it (AI_BACKEND_WEBUI_SECRET in ai_backend_secrets overrides it)",
        "api_key": "the deployment makes it (AI_BACKEND_WEBUI_KEY in ai_backend_secrets overrides it)",
    }
    ALSO: ClassVar[Mapping[str, str]] = {"url": "urls"}
    # Its port where the registry names none.
    PORTS: ClassVar[Mapping[str, int]] = {PORT: 5000}

    enabled: bool = False
    """Whether Open WebUI is installed and runs."""
    urls: Words = ()
    """Where browsers open it, such as `https://chat.example.com:5000`: pages of other addresses get no answers."""
    admin_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] = "admin@localhost"
    """Name of the first account, which is its administrator; the password is AI_BACKEND_WEBUI_PASSWORD."""
    signup: bool = False
    """Whether visitors may make accounts; the administrator activates each."""
    client: Annotated[str, Field(pattern=CLIENT_NAME.pattern)] = "open_webui"
    """Its name in ai_backend_clients, which may limit it; without an entry there it may use all models."""
    embedding_model: ModelName | None = None
    """Name of the model that searches documents; without one, documents are given to the model as a whole."""
    max_upload_bytes: Annotated[int, Field(ge=1024)] = 104857600
    """Largest file that can be uploaded."""
    requests_per_minute: Annotated[int, Field(ge=1)] = 3000
    """Requests a minute of one client address; a page is dozens of them."""

    @field_validator("urls")
    @classmethod
    def _urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_ORIGIN.fullmatch(url) for url in value):
            remedy = "write scheme, host in small letters and port, such as https://chat.example.com:5000"
            raise ValueError(f"has an entry that is not the address of a page → {remedy}")
        return value

    @model_validator(mode="after")
    def _check(self) -> WebUI:
        if self.enabled and not self.urls:
            raise ValueError("urls is missing → write where browsers open it, such as http://10.0.0.5:5000")
        return self
