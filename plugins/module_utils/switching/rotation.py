# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take an engine out of the gateways' rotation and let it back in: gateways reach it through its host's edge alone.

While it is out the edge answers 503 at once, so a gateway asks the next engine within the same request, and answers
that run already finish. HAProxy forgets the state when it is reloaded: then the engine is in again.
"""

from __future__ import annotations

from ..host.haproxy import AdminError, AdminSocket
from ..host.waiting import wait_until

# The one server of a section, as the edge's configuration names it.
SERVER = "local"


class Rotation:
    """One engine at its edge. `listener` is its section of HAProxy's configuration, empty where it has none.

    Answers that run when it is taken out have `patience` seconds to end.
    """

    def __init__(self, admin: AdminSocket, listener: str, patience: float = 0) -> None:
        self.admin, self.listener, self.patience = admin, listener, patience

    def row(self) -> dict[str, str]:
        """What the edge reports of the engine; empty where it does not offer it, or does not answer."""
        try:
            return self.admin.server(self.listener, SERVER) if self.listener and self.admin.present else {}
        except AdminError:
            # An edge that is down forgets who was out, and must not keep an engine from a fix.
            return {}

    @property
    def known(self) -> bool:
        """Whether a running edge offers the engine at all."""
        return bool(self.row())

    @property
    def closed(self) -> bool:
        return self.row().get("status", "").startswith(("DRAIN", "MAINT"))

    def close(self) -> int:
        """Send it nothing new, wait for what runs. Returns how many answers still ran when patience ended."""
        if not self.known:
            return 0
        self.admin.order(f"set server {self.listener}/{SERVER} state drain")
        row: dict[str, str] = {}

        def idle() -> bool:
            row.update(self.row())
            return int(row.get("scur") or 0) == 0

        wait_until(idle, self.patience)
        return int(row.get("scur") or 0)

    def open(self) -> None:
        """Let it back in, where it is out."""
        if self.closed:
            self.admin.order(f"set server {self.listener}/{SERVER} state ready")
