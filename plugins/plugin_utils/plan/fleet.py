# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fleet: a registry on the hosts of an inventory, with a row for every service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...module_utils.host.layout import STAGES
from ..data.folder_modules import modules_in
from ..data.row import Publish, Row, Users
from ..engines.provider import Provider
from ..engines.site import Site
from ..findings.findings import Finding
from ..findings.paths import join
from ..registry.registry import Registry
from ..schema.ports import FLEET, FLEET_PORT, GATEWAY, PRIVILEGED
from .placement import Placement, place
from .reach import Need, Reach, check_addresses, reach_of

# Each file defines `STAGE` and `rows(fleet, host, there)`: its rows on a host; `there` are those of other services.
SERVICES = (Path(__file__).parent / "services",)


@dataclass(frozen=True)
class Fleet:
    """Which host runs which service (`place`), and the addresses for gateways (`reach`).

    Without `sound`, the registry or its places have an error: routes must not be used, and rows have no configs that
    need them.
    """

    place: Placement
    reach: Reach
    sound: bool = True
    unsure: frozenset[str] = frozenset()

    @property
    def registry(self) -> Registry:
        """The registry of the fleet."""
        return self.place.registry

    @property
    def port(self) -> int:
        """Where an edge takes connections of other hosts."""
        return self.registry.port_of(FLEET) or FLEET_PORT

    @cached_property
    def services(self) -> Mapping[str, list[Row]]:
        """Host -> its services without the edge, which offers them."""
        found = {host: _services(self, host) for host in self.place.hosts}
        return {host: rows for host, rows in found.items() if rows}

    @cached_property
    def rows(self) -> Mapping[str, list[Row]]:
        """Host -> its services, in the order in which they are applied. Hosts that run nothing are omitted."""
        return {host: _with_edge(self, host, rows) for host, rows in self.services.items()}

    @cached_property
    def abroad(self) -> Mapping[str, list[Row]]:
        """Host -> its services that other hosts use."""
        used = {
            host: [row for row in rows if row["publish"] is not None and self.users(host, row["publish"])]
            for host, rows in self.services.items()
        }
        return {host: rows for host, rows in used.items() if rows}

    def users(self, host: str, publish: Publish) -> list[str]:
        """The other hosts that use a service of this one, sorted."""
        place = self.place
        hosts: Mapping[Users, list[str]] = {
            "none": [],
            "gateways": place.gateways,
            "monitoring": [place.monitoring] if place.monitoring is not None else [],
            "members": place.members,
        }
        return [other for other in hosts[publish["abroad"]] if other != host]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is missing in the inventory, and conflicts of two services on one host."""
        found = [*self.place.findings, *check_addresses(self.place, {*self.reach.needs, *self._published()})]
        if not self.unsure & {"ports", "providers"}:
            found += [finding for host, rows in self.rows.items() for finding in self._clashes(host, rows)]
            found += [finding for host in self.rows for finding in _check_together(self, host)]
        return tuple(found)

    def _published(self) -> Iterator[Need]:
        """The addresses that edges need to publish services to other hosts."""
        for host, rows in self.abroad.items():
            for publish in (row["publish"] for row in rows if row["publish"] is not None):
                yield host, f"it publishes '{publish['name']}' to other hosts"
                yield from ((other, f"'{host}' accepts only known hosts") for other in self.users(host, publish))

    def _clashes(self, host: str, rows: list[Row]) -> Iterator[Finding]:
        """All ports of a host are different, and one file of an engine has one source."""
        used: dict[int, str] = {self.port: FLEET} if host in self.abroad else {}
        for row in sorted(rows, key=lambda row: row["provider"]):
            for instance, port in row["ports"].items():
                name = self._port_name(row, instance)
                if port < PRIVILEGED and row["stage"] != "edge":
                    problem, remedy = f"'{name}' may not listen below {PRIVILEGED}", "use a higher port"
                    yield Finding(self._port_path(row, name), problem, remedy, check="ports")
                if port in used:
                    problem = f"port {port} is also '{used[port]}' on host '{host}'"
                    path = join("ai_backend_ports", "services", name)
                    yield Finding(path, problem, "give one of them another port", check="ports")
                used.setdefault(port, name)
        files: dict[str, tuple[str, Any]] = {}
        for name in self.place.engines_on(host):
            for file, source in self.registry.providers[name].files.items():
                other = files.setdefault(file, (name, source))
                if other[1] != source:
                    path = join("ai_backend_providers", name, "models", 0)
                    problem = f"its file on host '{host}' has the same path as that of '{other[0]}', but another source"
                    yield Finding(path, problem, "give the models different names", check="names")

    def _port_name(self, row: Row, instance: str) -> str:
        """The name of an instance's port in ai_backend_ports."""
        if row["stage"] == "edge" or row["provider"]:
            return row["provider"] or GATEWAY
        words = instance.replace("@", "_")
        known = [name for name in (words.replace("-", "_"), words.replace("-", "")) if name in self.registry.all_ports]
        return known[0] if known else words.replace("-", "")

    def _port_path(self, row: Row, name: str) -> str:
        """The path of the port in the registry."""
        if row["provider"] and self.registry.providers[row["provider"]].base_url is not None:
            return join("ai_backend_providers", name, "base_url")
        return join("ai_backend_ports", "services", name)


def fleet_of(
    registry: Registry, groups: object, addresses: object, sound: bool = True, unsure: frozenset[str] = frozenset()
) -> Fleet:
    """Place a registry on an inventory. Raises RegistryError if groups or addresses have another shape."""
    placed = place(registry, groups, addresses, unsure)
    return Fleet(placed, reach_of(placed), sound and not placed.findings, unsure)


def companions(fleet: Fleet, engine: str) -> tuple[bool, list[str]]:
    """(whether another engine answers some of its names too, the names that only this engine answers)."""
    if len(fleet.place.engines[engine]) > 1 or not fleet.sound:
        return True, []
    own = {name: providers for name, providers in fleet.place.answering.items() if engine in providers}
    shared = any(providers != {engine} for providers in own.values())
    return shared, sorted(name for name, providers in own.items() if providers == {engine})


def _services(fleet: Fleet, host: str) -> list[Row]:
    rows = [_engine(fleet, name, host) for name in fleet.place.engines_on(host)]
    for stage in STAGES[1:]:
        rows += _of_stage(fleet, host, stage, rows)
    return rows


def _with_edge(fleet: Fleet, host: str, rows: list[Row]) -> list[Row]:
    """The row of the edge is created last, because it contains what the services of all hosts publish."""
    found = [*rows, *_of_stage(fleet, host, STAGES[0], rows)]
    return sorted(found, key=lambda row: STAGES.index(row["stage"]))


def _of_stage(fleet: Fleet, host: str, stage: str, there: list[Row]) -> list[Row]:
    services = [service for service in modules_in(SERVICES) if stage == service.STAGE]
    return [row for service in services for row in service.rows(fleet, host, there)]


def _engine(fleet: Fleet, name: str, host: str) -> Row:
    provider = fleet.registry.providers[name]
    shared, pauses = companions(fleet, name)
    here, abroad = host in fleet.place.gateways, provider.hosts is not None
    abroad = abroad and bool(fleet.place.gateways_beside(host))
    return provider.service(Site(name, fleet.place.port(name), shared, pauses, here, abroad, _engines(fleet, host)))


def _engines(fleet: Fleet, host: str) -> dict[str, Provider]:
    """{name: provider} of the managed engines of a host."""
    return {name: fleet.registry.providers[name] for name in fleet.place.engines_on(host)}


def _check_together(fleet: Fleet, host: str) -> Iterator[Finding]:
    """Findings about engines of one type that run on the same host."""
    engines = _engines(fleet, host)
    for kind in sorted({type(engine) for engine in engines.values()}, key=lambda kind: kind.__name__):
        yield from kind.check_together(host, {name: one for name, one in engines.items() if isinstance(one, kind)})
