# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one shape of a service on a host: what its role, the edge, the preflight and the tables need."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

# Which hosts of the fleet use a service of another one.
Users: TypeAlias = Literal["none", "gateways", "monitoring", "members"]


class Publish(TypedDict):
    """How the edge of a host publishes a service.

    name: the edge's section. mode: http or tcp. here: whether to the gateway of this host. abroad: which others use it.
    retries: how often a connection is tried again, a second apart; above 0 the edge waits for a service that loads.
    paths: the only paths that it lets through, those with a slash at the end with all below them; without, all.
    """

    name: str
    mode: str
    here: bool
    abroad: Users
    retries: int
    paths: NotRequired[list[str]]


class Wake(TypedDict):
    """How a service comes into memory that is not always there.

    on_request: whether a request wakes it; else a playbook loads it. socket: where a request wakes it, or empty. edge:
    its address at the edge. group: those of which one is in memory at a time; without one, its own name. models: the
    names of its models. members: the instances of the group on this host, sorted. health: path
    that shows that it is ready. sleep_after, min_resident, max_wait: seconds.
    """

    on_request: bool
    socket: str
    edge: str
    group: str
    models: list[str]
    members: list[str]
    health: str
    sleep_after: int
    min_resident: int
    max_wait: int


class Row(TypedDict):
    """A service on a host.

    service: name of the folder of its releases. instance: its unit's name; of a slotted service without the slot.
    provider: the provider it runs, or empty. role: the role that applies it. stage: one of STAGES in
    module_utils/host/layout.py. ports: port of each instance on loopback; of one with a socket it is the edge's alone.
    sockets: Unix socket of each instance that listens on one in place of a port. wake: of one that is not always in
    memory. slots: those of a slotted service.
    secrets: {file: {variable: name of the secret}}. publish: how the edge publishes it, or None. config: other values
    that its role needs.
    """

    service: str
    instance: str
    provider: str
    role: str
    stage: str
    ports: dict[str, int]
    sockets: NotRequired[dict[str, str]]
    wake: NotRequired[Wake]
    slots: list[str]
    secrets: dict[str, dict[str, str]]
    publish: Publish | None
    config: dict[str, Any]


def instances_of(row: Row) -> list[str]:
    """The instances that a row's service may have on its host."""
    return [f"{row['instance']}@{slot}" for slot in row["slots"]] or [row["instance"]]


def listens(row: Row, instance: str) -> str:
    """Where the edge asks an instance of a row, as HAProxy writes it."""
    if "wake" in row and row["wake"]["socket"]:
        return f"unix@{row['wake']['socket']}"
    path = row.get("sockets", {}).get(instance)
    return f"unix@{path}" if path else f"127.0.0.1:{row['ports'][instance]}"
