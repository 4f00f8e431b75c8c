"""The commit point: the file decides, HAProxy follows, the other slot is drained and stopped."""

from __future__ import annotations

import pathlib
import socketserver
import threading
from collections.abc import Callable, Iterator

import pytest
from host_stand_in import FakeSystemctl, host_on, made, manifest
from proc_stand_in import Proc

from ansible_collections.lab.ai_backend.plugins.module_utils.host.haproxy import AdminError, AdminSocket
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change, active_slot
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import settled, slots
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.slot_switch import switch_slot
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import point

SLOTS = ["blue", "green"]


class HAProxy(socketserver.ThreadingUnixStreamServer):
    """The admin socket's grammar as HAProxy 2.6 and 3.0 speak it, for one map and two servers."""

    def __init__(self, path: str) -> None:
        self.maps: dict[str, str] = {}
        self.status = {"blue": "UP", "green": "UP"}
        self.sessions = {"blue": [0], "green": [0]}
        self.deaf = False
        # Answers and errors of a slot: one pair for each look, the last one stays.
        self.answers = {"blue": [(0, 0)], "green": [(0, 0)]}
        super().__init__(path, Handler)


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server: HAProxy = self.server  # type: ignore[assignment]
        words = self.rfile.readline().decode().split()
        if words[:2] == ["show", "stat"]:
            lines = ["# pxname,svname,scur,status,hrsp_2xx,hrsp_5xx,"]
            for slot in SLOTS:
                open_now = server.sessions[slot]
                scur = open_now.pop(0) if len(open_now) > 1 else open_now[0]
                seen = server.answers[slot]
                good, bad = seen.pop(0) if len(seen) > 1 else seen[0]
                lines.append(f"litellm_{slot},{slot},{scur},{server.status[slot]},{good},{bad},")
            answer = "\n".join(lines)
        elif words[:2] == ["show", "map"]:
            answer = "\n".join(f"0x55 {key} {value}" for key, value in server.maps.items())
        else:
            verb, _map, _path, key, value = words
            known = key in server.maps
            if not server.deaf and known == (verb == "set"):
                server.maps[key] = value
            answer = "" if known == (verb == "set") else "entry not found."
        self.wfile.write((answer + "\n\n").encode())


@pytest.fixture
def haproxy(tmp_path: pathlib.Path) -> Iterator[HAProxy]:
    with HAProxy(str(tmp_path / "admin.sock")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def admin(haproxy: HAProxy) -> AdminSocket:
    return AdminSocket(str(haproxy.server_address))


@pytest.fixture
def host(layout: Layout, systemd: Systemd, admin: AdminSocket) -> Host:
    """A host with an edge."""
    return Host(layout, systemd, admin)


def test_the_first_commit_writes_the_file_and_adds_the_map_entry(host: Host, layout: Layout, haproxy: HAProxy) -> None:
    slots.commit(host, "litellm", "blue")
    assert pathlib.Path(layout.active_slot("litellm")).read_text() == "active blue\n"
    assert haproxy.maps == {"active": "blue"}
    slots.commit(host, "litellm", "green")
    assert (active_slot(layout, "litellm"), haproxy.maps) == ("green", {"active": "green"})


def test_a_slot_the_edge_does_not_see_up_is_not_committed(host: Host, layout: Layout, haproxy: HAProxy) -> None:
    haproxy.status["green"] = "DOWN"
    with pytest.raises(slots.SlotError, match="does not see slot green up after 0s: DOWN"):
        slots.commit(host, "litellm", "green", patience=0)
    assert active_slot(layout, "litellm") == ""


def test_an_edge_that_was_not_deployed_since_the_slots_moved_is_said(
    host: Host, layout: Layout, haproxy: HAProxy
) -> None:
    haproxy.status["green"] = "DOWN"
    config = "\nbackend litellm_green\n    server green 127.0.0.1:4002 max-reuse 20\n"
    point(layout, "edge", made(layout, manifest("edge", files={"haproxy.cfg": config})))
    point(layout, "litellm@green", made(layout, manifest("litellm", sockets={"litellm@green": "/run/green.sock"})))
    words = r"It asks 127\.0\.0\.1:4002, but the slot listens at unix@/run/green\.sock: deploy again, without --tags"
    with pytest.raises(slots.SlotError, match=words):
        slots.commit(host, "litellm", "green", patience=0)
    assert active_slot(layout, "litellm") == ""


def test_a_commit_that_haproxy_does_not_take_is_taken_back_in_the_file_too(
    host: Host, layout: Layout, haproxy: HAProxy
) -> None:
    slots.commit(host, "litellm", "blue")
    haproxy.deaf = True
    with pytest.raises(AdminError, match="set map"):
        slots.commit(host, "litellm", "green")
    assert (active_slot(layout, "litellm"), haproxy.maps) == ("blue", {"active": "blue"})


def test_a_first_commit_that_haproxy_does_not_take_leaves_no_slot_active(
    host: Host, layout: Layout, haproxy: HAProxy
) -> None:
    haproxy.deaf = True
    with pytest.raises(AdminError, match="add map"):
        slots.commit(host, "litellm", "green")
    assert active_slot(layout, "litellm") == ""


def test_an_edge_that_routes_elsewhere_than_the_file_says_is_seen(host: Host, haproxy: HAProxy) -> None:
    slots.commit(host, "litellm", "green")
    haproxy.maps["active"] = "blue"
    assert slots.follow(host, "litellm") == "the edge does not route to slot green"


@pytest.fixture
def serving(host: Host, layout: Layout, environments: dict[int, str]) -> Callable[[], bool]:
    """Whether the release that blue was put on and committed to is settled."""
    release = made(layout, manifest("litellm", slotted=True, enable=[]))
    switch_slot(host, "litellm", SLOTS, release)
    slots.commit(host, "litellm", "blue")
    return lambda: settled.settled(host, "litellm", release, SLOTS)


def test_a_slot_that_serves_its_release_is_settled(serving: Callable[[], bool]) -> None:
    assert serving()


def test_it_is_not_where_the_edge_routes_elsewhere(serving: Callable[[], bool], haproxy: HAProxy) -> None:
    haproxy.maps["active"] = "green"
    assert not serving()


def test_nor_where_the_other_slot_runs_as_well(serving: Callable[[], bool], systemctl: FakeSystemctl) -> None:
    systemctl.active["ai-backend-litellm@green.service"] = 7
    assert not serving()


def test_nor_where_no_slot_was_committed_or_another_release_runs(
    host: Host, serving: Callable[[], bool], layout: Layout
) -> None:
    assert not settled.settled(host, "litellm", "another", SLOTS)
    pathlib.Path(layout.active_slot("litellm")).unlink()
    assert not serving()


def test_without_an_edge_the_file_is_enough(layout: Layout) -> None:
    alone = host_on(layout)
    slots.commit(alone, "litellm", "blue")
    assert active_slot(layout, "litellm") == "blue"
    assert slots.follow(alone, "litellm") == ""
    with pytest.raises(AdminError):
        alone.admin.ask("show stat")


def test_a_promotion_waits_for_open_answers_of_the_other_slot_then_stops_it(
    host: Host, haproxy: HAProxy, systemctl: FakeSystemctl
) -> None:
    for slot in SLOTS:
        systemctl.active[f"ai-backend-litellm@{slot}.service"] = 1
    slots.commit(host, "litellm", "blue")
    haproxy.sessions["blue"] = [2, 2, 1, 0]
    result = slots.promote(host, "litellm", SLOTS, "green", drain_seconds=20, change=Change(4))
    assert result == {"changed": True, "previous": "blue", "slot": "green", "open_at_stop": 0}
    assert list(systemctl.active) == ["ai-backend-litellm@green.service"]
    assert haproxy.sessions["blue"] == [0]


@pytest.fixture
def reloaded(host: Host, layout: Layout, systemctl: FakeSystemctl, tmp_path: pathlib.Path) -> Proc:
    """An edge for clients at port 4000: master 50, its worker of before a reload 51, and 52."""
    point(layout, "edge", made(layout, manifest("edge", ports={"edge": 4000})))
    proc = Proc(tmp_path)
    systemctl.active["ai-backend-edge.service"] = 50
    for pid, parent in ((50, 1), (51, 50), (52, 50)):
        proc.process(pid, "haproxy", parent=parent)
    return proc


def test_an_old_worker_of_the_edge_counts_as_long_as_it_has_clients(host: Host, reloaded: Proc) -> None:
    """Its connections of the gateway to Redis stay open for as long as both ends like."""
    reloaded.listen(4000, 50, 51, 52)
    reloaded.listen(6379, 51, state="01")
    reloaded.listen(4000, 52, state="01")
    assert not slots.reloading(host)
    reloaded.listen(4000, 51, state="01")
    assert slots.reloading(host)


def test_a_slot_is_not_stopped_while_an_old_worker_of_the_edge_may_still_send_it_requests(
    host: Host, systemctl: FakeSystemctl, reloaded: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc = reloaded
    proc.listen(4000, 51, state="01")
    for slot in SLOTS:
        systemctl.active[f"ai-backend-litellm@{slot}.service"] = 1
    slots.commit(host, "litellm", "blue")
    assert slots.reloading(host)
    looks = []

    def the_old_worker_ends(_seconds: float) -> None:
        looks.append("ai-backend-litellm@blue.service" in systemctl.active)
        if len(looks) == 3:
            proc.end(51)

    monkeypatch.setattr("time.sleep", the_old_worker_ends)
    slots.promote(host, "litellm", SLOTS, "green", drain_seconds=20)
    assert looks == [True, True, True]
    assert "ai-backend-litellm@blue.service" not in systemctl.active


def test_a_stream_that_outlasts_the_patience_is_counted(host: Host, haproxy: HAProxy, systemctl: FakeSystemctl) -> None:
    for slot in SLOTS:
        systemctl.active[f"ai-backend-litellm@{slot}.service"] = 1
    haproxy.sessions["blue"] = [3]
    systemctl.stuck.add("ai-backend-litellm@blue.service")
    result = slots.promote(host, "litellm", SLOTS, "green", drain_seconds=0)
    assert result["open_at_stop"] == 3
    # Nothing is wrong with a slot whose last answers had to be cut.
    assert not systemctl.failed


@pytest.fixture
def promoted(host: Host, haproxy: HAProxy, systemctl: FakeSystemctl) -> Callable[[], dict[str, object]]:
    """Promote green while blue serves, watched for a second."""
    for slot in SLOTS:
        systemctl.active[f"ai-backend-litellm@{slot}.service"] = 1
    slots.commit(host, "litellm", "blue")

    def promote() -> dict[str, object]:
        made: dict[str, object] = slots.promote(host, "litellm", SLOTS, "green", drain_seconds=5, soak_seconds=1)
        return made

    return promote


def test_a_slot_that_answers_well_stays(
    promoted: Callable[[], dict[str, object]], haproxy: HAProxy, systemctl: FakeSystemctl
) -> None:
    haproxy.answers["green"] = [(0, 0), (50, 0), (100, 2)]
    assert promoted()["slot"] == "green"
    assert haproxy.maps == {"active": "green"}
    assert list(systemctl.active) == ["ai-backend-litellm@green.service"]


def test_a_slot_whose_clients_get_errors_gives_the_traffic_back_while_the_other_still_runs(
    promoted: Callable[[], dict[str, object]], layout: Layout, haproxy: HAProxy, systemctl: FakeSystemctl
) -> None:
    haproxy.answers["green"] = [(0, 0), (0, 0), (0, 0), (10, 5)]
    with pytest.raises(slots.SlotError, match="5 of 15 answers to clients were errors; slot blue serves again"):
        promoted()
    assert (active_slot(layout, "litellm"), haproxy.maps) == ("blue", {"active": "blue"})
    assert "ai-backend-litellm@blue.service" in systemctl.active


def test_errors_as_usual_are_not_the_new_slots_fault(
    promoted: Callable[[], dict[str, object]], haproxy: HAProxy
) -> None:
    haproxy.answers = {"blue": [(70, 30)], "green": [(0, 0), (0, 0), (0, 0), (60, 40)]}
    assert promoted()["slot"] == "green"


def test_a_slot_that_goes_down_in_the_window_is_taken_back(
    promoted: Callable[[], dict[str, object]], layout: Layout, haproxy: HAProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = slots.watch

    def crash(*arguments: object, **more: object) -> str:
        haproxy.status["green"] = "DOWN"
        said: str = original(*arguments, **more)
        return said

    monkeypatch.setattr(slots, "watch", crash)
    with pytest.raises(slots.SlotError, match="the edge sees it DOWN; slot blue serves again"):
        promoted()
    assert active_slot(layout, "litellm") == "blue"


def test_the_first_slot_has_nothing_to_go_back_to_and_is_not_watched(host: Host, haproxy: HAProxy) -> None:
    haproxy.answers["blue"] = [(0, 9)]
    made = slots.promote(host, "litellm", SLOTS, "blue", drain_seconds=0, soak_seconds=30)
    assert made["slot"] == "blue"
