# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where an engine is to run, as far as the engine itself has to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..data.row import Publish

# Tries, a second apart, to reach an engine that nobody else answers for, and for which its edge waits before (edge's
# engine_wait.lua). Where others answer, each would only put off the moment they are asked.
_ALONE_RETRIES = 3


@dataclass(frozen=True)
class Site:
    """A managed provider on one host.

    port: on loopback. shared: whether some name it answers has another engine too. pauses: the names that have no
    other. here and abroad: whether the gateway of this host asks it, and those of others.
    """

    provider: str
    port: int
    shared: bool
    pauses: Sequence[str]
    here: bool
    abroad: bool

    @property
    def publish(self) -> Publish | None:
        """What the edge offers of it; the way to an engine always leads through an edge, which can take it out."""
        if not (self.here or self.abroad):
            return None
        retries = 0 if self.shared else _ALONE_RETRIES
        return {"name": self.provider, "mode": "http", "here": self.here, "abroad": self.abroad, "retries": retries}
