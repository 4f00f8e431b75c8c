# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Engines that are not always in memory: a request wakes them, or a playbook, and of a group one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ...module_utils.host.layout import Layout
from ..data.row import Row, Wake
from ..schema.base import host_port
from ..schema.durations import Duration
from .load import Engine
from .provider import Provider
from .site import EDGE_LOOPBACK, Site

# Seconds, where the registry has no other value. A gateway gives up on an engine after 300 without a token.
_SLEEP_AFTER, _MIN_RESIDENT, _MAX_WAIT = 900, 60, 240
# The name is part of the names of files.
GroupName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Waking = Literal["always", "on_request", "by_hand"]


class WakingProvider(Provider):
    """An engine with a unit of its own, which the collection can start and stop as it is needed."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        **Provider.REFUSED,
        **dict.fromkeys(("ttl", "idle_timeout", "unload_after"), "write `wake: on_request` and `sleep_after`"),
        **dict.fromkeys(("gpu_group", "swap", "swap_group"), "write `exclusive_group`"),
    }

    wake: Waking | None = None
    """`always` in memory; `on_request`, while it is asked; `by_hand`, with playbooks/switch.yml: default in a group."""
    exclusive_group: GroupName | None = None
    """Of the engines of a host with the same name here, one is in memory at a time."""
    sleep_after: Duration | None = None
    """With `wake: on_request`: it stops after this time without a request, for example 15m, the default."""
    min_resident: Duration | None = None
    """With `wake: on_request` and a group: it stays so long before another one may take its place. Default: 60s."""
    max_wait: Duration | None = None
    """With `wake: on_request`: the longest time a request waits until it is awake; then 503. Default: 4m."""

    @property
    def waking(self) -> Waking:
        """When it is in memory."""
        return self.wake or ("by_hand" if self.exclusive_group is not None else "always")

    @property
    def longest_wait(self) -> int:
        """Seconds that a request may wait for it."""
        return self.max_wait or _MAX_WAIT

    @property
    def resident(self) -> bool:
        """Whether its models are in memory all the time, so that a question wakes nothing and keeps nothing awake."""
        return self.waking == "always" and not self.many_models

    @property
    def metrics(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, str]]]:
        """(parameters, labels) of each look at the path /metrics of a managed one; no look wakes it or a model."""
        return [({}, {"model": self.entries[0].name})]

    @model_validator(mode="after")
    def _check_waking(self) -> WakingProvider:
        given = [name for name in ("wake", "exclusive_group") if getattr(self, name) is not None]
        if given and not self.is_managed:
            remedy = f"remove {' and '.join(given)}, or write `managed: true`"
            raise ValueError(f"{given[0]} is for an engine that this collection runs → {remedy}")
        for name in ("sleep_after", "max_wait", "min_resident"):
            if getattr(self, name) is not None and self.waking != "on_request":
                raise ValueError(
                    f"{name} is for an engine that a request wakes → write `wake: on_request`, or remove it"
                )
        if self.min_resident is not None and self.exclusive_group is None:
            raise ValueError("min_resident is for one of a group → write `exclusive_group`, or remove it")
        if self.exclusive_group is not None and self.wake == "always":
            remedy = "write `wake: on_request` or `wake: by_hand`, or remove exclusive_group"
            raise ValueError(f"wake is `always`, but of an exclusive_group one is in memory at a time → {remedy}")
        if self.wake == "by_hand" and self.exclusive_group is None:
            remedy = "write `exclusive_group`, or `wake: on_request`"
            raise ValueError(f"wake is `by_hand`, which chooses one of a group → {remedy}")
        return self

    def group_on(self, site: Site) -> dict[str, WakingProvider]:
        """{name: provider} of its group on a host, itself among them."""
        return {
            name: each
            for name, each in site.engines.items()
            if name == site.provider
            or (
                isinstance(each, WakingProvider)
                and self.exclusive_group is not None
                and each.exclusive_group == self.exclusive_group
            )
        }

    def with_wake(self, row: Row, site: Site) -> Row:
        """Its row on a host, with how it comes into memory if it is not always there."""
        if self.waking == "always":
            return row
        instance, group = self.instance(site.provider), self.group_on(site)
        wake: Wake = {
            "on_request": self.waking == "on_request",
            "socket": Layout().wake_socket(instance) if self.waking == "on_request" else "",
            "edge": host_port(EDGE_LOOPBACK, site.port),
            "group": self.exclusive_group or site.provider,
            "models": [entry.name for entry in self.entries],
            "members": sorted(each.instance(name) for name, each in group.items()),
            "health": self.HEALTH,
            "sleep_after": self.sleep_after or _SLEEP_AFTER,
            "min_resident": (self.min_resident or _MIN_RESIDENT) if self.exclusive_group else 0,
            "max_wait": self.longest_wait,
        }
        return {**row, "wake": wake}

    def in_memory(self, name: str) -> Engine:
        """What one with this name has in memory."""
        return {**super().in_memory(name), "group": self.exclusive_group or ""}


def waking_of(provider: Any) -> Waking:
    """When a provider of any kind is in memory."""
    return provider.waking if isinstance(provider, WakingProvider) and provider.is_managed else "always"
