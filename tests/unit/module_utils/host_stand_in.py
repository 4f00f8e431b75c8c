"""A host made of a folder, and a systemd that only remembers."""

from __future__ import annotations

from ansible_collections.lab.ai_backend.plugins.module_utils.host.haproxy import AdminSocket
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, unit_of
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.releases import identifier, rendered, write


class FakeSystemctl:
    """Answers `systemctl` as systemd would after the calls it was given; `broken` units fail to start."""

    def __init__(self) -> None:
        self.active: dict[str, int] = {}
        self.enabled: set[str] = set()
        self.calls: list[str] = []
        self.broken: set[str] = set()
        # Units that systemd has to kill when it stops them, and those it killed.
        self.stuck: set[str] = set()
        self.failed: set[str] = set()
        self.clock = 1_000_000
        self.next_pid = 100

    def __call__(self, argv: list[str], timeout: int = 0) -> tuple[int, str]:
        assert argv[0] in ("systemctl", "journalctl", "dpkg-query", "userdel", "useradd")
        if argv[0] == "dpkg-query":
            return 0, "1.2-3"
        if argv[0] != "systemctl":
            return 0, ""
        words = [word for word in argv[1:] if not word.startswith("-")]
        verb, unit = words[0], words[-1]
        if verb == "show":
            return 0, self.show(argv[2])
        self.calls.append(" ".join(words))
        if verb in ("start", "restart"):
            if unit in self.broken:
                return 1, "failed"
            self.next_pid += 1
            self.active[unit] = self.next_pid
        elif verb == "stop" or "--now" in argv:
            self.stop(words[1:])
        elif verb == "reset-failed":
            self.failed.discard(unit)
        elif verb == "enable":
            self.enabled.add(unit)
        if verb == "disable":
            self.enabled.discard(unit)
        return 0, ""

    def stop(self, units: list[str]) -> None:
        """Stop units."""
        for unit in units:
            self.active.pop(unit, None)
            self.failed |= {unit} & self.stuck

    def show(self, unit: str) -> str:
        """The properties of one unit."""
        pid = self.active.get(unit, 0)
        properties = {
            "ActiveState": "active" if pid else "failed" if unit in self.failed else "inactive",
            "SubState": "running" if pid else "dead",
            "MainPID": pid,
            "NRestarts": 0,
            "UnitFileState": "enabled" if unit in self.enabled else "disabled",
            "ExecMainStartTimestampMonotonic": self.clock,
            "StateChangeTimestampMonotonic": self.clock,
        }
        return "".join(f"{key}={value}\n" for key, value in properties.items())


NOBODY = AdminSocket("/nonexistent/admin.sock")


def host_on(layout: Layout) -> Host:
    """A host with a systemd of its own, and without an edge."""
    return Host(layout, Systemd(run=FakeSystemctl()), NOBODY)


def manifest(service: str = "redis", dropin: str = "ExecStart=/bin/one\n", **changes: object) -> dict[str, object]:
    """A release's manifest."""
    stage = {"edge": "edge", "litellm": "gateway"}.get(service, "backend")
    # A template, of a gateway's slots or of engines, which the edge offers.
    template = bool(changes.pop("slotted", False))
    name = f"ai-backend-{service}{'@' if template else ''}.service"
    return {
        "service": service,
        "stage": stage,
        "slots": ["blue", "green"] if stage == "gateway" else [],
        "listener": "fast" if template and stage == "backend" else "",
        "files": {"a.conf": "path @RELEASE@\n"},
        "units": {name: "[Service]\nType=exec\n"},
        "dropin": dropin,
        "enable": [unit_of(service)],
        "artifact": "",
        "package": "",
        "requires": [],
        "secrets": [],
        "ports": {service: 1},
        "probes": [],
        "reload": False,
        **changes,
    }


def made(layout: Layout, content: dict[str, object]) -> str:
    """Write a release and return its id."""
    release_id = identifier(content)
    write(layout, str(content["service"]), release_id, rendered(layout, content, release_id))
    return release_id
