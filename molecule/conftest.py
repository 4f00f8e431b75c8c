"""Fixtures of every scenario."""

from __future__ import annotations

import pytest
from fleet import HOSTS, Client, Machine


@pytest.fixture(scope="session")
def machines() -> dict[str, Machine]:
    """Every host of the scenario by name."""
    return {name: Machine(name) for name in HOSTS["hosts"]}


@pytest.fixture(scope="session")
def gateway(machines: dict[str, Machine]) -> Machine:
    """The host that carries the endpoint."""
    (name,) = HOSTS["children"]["gateway"]["hosts"]
    return machines[name]


@pytest.fixture(scope="session")
def client(gateway: Machine) -> Client:
    """A client with the right key."""
    return Client(gateway.address)
