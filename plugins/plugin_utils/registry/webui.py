# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `ai_backend_webui` needs of the other parts of a registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..findings.findings import Finding, suggest
from ..findings.paths import join
from ..routing.routes import Routes
from ..schema.clients import Client
from ..schema.gateway import Gateway
from ..schema.monitoring import CLIENT, Monitoring
from ..schema.webui import WebUI
from .lenient import Reading

ROOT = "ai_backend_webui"


def with_own_clients(
    webui: WebUI | None, monitoring: Monitoring | None, clients: Mapping[str, Client]
) -> dict[str, Client]:
    """The clients, and among them what the collection runs itself: one that is not declared may use all models."""
    own = {webui.client: Client()} if webui is not None and webui.enabled else {}
    own |= {CLIENT: Client()} if monitoring is not None and monitoring.enabled else {}
    return dict(sorted({**own, **clients}.items()))


def check_webui(
    webui: Reading[WebUI], gateway: Reading[Gateway], clients: Mapping[str, Client], routes: Routes | None
) -> Iterator[Finding]:
    """Its addresses fit the edge, and its model for documents answers. routes: None if they are not known."""
    if webui.value is None or not webui.value.enabled:
        return
    if gateway.value is not None and gateway.sure and not gateway.value.trusted_proxies:
        has = "https" if gateway.value.tls_certificate else "http"
        for index, url in enumerate(webui.value.urls):
            if not url.startswith(f"{has}://"):
                problem = f"is not {has}, and the edge serves {has} alone"
                other = "set" if has == "http" else "remove"
                remedy = f"write {has}://…, or {other} ai_backend_gateway.tls_certificate"
                yield Finding(join(ROOT, "urls", index), problem, remedy)
    name = webui.value.embedding_model
    if name is not None and routes is not None and name not in routes.names:
        remedy = suggest(name, routes.names) or "declare it at a provider"
        yield Finding(join(ROOT, "embedding_model"), f"no route answers '{name}'", remedy, check="references")
    client = clients.get(webui.value.client, Client())
    if name is not None and not client.may(name):
        problem = f"the client '{webui.value.client}' may not use '{name}'"
        remedy = f"add it to ai_backend_clients.{webui.value.client}.models"
        yield Finding(join(ROOT, "embedding_model"), problem, remedy, check="references")
