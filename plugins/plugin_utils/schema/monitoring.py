# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_monitoring`: what watches the gateway, the engines and their hosts, and whom it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from .alerts import Alerts, Receivers
from .base import Seconds, Strict, Words

# The inventory group that it runs on, if there is one.
GROUP = "monitoring"
# The name under which it asks the gateway, and which its requests have in the record.
CLIENT = "monitoring"
_PROMTAIL = "Promtail has ended (2026-03): Alloy ships the logs where `loki` is enabled; remove it"
_PORT = "write it in ai_backend_ports.services"
_MEGABYTE = 1_000_000


class Requests(Strict):
    """The record of each request on the gateway's host (docs/requests.md). It needs no other monitoring."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "log_content": "texts are logged for a client by name; write `log_content: true` at it in ai_backend_clients",
        "max_megabytes": "write `file_megabytes` and `files`",
    }

    enabled: bool = True
    """Whether requests are recorded."""
    slow_seconds: Seconds = 5
    """A longer request is marked as slow."""
    file_megabytes: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Size of a file; then the next one begins."""
    files: Annotated[int, Field(ge=2, le=100)] = 5
    """How many files are kept; with the one that is written."""

    @property
    def file_bytes(self) -> int:
        """The largest size of a file."""
        return self.file_megabytes * _MEGABYTE


class Prometheus(Strict):
    """Prometheus, from the distribution."""

    REFUSED: ClassVar[Mapping[str, str]] = {"port": f"{_PORT}.prometheus", "retention": "write `retention_days`"}

    managed: bool = True
    """Whether it is installed; else playbooks/monitoring.yml writes targets, rules and dashboards for another one."""
    retention_days: Annotated[int, Field(ge=1)] = 30
    """Days that measurements are kept."""
    retention_size: Annotated[str, Field(pattern=r"^[1-9][0-9]*(MB|GB|TB)$")] = "8GB"
    """Space that measurements may take; the oldest go first."""
    scrape_seconds: Annotated[int, Field(ge=5, le=60)] = 15
    """Seconds between two looks at everything."""
    remote_write: Words = ()
    """Addresses of other Prometheus servers that also get all measurements."""


class Grafana(Strict):
    """Grafana, from its publisher's archive. Its port is ai_backend_ports.services.grafana."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "port": f"{_PORT}.grafana",
        # pragma: allowlist nextline secret
        "admin_password": "the deployment makes it (AI_BACKEND_GRAFANA_PASSWORD in ai_backend_secrets overrides it)",
        "anonymous": "dashboards show who asks what, so there is no access without an account; remove it",
    }

    enabled: bool = False
    """Whether it is installed; the role then needs grafana_archive_url and its sum."""
    urls: Words = ()
    """Where browsers open it, such as `https://gateway.example.com:3000`; the first one is in its links."""


class Loki(Strict):
    """Loki, and Alloy which ships the record of requests and the journal to it, from their publisher's archives."""

    REFUSED: ClassVar[Mapping[str, str]] = {"port": f"{_PORT}.loki", "promtail": _PROMTAIL}

    enabled: bool = False
    """Whether both are installed; their roles then need the archives and their sums."""
    retention_days: Annotated[int, Field(ge=1)] = 30
    """Days that lines are kept."""


class Monitoring(Strict):
    """What watches all that the registry has, on the group `ai_backend_monitoring`, else on the first gateway."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "promtail": _PROMTAIL,
        "port": _PORT,
        "host": "it runs on the inventory group `ai_backend_monitoring`, else on the first gateway",
        "dcgm": "cards are read with nvidia-smi; a DCGM exporter of yours can be scraped by another Prometheus",
    }
    # Ports where the registry names none.
    PORTS: ClassVar[Mapping[str, int]] = {
        "alertmanager": 9093,
        "blackbox_exporter": 9115,
        "edge_metrics": 9101,
        "exporter": 9180,
        "node_exporter": 9100,
        "prometheus": 9090,
        "redis_exporter": 9121,
    }

    enabled: bool = False
    """Whether anything of it is installed."""
    questions: bool = True
    """Whether each model that is in memory all the time is asked one short question a minute."""
    requests: Requests = Requests()
    """What is written down of each request, also without other monitoring."""
    prometheus: Prometheus = Prometheus()
    """What measures."""
    receivers: Receivers = {}
    """Whom alerts are sent to."""
    alerts: Alerts = Alerts()
    """When alerts are sent."""
    grafana: Grafana = Grafana()
    """What shows."""
    loki: Loki = Loki()
    """What keeps the lines."""

    @property
    def ports(self) -> dict[str, int]:
        """Ports of what runs, where the registry names none: {name in ai_backend_ports: port}."""
        if not self.enabled:
            return {}
        logs = {"alloy": 9184, "loki": 3100} if self.loki.enabled else {}
        return {**self.PORTS, **logs, **({"grafana": 3000} if self.grafana.enabled else {})}
