# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_ports`: which port belongs to whom, and which stay free."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Container, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, field_validator, model_validator

from ..findings.findings import Finding
from ..findings.paths import Place, join
from .base import AlsoSpelled, Port, Strict, UrlPath
from .pydantic_findings import refused

ROOT = "ai_backend_ports"
# The endpoint's port where clients expect one: HTTP and HTTPS. They are in no range, and need not be.
GATEWAY = "litellm_gateway"
WELL_KNOWN = (80, 443)
# Where the edge of a host takes connections from other hosts of the fleet, if it offers them anything.
FLEET = "fleet"
FLEET_PORT = 4443
# Below it a process needs a right, which the edge gets for the endpoint, and nobody else.
PRIVILEGED = 1024
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Service(Strict):
    """A port and whose it is. `health` is the path that shows whether the service is well."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "health_check": "write `health: /path`; what runs, and how it is, `status` shows",
        "health_command": "write `health: /path`; what runs, and how it is, `status` shows",
        "required": "whether it is needed follows from the providers that are active",
        "protocol": "all ports are TCP",
    }
    port: Port
    """The port."""
    description: str | None = None
    """Whose it is, for people."""
    category: str | None = None
    """The range it has to be in."""
    health: UrlPath | None = None
    """Path that shows whether the service is well; for status tables."""


class PortRange(Strict):
    """Ports from `start` to `end`, both included."""

    start: Port
    """First port."""
    end: Port
    """Last port."""
    description: str | None = None
    """What it is for, for people."""

    @model_validator(mode="after")
    def _check(self) -> PortRange:
        if self.start > self.end:
            raise refused("ports", "start is above end → swap them")
        return self


def _bare_port(value: object) -> object:
    return {"port": value} if isinstance(value, int | str) and not isinstance(value, bool) else value


def _bare_range(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", value)):
        return {"start": found[1], "end": found[2]}
    return value


ServiceEntry = Annotated[Service, BeforeValidator(_bare_port), AlsoSpelled({"type": "integer"})]
RangeEntry = Annotated[PortRange, BeforeValidator(_bare_range), AlsoSpelled({"type": "string"})]


class Ports(Strict):
    """Ports by service, ports nobody may take, and the range of each category."""

    services: dict[str, ServiceEntry] = {}
    """Service to port, or to a mapping."""
    reserved: dict[str, ServiceEntry] = {}
    """Ports nobody may take."""
    ranges: dict[str, RangeEntry] = {}
    """Category to range: `8000-8199`, or start and end."""

    @field_validator("services", "reserved", "ranges")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise refused("names", "a name is not a plain word → use a-z, 0-9 and _, starting with a letter")
        return value

    def with_defaults(self, defaults: Mapping[str, int]) -> dict[str, int]:
        """Every service's port, those of `defaults` where none is given, sorted by name."""
        return dict(sorted({**defaults, **{name: entry.port for name, entry in self.services.items()}}.items()))


def in_doubt(doubts: Container[Place], section: str, name: str) -> bool:
    """Whether an entry could not be read."""
    return (section,) in doubts or (section, name) in doubts


def check_ports(ports: Ports, defaults: Mapping[str, int], doubts: Collection[Place] = ()) -> Iterator[Finding]:
    """Unique, inside a range, not reserved; ranges apart from each other. Entries in `doubts` are left alone.

    `defaults` are the ports of services that run, where the registry names no other.
    """
    yield from _check_services(ports, ports.with_defaults(defaults), doubts)
    yield from _check_reserved(ports)
    bounds = sorted((span.start, span.end, name) for name, span in ports.ranges.items())
    for (_start, end, first), (start, _end, second) in itertools.pairwise(bounds):
        if start <= end:
            yield Finding(
                join(ROOT, "ranges", second), f"overlaps with '{first}'", "make them follow each other", check="ports"
            )


def _check_services(ports: Ports, known: Mapping[str, int], doubts: Collection[Place]) -> Iterator[Finding]:
    taken: dict[int, str] = {}
    known_ranges = not any(place[:1] == ("ranges",) for place in doubts)
    for name, port in known.items():
        if in_doubt(doubts, "services", name):
            continue
        path = join(ROOT, "services", name)
        if port in taken:
            yield Finding(
                path, f"port {port} belongs to '{taken[port]}' already", "give one of them another port", check="ports"
            )
        taken.setdefault(port, name)
        for reserved, entry in sorted(ports.reserved.items()):
            if entry.port == port:
                yield Finding(path, f"port {port} is reserved for '{reserved}'", "take another port", check="ports")
        if name in ports.services:
            yield from _in_range(ports, name, path, known_ranges)


def _check_reserved(ports: Ports) -> Iterator[Finding]:
    seen: dict[int, str] = {}
    for name, entry in sorted(ports.reserved.items()):
        if entry.port in seen:
            path = join(ROOT, "reserved", name)
            yield Finding(
                path,
                f"port {entry.port} is reserved for '{seen[entry.port]}' already",
                "remove one of them",
                check="ports",
            )
        seen.setdefault(entry.port, name)


def _in_range(ports: Ports, name: str, path: str, known_ranges: bool) -> Iterator[Finding]:
    entry = ports.services[name]
    if name == GATEWAY and entry.port in WELL_KNOWN:
        return
    if not known_ranges and entry.category not in ports.ranges:
        return
    if entry.category is not None and entry.category not in ports.ranges:
        known = ", ".join(sorted(ports.ranges)) or "none"
        yield Finding(
            f"{path}.category", "names no range", f"write one of ai_backend_ports.ranges ({known})", check="ports"
        )
    elif entry.category is not None:
        span = ports.ranges[entry.category]
        if not span.start <= entry.port <= span.end:
            remedy = f"take a port from {span.start} to {span.end}, or widen the range"
            yield Finding(path, f"port {entry.port} is outside the range '{entry.category}'", remedy, check="ports")
    elif ports.ranges and not any(span.start <= entry.port <= span.end for span in ports.ranges.values()):
        remedy = "take a port inside one of ai_backend_ports.ranges, or add a range"
        yield Finding(path, f"port {entry.port} is in no range", remedy, check="ports")
