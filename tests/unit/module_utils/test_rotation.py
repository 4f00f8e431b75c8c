"""An engine that others can stand in for leaves the rotation before it restarts, and comes back once it is proven."""

from __future__ import annotations

import pytest
from host_stand_in import FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.haproxy import AdminError, AdminSocket
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.rotation import Rotation

ENGINE = "llama-cpp@fast"
UNIT = f"ai-backend-{ENGINE}.service"

pytestmark = pytest.mark.usefixtures("environments")


class Edge(AdminSocket):
    """An edge with one engine; `sessions` are the answers that run at each look, the last number stays."""

    def __init__(self, systemctl: FakeSystemctl) -> None:
        super().__init__("/nowhere/admin.sock")
        self.systemctl, self.status, self.sessions, self.refuses = systemctl, "no check", [0], ""
        self.pids: list[int] = []

    @property
    def present(self) -> bool:
        return True

    def ask(self, command: str) -> str:
        if command == "show stat":
            count = self.sessions.pop(0) if len(self.sessions) > 1 else self.sessions[0]
            return f"# pxname,svname,scur,status\nfast,local,{count},{self.status}"
        if not self.refuses:
            self.pids.append(self.systemctl.active[UNIT])
            self.status = {"drain": "DRAIN", "ready": "no check"}[command.removeprefix("set server fast/local state ")]
        return self.refuses


@pytest.fixture
def edge(host: Host, layout: Layout, systemctl: FakeSystemctl) -> Edge:
    switching.switch(host, ENGINE, engine(layout, "one"))
    return Edge(systemctl)


def engine(layout: Layout, model: str) -> str:
    return made(layout, manifest("llama-cpp", f"ExecStart=/bin/{model}\n", slotted=True, enable=[UNIT]))


def test_it_leaves_before_its_restart_and_stays_out_until_it_is_proven(
    host: Host, layout: Layout, systemctl: FakeSystemctl, edge: Edge
) -> None:
    before = systemctl.active[UNIT]
    edge.sessions = [0, 3, 2, 0]
    rotation = Rotation(edge, "fast", patience=20)
    result = switching.switch(host, ENGINE, engine(layout, "two"), rotation=rotation)
    assert (result["action"], result["open_at_restart"], edge.pids) == ("restart", 0, [before])
    assert systemctl.active[UNIT] != before
    assert rotation.closed
    rotation.open()
    assert not rotation.closed


def test_answers_that_outlast_the_patience_are_counted(host: Host, layout: Layout, edge: Edge) -> None:
    edge.sessions = [4]
    rotation = Rotation(edge, "fast")
    result = switching.switch(host, ENGINE, engine(layout, "two"), rotation=rotation)
    assert result["open_at_restart"] == 4


def test_one_that_a_dead_run_left_out_comes_back_without_a_restart(
    host: Host, layout: Layout, systemctl: FakeSystemctl, edge: Edge
) -> None:
    edge.status = "DRAIN"
    before = dict(systemctl.active)
    result = switching.switch(host, ENGINE, engine(layout, "one"), rotation=Rotation(edge, "fast"))
    assert (result["changed"], result["action"], result["reasons"]) == (True, "open", ["it is out of rotation"])
    assert systemctl.active == before


def test_what_does_not_restart_stays_in(host: Host, layout: Layout, edge: Edge) -> None:
    result = switching.switch(host, ENGINE, engine(layout, "one"), rotation=Rotation(edge, "fast"))
    assert (result["changed"], edge.pids) == (False, [])


def test_an_edge_that_does_not_offer_it_is_not_asked(edge: Edge) -> None:
    rotation = Rotation(edge, "new")
    assert (rotation.known, rotation.closed, rotation.close()) == (False, False, 0)
    rotation.open()
    assert edge.pids == []


def test_a_refusal_of_haproxy_is_told(edge: Edge) -> None:
    edge.refuses = "No such server."
    with pytest.raises(AdminError, match=r"set server fast/local state drain: No such server\."):
        Rotation(edge, "fast").close()


def test_an_edge_that_is_down_keeps_no_engine_from_being_mended(
    host: Host, layout: Layout, edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_listens(_command: str) -> str:
        raise AdminError("admin.sock: Connection refused")

    monkeypatch.setattr(edge, "ask", nobody_listens)
    result = switching.switch(host, ENGINE, engine(layout, "two"), rotation=Rotation(edge, "fast"))
    assert (result["action"], result["open_at_restart"]) == ("restart", 0)
