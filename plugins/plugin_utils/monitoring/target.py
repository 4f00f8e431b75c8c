# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Prometheus reads, and what the blackbox exporter asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..schema.base import host_port


@dataclass(frozen=True, order=True)
class Target:
    """An address that Prometheus reads.

    job: groups those of a kind; one of several is `host:job`. host: where it runs. key: name of the credential that it
    needs, or empty. labels: what its measurements get besides `host`. seconds: between two looks; 0 is the usual time.
    """

    job: str
    host: str
    address: str
    port: int
    path: str = "/metrics"
    parameters: Mapping[str, str] = field(default_factory=dict, compare=False)
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)
    instance: str = ""
    key: str = ""
    seconds: int = 0

    @property
    def group(self) -> dict[str, object]:
        """An entry of `static_configs`. What follows from a target needs no relabelling."""
        hidden = {f"__param_{name}": value for name, value in self.parameters.items()}
        named = {"instance": self.instance or f"{self.host}:{self.port}", "host": self.host, **self.labels}
        return {
            "targets": [host_port(self.address, self.port)],
            "labels": {**named, **hidden, **({"__metrics_path__": self.path} if self.path != "/metrics" else {})},
        }


@dataclass(frozen=True)
class Probe:
    """A question of the blackbox exporter. module: how it asks. labels: `service` or `provider` and `model`."""

    module: str
    url: str
    host: str
    labels: Mapping[str, str]
    job: str = "probe"
    seconds: int = 0

    def target(self, exporter: tuple[str, int]) -> Target:
        """What Prometheus reads of it; exporter: (address, port) of the blackbox exporter."""
        address, port = exporter
        parameters = {"module": self.module, "target": self.url}
        return Target(
            self.job, self.host, address, port, "/probe", parameters, self.labels, self.url, seconds=self.seconds
        )
