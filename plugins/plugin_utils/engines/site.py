# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The place where an engine runs, as far as the engine needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..data.row import Publish

# The address of a gateway's own edge for the engines and the cache of its host: their ports, on a separate loopback
# address. So all traffic to an engine goes through an edge, which can take it out of rotation and holds the port.
EDGE_LOOPBACK = "127.0.0.2"
# Attempts to reach an engine without an alternative that answered a moment ago: it restarts. Its edge waits for it
# before each (engine_wait.lua), that of another host for a second. Where others answer, an attempt only delays.
_ALONE_RETRIES = 10


@dataclass(frozen=True)
class Site:
    """A managed provider on one host.

    port: on loopback. shared: whether another engine answers some of its names too. pauses: the names that only this
    engine answers. here and abroad: whether the gateway of this host uses it, and the gateways of other hosts.
    engines: {name: provider} of all managed ones on the host.
    """

    provider: str
    port: int
    shared: bool
    pauses: Sequence[str]
    here: bool
    abroad: bool
    engines: Mapping[str, Any] = field(default_factory=dict)

    @property
    def publish(self) -> Publish | None:
        """How the edge publishes it. All traffic goes through the edge, which can take it out of rotation."""
        if not (self.here or self.abroad):
            return None
        retries = 0 if self.shared else _ALONE_RETRIES
        return {
            "name": self.provider,
            "mode": "http",
            "here": self.here,
            "abroad": "gateways" if self.abroad else "none",
            "retries": retries,
        }
