# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prometheus' configuration."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ..data.yaml_writer import to_yaml
from ..schema.monitoring import Prometheus
from .target import Target

# The unit's credentials; systemd gives the folder to this service alone.
CREDENTIALS = "/run/credentials/ai-backend-prometheus.service"
RULES = "rules.yml"
# Of HAProxy's measurements, which has some fifty for each section and server, those that rules and dashboards use.
EDGE_METRICS = (
    "haproxy_backend_(active_servers|current_sessions|current_queue|http_responses_total)",
    "haproxy_frontend_(current_sessions|limit_sessions|http_requests_total|http_responses_total|denied_connections_total)",
    "haproxy_process_(build_info|max_connections|current_connections|start_time_seconds)",
    "haproxy_server_(status|current_sessions|response_time_average_seconds|connection_errors_total)",
)


def prometheus_config(
    settings: Prometheus,
    targets: Iterable[Target],
    alertmanager: str,
    rule_files: Sequence[str] = (),
    credentials: str = CREDENTIALS,
) -> str:
    """The text of prometheus.yml. alertmanager: `address:port`, or empty. rule_files: those of users. credentials: the
    folder of the keys."""
    found = sorted(targets)
    config: dict[str, Any] = {
        "global": {
            "scrape_interval": f"{settings.scrape_seconds}s",
            "scrape_timeout": f"{min(settings.scrape_seconds, 10)}s",
            "evaluation_interval": f"{settings.scrape_seconds}s",
        },
        "rule_files": [RULES, *rule_files],
        "scrape_configs": [
            _job(job, list(of_job), credentials) for job, of_job in itertools.groupby(found, attrgetter("job"))
        ],
    }
    if alertmanager:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    if settings.remote_write:
        config["remote_write"] = [{"url": url} for url in settings.remote_write]
    return to_yaml(config)


def _job(name: str, targets: Sequence[Target], credentials: str) -> Mapping[str, Any]:
    """A scrape config. All targets of a job have one key and one interval."""
    first = targets[0]
    job: dict[str, Any] = {"job_name": name, "static_configs": [target.group for target in targets]}
    if first.key:
        job["authorization"] = {"credentials_file": f"{credentials}/{first.key}"}
    if first.seconds:
        job |= {"scrape_interval": f"{first.seconds}s", "scrape_timeout": f"{first.seconds // 2}s"}
    if name == "edge":
        job["metric_relabel_configs"] = [
            {"source_labels": ["__name__"], "regex": "|".join(EDGE_METRICS), "action": "keep"}
        ]
    return job
