# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What monitoring looks at: every service of the fleet, from the host that it runs on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...module_utils.host.layout import service_of
from ..engines.abilities import PROOFS
from ..engines.site import EDGE_LOOPBACK
from ..engines.waking import WakingProvider, waking_of
from ..monitoring.alertmanager import inhibits
from ..monitoring.blackbox import HEALTH, asks, models_of, question
from ..monitoring.prometheus import RULES, prometheus_config
from ..monitoring.rules import rules_of
from ..monitoring.target import Probe, Target
from ..schema.base import host_port
from ..schema.ports import GATEWAY
from ..schema.webui import PORT as WEBUI
from .serving_models import always_there

if TYPE_CHECKING:
    from .fleet import Fleet

LOOPBACK = "127.0.0.1"
# What the endpoint is called in measurements.
GATEWAY_SERVICE = "gateway"
# Seconds between two questions to a model.
QUESTION_SECONDS = 60
# The credential that managed engines take.
ENGINE_KEY_FILE = "engine.key"
# Where a Prometheus that is not managed finds it; who runs that puts it there.
OTHER_CREDENTIALS = "/etc/prometheus/ai-backend"
# What belongs into the configuration of another Alertmanager.
INHIBITS = "inhibit_rules.yml"
# Paths that show whether a service is well; its port has the name in ai_backend_ports.
_OWN = {"prometheus": "/-/ready", "alertmanager": "/-/ready"}


def targets_of(fleet: Fleet) -> list[Target]:
    """Everything that Prometheus reads, seen from the host of monitoring."""
    port = fleet.registry.all_ports
    blackbox = (LOOPBACK, port["blackbox_exporter"])
    return [
        *_of_monitoring(fleet),
        *_of_hosts(fleet),
        *_of_engines(fleet),
        *(probe.target(blackbox) for probe in probes_of(fleet)),
    ]


def _of_monitoring(fleet: Fleet) -> Iterator[Target]:
    here, port = fleet.place.monitoring or "", fleet.registry.all_ports
    names = ["prometheus", "alertmanager"] if fleet.registry.monitoring.prometheus.managed else []
    names += ["blackbox_exporter"]
    names += ["loki"] if fleet.registry.monitoring.loki.enabled else []
    for name in names:
        yield Target(name.replace("_", "-"), here, LOOPBACK, port[name])
    if fleet.registry.monitoring.grafana.enabled:
        yield Target("grafana", here, EDGE_LOOPBACK, port["grafana"])


def _of_hosts(fleet: Fleet) -> Iterator[Target]:
    """The exporters of each host, and HAProxy's own measurements."""
    port = fleet.registry.all_ports
    for host in fleet.place.members:
        near = host == fleet.place.monitoring
        address = LOOPBACK if near else fleet.reach.relays[host]
        yield Target("node", host, address, port["node_exporter"])
        yield Target("ai-backend", host, address, port["exporter"])
        yield Target("edge", host, EDGE_LOOPBACK if near else address, port["edge_metrics"])
        if fleet.registry.monitoring.loki.enabled:
            yield Target("alloy", host, address, port["alloy"])
        if host == fleet.place.cache:
            yield Target(fleet.registry.cache.GROUP, host, address, port["redis_exporter"])


def _of_engines(fleet: Fleet) -> Iterator[Target]:
    """Managed engines that measure themselves, at the addresses that a gateway asks."""
    endpoints = fleet.reach.endpoints.get(fleet.place.monitoring or "", {})
    for name in sorted(fleet.place.engines):
        provider = fleet.registry.providers[name]
        looks = provider.metrics if isinstance(provider, WakingProvider) else ()
        for host, url in endpoints.get(name, ()):
            parts = urlsplit(url)
            for parameters, labels in looks:
                yield Target(
                    service_of(provider.instance(name)),
                    host,
                    parts.hostname or "",
                    parts.port or 0,
                    parameters=parameters,
                    labels={"provider": name, **labels},
                    instance=f"{host}:{name}",
                    key=ENGINE_KEY_FILE,
                )


def probes_of(fleet: Fleet) -> Iterator[Probe]:
    """What is asked whether it answers: the gateway, what is behind it and the pages; and models that are in memory."""
    registry, here = fleet.registry, fleet.place.monitoring or ""
    yield Probe(HEALTH, f"{gateway_url(fleet)}/health/readiness", here, {"service": GATEWAY_SERVICE})
    for name, path in _OWN.items() if registry.monitoring.prometheus.managed else ():
        yield Probe(HEALTH, f"http://{LOOPBACK}:{registry.all_ports[name]}{path}", here, {"service": name})
    for page, port, path in _pages(fleet):
        yield Probe(HEALTH, f"http://{EDGE_LOOPBACK}:{port}{path}", here, {"service": page, "page": page})
    endpoints = fleet.reach.endpoints.get(here, {})
    for name in engines_of(fleet):
        provider = registry.providers[name]
        labels = {"service": service_of(provider.instance(name)), "provider": name}
        for host, url in endpoints.get(name, ()):
            yield Probe(HEALTH, provider.health_url(url), host, labels)
            yield Probe(models_of(name), provider.models_url(url), host, labels, "models", QUESTION_SECONDS)
    for model in questions_of(fleet):
        url = f"{gateway_url(fleet)}{PROOFS[questions_of(fleet)[model]]}"
        yield Probe(question(model), url, here, {"model": model}, "question", QUESTION_SECONDS)


def _pages(fleet: Fleet) -> Iterator[tuple[str, int, str]]:
    """(service, port, path that shows whether it is well) of each page for browsers on the host of monitoring."""
    registry, here = fleet.registry, fleet.place.monitoring
    if fleet.place.webui == here:
        yield "open-webui", registry.port_of(WEBUI) or 0, "/health"
    if registry.monitoring.grafana.enabled:
        yield "grafana", registry.all_ports["grafana"], "/api/health"


def engines_of(fleet: Fleet) -> dict[str, list[str]]:
    """{managed engine: its models} of those that are there all the time."""
    found = {name: fleet.registry.providers[name] for name in sorted(fleet.place.engines)}
    return {
        name: [entry.name for entry in provider.entries]
        for name, provider in found.items()
        if waking_of(provider) == "always"
    }


def questions_of(fleet: Fleet) -> dict[str, str]:
    """{model: what it proves itself with} of those that are asked each minute: one that sleeps stays asleep."""
    if not fleet.registry.monitoring.questions or not fleet.sound:
        return {}
    found = {name: proof for proof, names in always_there(fleet).items() for name in names if asks(proof)}
    groups, providers = fleet.registry.routes.groups, fleet.registry.providers
    return {
        name: proof
        for name, proof in sorted(found.items())
        if all(_resident(providers[target.provider]) for level in groups[name].levels for target in level)
    }


def _resident(provider: object) -> bool:
    return isinstance(provider, WakingProvider) and provider.resident


def gateway_url(fleet: Fleet) -> str:
    """The endpoint, as its own host asks it."""
    gateway = fleet.registry.gateway
    address = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(gateway.bind, gateway.bind)  # noqa: S104
    scheme = "https" if gateway.tls_certificate else "http"
    return f"{scheme}://{host_port(address, fleet.registry.port_of(GATEWAY) or 0)}"


def files_for_another(fleet: Fleet) -> dict[str, str]:
    """{name: text} of what a Prometheus and an Alertmanager need that the collection does not run."""
    settings = fleet.registry.monitoring
    if fleet.place.monitoring is None:
        return {}
    targets = [one for one in targets_of(fleet) if one.job not in ("prometheus", "alertmanager")]
    config = prometheus_config(settings.prometheus, targets, "", settings.alerts.rule_files, OTHER_CREDENTIALS)
    return {"prometheus.yml": config, RULES: rules_of(settings.alerts), INHIBITS: inhibits()}
