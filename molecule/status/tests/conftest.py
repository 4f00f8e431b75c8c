"""Fixtures of the scenario: who is told of alerts."""

import pytest
from fleet import put_program


@pytest.fixture(scope="session")
def receiver(gateway):
    """Its unit."""
    put_program(gateway, "receiver")
    gateway.run("touch /root/received.jsonl; systemd-run -q --collect --unit receiver python3 /root/receiver.py")
    yield "receiver"
    gateway.run("systemctl stop receiver || true")
