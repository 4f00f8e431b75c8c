"""Fixtures of every scenario."""

from __future__ import annotations

import pytest
from fleet import HOSTS, Client, Machine, wait


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
def client(machines: dict[str, Machine], gateway: Machine) -> Client:
    """A client with the right key, once the services that the side effect killed are back by themselves."""
    user = Client(gateway.address)
    wait(lambda: all(machine.settled() for machine in machines.values()), 60)
    wait(user.answers, 60)
    return user


@pytest.fixture(scope="session", autouse=True)
def everything_is_back(client: Client) -> None:
    """No check begins before."""
