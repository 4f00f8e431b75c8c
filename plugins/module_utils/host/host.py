# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host, as those see it who change it or prove what runs there."""

from __future__ import annotations

from dataclasses import dataclass

from .haproxy import AdminSocket
from .layout import Layout
from .systemd import Systemd


@dataclass(frozen=True)
class Host:
    """Where everything managed is, its systemd, and its edge's admin socket, where perhaps nobody listens."""

    layout: Layout
    systemd: Systemd
    admin: AdminSocket


def this_host(admin_socket: str = "") -> Host:
    """The host on which this code runs."""
    return Host(Layout(), Systemd(), AdminSocket(admin_socket))
