"""Every test has an edge of its own, with the keys of ai_backend_gateway that it names."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stand_in import HAPROXY, Edge, Slot


@pytest.fixture(scope="session", autouse=True)
def _haproxy() -> None:
    """A skip would look like a proof."""
    assert HAPROXY, "these tests ask a real HAProxy: apt-get install --no-install-recommends haproxy, or run make edge"


@pytest.fixture
def slot() -> Iterator[Slot]:
    """In place of LiteLLM."""
    slot = Slot()
    yield slot
    slot.shutdown()


@pytest.fixture
def edge(tmp_path: pathlib.Path, slot: Slot) -> Iterator[Callable[..., Edge]]:
    """Starts an edge with these keys of ai_backend_gateway."""
    started: list[Edge] = []

    def start(**gateway: Any) -> Edge:
        started.append(Edge(tmp_path, slot, **gateway))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def certificate(tmp_path: pathlib.Path) -> str:
    """Where a host would have its certificate; the edge of the test reads one from its own folder."""
    key, crt = tmp_path / "key", tmp_path / "crt"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=edge"]
    subprocess.run([*made, "-keyout", key, "-out", crt], check=True, capture_output=True)
    (tmp_path / "tls.pem").write_text(crt.read_text() + key.read_text())
    return "/etc/ssl/edge.pem"
