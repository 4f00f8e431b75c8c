# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lines that roles add to a unit's drop-in, after the common hardening."""

from __future__ import annotations

import pathlib
from typing import Any

import jinja2
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def dropin(role: str, **variables: Any) -> list[str]:
    """The lines of a role's template, rendered as Ansible does."""
    text = (ROOT / "roles" / role / "templates" / "dropin.conf.j2").read_text()
    return jinja2.Template(text, trim_blocks=True, undefined=jinja2.StrictUndefined).render(**variables).splitlines()


def edge(port: int) -> list[str]:
    return dropin("edge", edge_plan={"gateway": {"port": port, "tls_certificate": ""}})


@pytest.mark.parametrize("port", [80, 443, 1023])
def test_the_edge_may_listen_below_1024_where_it_has_to(port: int) -> None:
    lines = edge(port)
    assert {"CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"} <= set(lines)
    # In a user namespace of its own the capability would not count for the host's ports.
    assert "PrivateUsers=no" in lines


@pytest.mark.parametrize("plan", [{"port": 4000, "tls_certificate": ""}, {"port": 1024, "tls_certificate": ""}, None])
def test_nobody_gets_that_right_without_need(plan: dict[str, Any] | None) -> None:
    lines = dropin("edge", edge_plan={"gateway": plan})
    assert [line for line in lines if "Capabilit" in line or "PrivateUsers" in line] == []


def test_the_check_before_a_reload_sees_the_certificate() -> None:
    """systemd shows a unit's credentials to its main process alone: the check goes there."""
    unit = (ROOT / "roles" / "edge" / "files" / "ai-backend-edge.service").read_text()
    (check,) = [line for line in unit.splitlines() if line.startswith("ExecReload=") and "haproxy" in line]
    assert check.startswith("ExecReload=+/usr/bin/nsenter --target $MAINPID --mount /usr/sbin/haproxy -c ")
