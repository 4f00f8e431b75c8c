"""The registry beside what listens: every verdict, and what follows from it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from host_stand_in import FakeSystemctl, made, manifest
from proc_stand_in import Proc

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection import port_findings, port_table
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching

BLUE = "/system.slice/ai-backend-litellm@blue.service"
SLOTS = {"litellm@blue": "/run/blue.sock", "litellm@green": "/run/green.sock"}
REDIS = "/system.slice/ai-backend-redis.service"


@pytest.fixture
def proc(tmp_path: pathlib.Path) -> Proc:
    return Proc(tmp_path)


def entry(port: int, name: str, reserved: bool = False) -> dict[str, Any]:
    return {"port": port, "name": name, "reserved": reserved}


def plan(**changes: Any) -> dict[str, Any]:
    """A host that should run Redis, with a spare port and a reserved one in the registry."""
    port_rows = [entry(6379, "redis"), entry(8001, "vllm"), entry(9080, "promtail", reserved=True)]
    nothing: dict[str, Any] = {"sockets": {}, "published": [], "upstreams": []}
    return {"port_rows": port_rows, "instances": {"redis": 6379}, **nothing, **changes}


def upstream(provider: str, port: int) -> dict[str, Any]:
    return {"provider": provider, "local_port": port}


def verdicts(layout: Layout, systemd: Systemd, given: dict[str, Any]) -> list[tuple[int, str, str]]:
    rows = port_table.compare(layout, systemd, given)
    return [(row["port"], row["verdict"], row["command"]) for row in rows]


def deployed(layout: Layout, *instances: str, **changes: object) -> None:
    for name in instances:
        switching.point(layout, name, made(layout, manifest(name.partition("@")[0], **changes)))


def test_on_an_empty_host_what_is_ours_is_absent_and_the_rest_is_free(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    assert verdicts(layout, systemd, plan()) == [(6379, "absent", ""), (8001, "free", ""), (9080, "reserved", "")]


def test_ours_is_ours_by_its_unit(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "redis-server", REDIS)
    proc.listen(6379, 7)
    (row, *_rest) = port_table.compare(layout, systemd, plan())
    assert (row["verdict"], row["expected"], row["pid"]) == ("managed", "ai-backend-redis.service", 7)


def test_a_process_of_the_right_name_is_foreign_where_a_unit_of_ours_belongs(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    deployed(layout, "redis")
    proc.process(7, "redis-server", "/system.slice/redis-server.service")
    proc.listen(6379, 7)
    assert verdicts(layout, systemd, plan())[:2] == [(6379, "foreign", "redis-server"), (6379, "down", "")]


@pytest.mark.parametrize(
    ("command", "line", "verdict"),
    [
        ("python3", "python3 -m http.server 8001", "foreign"),
        ("python3", "python3 -m vllm.entrypoints.openai.api_server", "unmanaged"),
        ("VLLM::Engine", "", "unmanaged"),
    ],
)
def test_on_a_port_the_plan_does_not_need_the_services_own_name_is_enough(
    layout: Layout, systemd: Systemd, proc: Proc, command: str, line: str, verdict: str
) -> None:
    proc.process(7, command, line=line)
    proc.listen(8001, 7)
    assert verdicts(layout, systemd, plan())[1] == (8001, verdict, command)


def test_names_are_compared_without_their_punctuation(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "node", "/system.slice/open-webui.service")
    proc.listen(5000, 7)
    assert verdicts(layout, systemd, plan(port_rows=[entry(5000, "openwebui")]))[0] == (5000, "unmanaged", "node")


def test_an_active_provider_of_somebody_else_may_be_anybody(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    given = plan(upstreams=[upstream("vllm", 8001), upstream("far", 0)])
    assert verdicts(layout, systemd, given)[1] == (8001, "down", "")
    proc.process(7, "serve")
    proc.listen(8001, 7)
    assert verdicts(layout, systemd, given)[1] == (8001, "unmanaged", "serve")


def test_a_reserved_port_that_somebody_uses_is_taken(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "promtail")
    proc.listen(9080, 7)
    assert verdicts(layout, systemd, plan())[-1] == (9080, "taken", "promtail")


def test_a_unit_of_ours_on_the_port_of_another_is_misplaced(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "redis-server", REDIS)
    proc.listen(8001, 7)
    assert verdicts(layout, systemd, plan())[1] == (8001, "misplaced", "redis-server")


def test_the_slot_that_does_not_serve_is_idle_and_the_one_that_should_is_down(
    layout: Layout, systemd: Systemd, systemctl: FakeSystemctl, proc: Proc
) -> None:
    given = plan(port_rows=[], instances={}, sockets=SLOTS)
    assert [verdict for _port, verdict, _command in verdicts(layout, systemd, given)] == ["absent", "absent"]
    deployed(layout, "litellm@blue", "litellm@green", sockets=SLOTS)
    write_atomic(layout.active_slot("litellm"), "active green\n")
    assert [verdict for _port, verdict, _command in verdicts(layout, systemd, given)] == ["idle", "down"]
    systemctl.active["ai-backend-litellm@blue.service"] = 5
    assert verdicts(layout, systemd, given)[0][1] == "down"


def test_a_slot_is_found_at_its_socket_and_anybody_else_there_is_foreign(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    deployed(layout, "litellm@blue", "litellm@green", sockets=SLOTS)
    write_atomic(layout.active_slot("litellm"), "active blue\n")
    given = plan(port_rows=[], instances={}, sockets=SLOTS)
    assert [message for _severity, _path, message in found(layout, systemd, given)] == [
        "nobody listens on its socket, though ai-backend-litellm@blue.service should: it is inactive (dead)"
    ]
    proc.process(7, "python", BLUE)
    proc.listen_at("/run/blue.sock", 7)
    assert verdicts(layout, systemd, given) == [(0, "managed", "python"), (0, "idle", "")]
    proc.process(8, "python3", "/system.slice/somebody.service")
    proc.listen_at("/run/green.sock", 8)
    assert verdicts(layout, systemd, given)[1] == (0, "foreign", "python3")
    ((_severity, _path, message),) = found(layout, systemd, given)
    assert message.startswith("the socket /run/green.sock belongs to ai-backend-litellm@green.service, but python3")


def test_a_slot_whose_release_is_older_than_the_sockets_is_found_at_its_port(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    deployed(layout, "litellm@blue", ports={"litellm@blue": 4001})
    write_atomic(layout.active_slot("litellm"), "active blue\n")
    given = plan(port_rows=[], instances={}, sockets={"litellm@blue": SLOTS["litellm@blue"]})
    assert verdicts(layout, systemd, given) == [(4001, "down", "")]
    proc.process(7, "python", BLUE)
    proc.listen(4001, 7)
    assert verdicts(layout, systemd, given) == [(4001, "managed", "python")]


ENGINE_AT = {"llama-cpp@fast": "/run/fast.sock"}
AT_THE_EDGE = {
    "port_rows": [entry(8080, "fast")],
    "instances": {"llama-cpp@fast": 8080},
    "sockets": ENGINE_AT,
    "published": [{"kind": "service", "name": "fast", "port": 8080}],
}


def test_the_port_of_an_engine_with_a_socket_is_the_edges(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    deployed(layout, "edge")
    deployed(layout, "llama-cpp@fast", sockets=ENGINE_AT)
    proc.process(8, "haproxy", "/system.slice/ai-backend-edge.service")
    proc.listen(8080, 8, address="127.0.0.2")
    given = plan(**AT_THE_EDGE)
    assert verdicts(layout, systemd, given) == [(8080, "managed", "haproxy"), (0, "down", "")]
    unit = "ai-backend-llama-cpp@fast.service"
    assert found(layout, systemd, given) == [
        (
            "critical",
            "ai_backend_ports.services.fast",
            f"nobody listens on its socket, though {unit} should: it is inactive (dead)",
        )
    ]
    proc.process(9, "llama-server", f"/system.slice/{unit}")
    proc.listen_at("/run/fast.sock", 9)
    assert found(layout, systemd, given) == []


def test_an_engine_whose_release_is_older_than_its_socket_may_have_the_port(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    deployed(layout, "edge")
    deployed(layout, "llama-cpp@fast", ports={"llama-cpp@fast": 8080})
    proc.process(8, "haproxy", "/system.slice/ai-backend-edge.service")
    proc.listen(8080, 8, address="127.0.0.2")
    proc.process(9, "llama-server", "/system.slice/ai-backend-llama-cpp@fast.service")
    proc.listen(8080, 9)
    given = plan(**AT_THE_EDGE)
    assert sorted(verdicts(layout, systemd, given)) == [(8080, "managed", "haproxy"), (8080, "managed", "llama-server")]
    assert found(layout, systemd, given) == []


def test_what_the_edge_publishes_it_has_to_listen_for_too(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    deployed(layout, "edge", "redis")
    proc.process(7, "redis-server", REDIS)
    proc.listen(6379, 7)
    given = plan(published=[{"kind": "service", "name": "redis", "port": 6379}])
    rows = port_table.compare(layout, systemd, given)
    assert [(row["verdict"], row["expected"]) for row in rows[:2]] == [
        ("managed", "ai-backend-redis.service"),
        ("down", "ai-backend-edge.service"),
    ]
    proc.process(8, "haproxy", "/system.slice/ai-backend-edge.service")
    proc.listen(6379, 8, address="10.0.0.3")
    assert [row["verdict"] for row in port_table.compare(layout, systemd, given)[:2]] == ["managed", "managed"]


def test_a_relay_to_another_host_has_its_port_at_its_own_address_alone(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    """The same port on this host's own addresses is nobody's business."""
    deployed(layout, "edge")
    relay = {"kind": "relay", "name": "gpu1:vllm", "port": 8001, "addresses": ["127.64.0.9"]}
    given = plan(instances={}, published=[relay])
    proc.process(8, "haproxy", "/system.slice/ai-backend-edge.service")
    proc.listen(8001, 8, address="127.64.0.9")
    proc.process(9, "python", "/user.slice")
    proc.listen(8001, 9, address="127.0.0.1")
    assert (8001, "managed", "haproxy") in verdicts(layout, systemd, given)
    assert (8001, "foreign", "python") not in verdicts(layout, systemd, given)
    proc.listen(8001, 9, address="0.0.0.0")  # noqa: S104
    assert (8001, "foreign", "python") in verdicts(layout, systemd, given)


def test_a_port_that_stands_in_a_base_url_alone_has_a_row(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    given = plan(instances={"llama-cpp@fast": 8090}, upstreams=[upstream("mine", 8091)])
    rows = {row["port"]: row for row in port_table.compare(layout, systemd, given)}
    assert (rows[8090]["service"], rows[8090]["path"]) == ("fast", "ai_backend_providers.fast.base_url")
    assert (rows[8091]["service"], rows[8091]["path"]) == ("mine", "ai_backend_providers.mine.base_url")


def test_so_has_that_of_an_engine_that_listens_on_a_socket(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    """The live checks ended without a word for a registry whose engines had their ports in base_url alone."""
    engine = "llama-cpp@fast"
    published = [{"kind": "service", "name": "fast", "addresses": ["127.0.0.2"], "port": 8090, "instance": engine}]
    given = plan(instances={engine: 8090}, sockets={engine: "/run/x/http.sock"}, published=published)
    rows = {row["port"]: row for row in port_table.compare(layout, systemd, given)}
    assert (rows[8090]["service"], rows[8090]["path"]) == ("fast", "ai_backend_providers.fast.base_url")


def test_one_port_or_the_needed_ones_can_be_asked_for(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    rows = port_table.compare(layout, systemd, plan())
    assert [row["port"] for row in port_table.select(rows, required=True)] == [6379]
    assert [row["port"] for row in port_table.select(rows, port=9080)] == [9080]
    assert port_table.select(rows, port=9080, required=True) == []


def found(layout: Layout, systemd: Systemd, given: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(severity, path, message) of every finding; each is of the check `ports` and says what to do."""
    rows = port_table.compare(layout, systemd, given)
    findings = port_findings.port_findings(systemd, rows, port_table.exposed(layout), "gpu1")
    assert {finding["check"] for finding in findings} <= {"ports"}
    assert all(finding["hint"] for finding in findings)
    return [(finding["severity"], finding["path"], finding["message"]) for finding in findings]


def test_a_host_as_it_should_be_has_no_finding(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "redis-server", REDIS)
    proc.listen(6379, 7)
    proc.process(8, "haproxy", "/system.slice/ai-backend-edge.service")
    proc.listen(4000, 8, address="0.0.0.0")  # noqa: S104 - what is looked at
    given = plan(port_rows=[*plan()["port_rows"], entry(4000, "litellm_gateway")])
    given["instances"] = {"redis": 6379, "edge": 4000}
    assert found(layout, systemd, given) == []


def test_a_stranger_on_a_port_of_ours_is_critical_and_ours_need_not_be_told_silent(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    deployed(layout, "redis")
    proc.process(7, "redis-server", "/system.slice/redis-server.service")
    proc.listen(6379, 7)
    assert found(layout, systemd, plan()) == [
        (
            "critical",
            "ai_backend_ports.services.redis",
            "port 6379 belongs to ai-backend-redis.service, but redis-server (pid 7, redis-server.service) listens on"
            " it",
        )
    ]


def test_a_stranger_elsewhere_in_the_registry_is_a_warning(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(6, "redis-server", REDIS)
    proc.listen(6379, 6)
    proc.process(7, "python3", line="python3 --token sk-secret")
    proc.listen(8001, 7)
    proc.listen(9080, 7)
    assert found(layout, systemd, plan()) == [
        (
            "warning",
            "ai_backend_ports.services.vllm",
            "port 8001 is kept for 'vllm', but python3 (pid 7, no unit) listens on it",
        ),
        (
            "warning",
            "ai_backend_ports.reserved.promtail",
            "port 9080 is reserved, and python3 (pid 7, no unit) listens on it",
        ),
    ]


def test_a_unit_that_should_listen_and_does_not_is_critical_with_its_state(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    deployed(layout, "redis")
    ((severity, path, message),) = found(layout, systemd, plan())
    assert (severity, path) == ("critical", "ai_backend_ports.services.redis")
    assert message == "nobody listens on port 6379, though ai-backend-redis.service should: it is inactive (dead)"


def test_before_the_first_deploy_each_service_is_said_once_as_a_warning(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    given = plan(port_rows=[entry(6379, "redis")], sockets=SLOTS)
    assert [(severity, message) for severity, _path, message in found(layout, systemd, given)] == [
        ("warning", "redis is not deployed on this host yet"),
        ("warning", "litellm is not deployed on this host yet"),
    ]


def test_that_an_engine_of_somebody_else_is_silent_is_told_by_its_health_alone(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    proc.process(7, "redis-server", REDIS)
    proc.listen(6379, 7)
    assert found(layout, systemd, plan(upstreams=[upstream("vllm", 8001)])) == []


def test_ours_on_a_wrong_port_is_critical(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.process(7, "redis-server", REDIS)
    proc.listen(6379, 7)
    proc.listen(8001, 7)
    assert found(layout, systemd, plan()) == [
        (
            "critical",
            "ai_backend_ports.services.vllm",
            "port 8001 belongs to 'vllm', but the managed ai-backend-redis.service listens on it",
        )
    ]


def test_ours_off_loopback_is_critical_on_whatever_port_unless_it_is_the_edge(
    layout: Layout, systemd: Systemd, proc: Proc
) -> None:
    proc.process(7, "redis-server", REDIS)
    proc.listen(6379, 7)
    proc.listen(6379, 7, address="10.0.0.3")
    proc.listen(7000, 7, address="::")
    proc.process(8, "haproxy", "/system.slice/ai-backend-edge.service")
    proc.listen(7001, 8, address="::")
    messages = found(layout, systemd, plan())
    assert [(severity, path) for severity, path, _message in messages] == [
        ("critical", "ai_backend_ports.services.redis"),
        ("critical", "host.gpu1"),
    ]
    assert "10.0.0.3 port 6379" in messages[0][2]


def test_a_stranger_whose_process_is_hidden_is_told_as_such(layout: Layout, systemd: Systemd, proc: Proc) -> None:
    proc.listen(6379)
    assert "a process that can't be seen listens on it" in found(layout, systemd, plan())[0][2]
