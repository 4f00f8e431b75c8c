# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exporters of the distribution: what measures a host, the cache, and whether services answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...data.row import Row
from ...engines.site import EDGE_LOOPBACK
from ...monitoring.blackbox import KEY, blackbox_config
from ...schema.base import host_port
from ...schema.cache import READER
from ...schema.secrets import CACHE_KEY, ENGINE_KEY, MONITORING_KEY
from ..watched import ENGINE_KEY_FILE, LOOPBACK, engines_of, questions_of

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "monitoring"
# What a host itself is asked for: few measurements, each used by a rule or a dashboard.
_COLLECTORS = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev", "pressure", "timex", "uname", "vmstat")


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """The host's own on each host, Redis' where it is, and on the host of monitoring what asks services."""
    if fleet.place.monitoring is None or not there:
        return []
    found = [_exporter(fleet, host, "node-exporter", _node())]
    if host == fleet.place.cache:
        found.append(_exporter(fleet, host, "redis-exporter", _redis(fleet)))
    if host == fleet.place.monitoring:
        found.append(_exporter(fleet, host, "blackbox-exporter", _blackbox(fleet)))
    return found


def _exporter(fleet: Fleet, host: str, name: str, own: Mapping[str, Any]) -> Row:
    """The row of one from the distribution: its package and binary have this name with `prometheus-` in front.

    own: {arguments, environment, files, secrets}, and `system: true` for one that reads the host itself.
    """
    port = fleet.registry.all_ports[name.replace("-", "_")]
    return {
        "service": name,
        "instance": name,
        "provider": "",
        "role": "lab.ai_backend.packaged_exporter",
        "stage": STAGE,
        "ports": {name: port},
        "slots": [],
        "secrets": own["secrets"],
        "publish": {"name": name, "mode": "http", "here": False, "abroad": "monitoring", "retries": 0},
        "config": {
            "package": f"prometheus-{name}",
            "arguments": [f"--web.listen-address={LOOPBACK}:{port}", *own["arguments"]],
            "environment": own["environment"],
            "files": own["files"],
            "system": own["system"],
        },
    }


def _node() -> dict[str, Any]:
    arguments = ["--collector.disable-defaults", *(f"--collector.{name}" for name in _COLLECTORS)]
    # Mounts of containers, and file systems that are no disk.
    arguments += [
        "--collector.filesystem.mount-points-exclude=^/(dev|proc|run|sys|var/lib/(docker|containers)|etc/(hostname|hosts|resolv.conf))($|/)",
        "--collector.netdev.device-exclude=^(lo|veth.*|br-.*|docker.*)$",
    ]
    return {"arguments": arguments, "environment": {}, "files": {}, "secrets": {}, "system": True}


def _redis(fleet: Fleet) -> dict[str, Any]:
    port = fleet.registry.port_of(fleet.registry.cache.GROUP) or 0
    environment = {"REDIS_ADDR": f"redis://{host_port(EDGE_LOOPBACK, port)}", "REDIS_USER": READER}
    secrets = {"redis-exporter.env": {"REDIS_PASSWORD": CACHE_KEY}}
    # Less than Prometheus waits: of a Redis that hangs it must hear that it is not up.
    return {
        "arguments": ["--connection-timeout=5s"],
        "environment": environment,
        "files": {},
        "secrets": secrets,
        "system": False,
    }


def _blackbox(fleet: Fleet) -> dict[str, Any]:
    return {
        "arguments": ["--config.file=@RELEASE@/files/blackbox.yml"],
        "environment": {},
        "files": {"blackbox.yml": blackbox_config(questions_of(fleet), engines_of(fleet))},
        "secrets": {
            f"blackbox-exporter-{KEY}": {"key": MONITORING_KEY},
            f"blackbox-exporter-{ENGINE_KEY_FILE}": {"key": ENGINE_KEY},
        },
        "system": False,
    }
