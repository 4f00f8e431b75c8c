# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Open WebUI: the page for people, on one gateway's host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ....module_utils.host.layout import Layout
from ...data.row import Row
from ...engines.site import EDGE_LOOPBACK
from ...schema.base import host_port
from ...schema.ports import GATEWAY
from ...schema.secrets import WEBUI_KEY, WEBUI_PASSWORD, WEBUI_SECRET
from ...schema.webui import PORT

if TYPE_CHECKING:
    from ..fleet import Fleet

# After the gateway, which it asks: its file comes later in the alphabet.
STAGE = "gateway"
NAME = "open-webui"


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on its host."""
    if host != fleet.place.webui:
        return []
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.open_webui",
            "stage": STAGE,
            "ports": {NAME: fleet.registry.port_of(PORT) or 0},
            "sockets": {NAME: Layout().socket(NAME)},
            "slots": [],
            "secrets": {
                f"{NAME}.env": {
                    "OPENAI_API_KEY": WEBUI_KEY,
                    "RAG_OPENAI_API_KEY": WEBUI_KEY,
                    "WEBUI_ADMIN_PASSWORD": WEBUI_PASSWORD,
                    "WEBUI_SECRET_KEY": WEBUI_SECRET,
                }
            },
            "publish": None,
            "config": _config(fleet),
        }
    ]


def _config(fleet: Fleet) -> dict[str, Any]:
    """What its role needs. page: limits of the edge, which serves it to browsers. models: names that it must list."""
    registry = fleet.registry
    webui, gateway = registry.webui, registry.gateway
    client = registry.clients[webui.client]
    names = registry.routes.names if fleet.sound else []
    return {
        "page": {
            "max_body_bytes": webui.max_upload_bytes,
            "requests_per_minute": webui.requests_per_minute,
            "private": [],
        },
        "gateway_url": f"http://{host_port(EDGE_LOOPBACK, registry.port_of(GATEWAY) or 0)}/v1",
        "urls": list(webui.urls),
        "secure": bool(gateway.tls_certificate),
        "admin_email": webui.admin_email,
        "signup": webui.signup,
        "embedding_model": webui.embedding_model or "",
        "answer_seconds": gateway.stream_timeout_seconds,
        "models": [name for name in names if client.may(name)],
    }
