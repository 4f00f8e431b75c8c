"""Who listens, from /proc alone."""

from __future__ import annotations

import os
import pathlib
import socket

import pytest
from proc_stand_in import Proc

from ansible_collections.lab.ai_backend.plugins.module_utils.host import processes, sockets
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout


@pytest.fixture
def proc(tmp_path: pathlib.Path) -> Proc:
    return Proc(tmp_path)


def test_this_process_is_found_on_its_own_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (owner,) = sockets.listeners(Layout())[port]
    assert (owner["pid"], owner["addresses"]) == (os.getpid(), ["127.0.0.1"])
    assert owner["processes"] == [[os.getpid(), processes.started(Layout(), os.getpid())]]
    assert owner["command"] == pathlib.Path("/proc/self/comm").read_text().strip()


def test_the_process_that_took_a_connection_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as ours, server.accept()[0]:
            assert sockets.peer(Layout(), port, ours.getsockname()[1]) == os.getpid()
            assert sockets.peer(Layout(), port, 1) == 0


def test_the_process_that_took_a_connection_on_a_unix_socket_is_found(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "http.sock")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as ours:
        server.bind(path)
        server.listen()
        ours.connect(path)
        with server.accept()[0]:
            assert sockets.unix_peer(Layout(), ours) == os.getpid()
        owner = sockets.unix_owner(Layout(), path)
    assert owner
    assert (owner["pid"], owner["addresses"]) == (os.getpid(), [path])
    assert sockets.unix_owner(Layout(), path) is None


def test_a_connection_to_a_unix_socket_is_no_listener(layout: Layout, proc: Proc) -> None:
    proc.process(7, "x")
    proc.listen_at("/run/x.sock", 7, accepts=False)
    assert sockets.unix_owner(layout, "/run/x.sock") is None
    proc.listen_at("/run/x.sock", 7)
    owner = sockets.unix_owner(layout, "/run/x.sock")
    assert owner
    assert owner["pid"] == 7


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("0.0.0.0", False),  # noqa: S104 - what is looked at
        ("10.0.0.5", False),
        ("::1", True),
        ("::", False),
        ("fd00::4", False),
    ],
)
def test_addresses_are_read_as_the_kernel_writes_them(layout: Layout, proc: Proc, address: str, loopback: bool) -> None:
    proc.process(7, "x")
    proc.listen(8080, 7, address=address)
    (owner,) = sockets.listeners(layout)[8080]
    assert owner["addresses"] == [address]
    assert sockets.is_loopback(address) is loopback


def test_an_ipv4_address_on_an_ipv6_socket_is_the_ipv4_address(layout: Layout, proc: Proc) -> None:
    proc.process(7, "java")
    proc.listen(8080, 7, address="::ffff:127.0.0.1")
    assert sockets.listeners(layout)[8080][0]["addresses"] == ["127.0.0.1"]


def test_a_connection_is_no_listener(layout: Layout, proc: Proc) -> None:
    proc.process(7, "x")
    proc.listen(8080, 7, state="01")
    assert sockets.listeners(layout) == {}


@pytest.mark.parametrize("groups", ["", "/docker/0123456789abcdef"])
@pytest.mark.parametrize(
    ("group", "place"),
    [
        ("/system.slice/nginx.service", ("nginx.service", "", "")),
        ("/system.slice/system-x.slice/x@1.service", ("x@1.service", "", "")),
        ("/user.slice/user-0.slice/session-3.scope", ("", "", "")),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/jupyter.service",
            ("jupyter.service", "1000", ""),
        ),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/term-5.scope", ("", "", "")),
        ("/system.slice/docker-aaaabbbbccccdddd.scope", ("", "", "aaaabbbbcccc")),
        ("/docker/aaaabbbbccccdddd", ("", "", "aaaabbbbcccc")),
        (
            "/system.slice/web.service/libpod-payload-aaaabbbbccccdddd",
            ("web.service", "", "aaaabbbbcccc"),
        ),
        ("", ("", "", "")),
    ],
)
def test_unit_user_and_container_come_from_the_control_group(
    layout: Layout, tmp_path: pathlib.Path, groups: str, group: str, place: tuple[str, str, str]
) -> None:
    """Also where the host is a container itself: its own id heads every path and makes nobody a container."""
    proc = Proc(tmp_path, groups)
    proc.process(7, "x", group)
    proc.listen(8080, 7)
    (owner,) = sockets.listeners(layout)[8080]
    assert (owner["unit"], owner["user"], owner["container"]) == place


def test_processes_of_one_unit_are_one_owner_and_the_oldest_names_it(layout: Layout, proc: Proc) -> None:
    proc.process(30, "old", "/system.slice/a.service", started=5)
    proc.process(20, "young", "/system.slice/a.service", started=9)
    proc.listen(8080, 20, 30)
    proc.listen(8080, 20, address="::1")
    (owner,) = sockets.listeners(layout)[8080]
    assert (owner["pid"], owner["command"], owner["addresses"]) == (30, "old", ["127.0.0.1", "::1"])
    assert owner["processes"] == [[20, 9], [30, 5]]


def test_two_who_share_a_port_on_two_addresses_are_two(layout: Layout, proc: Proc) -> None:
    proc.process(7, "one", "/system.slice/one.service")
    proc.process(8, "two")
    proc.listen(8080, 7)
    proc.listen(8080, 8, address="10.0.0.5")
    assert [owner["command"] for owner in sockets.listeners(layout)[8080]] == ["one", "two"]


def test_a_listener_whose_process_is_hidden_has_no_pid(layout: Layout, proc: Proc) -> None:
    proc.listen(2049)
    (owner,) = sockets.listeners(layout)[2049]
    assert (owner["pid"], owner["command"], owner["processes"]) == (0, "", [])


def test_only_the_wanted_ports_are_looked_at(layout: Layout, proc: Proc) -> None:
    proc.process(7, "x")
    proc.listen(1, 7)
    proc.listen(2, 7)
    assert list(sockets.listeners(layout, {2})) == [2]


def test_the_ancestry_ends_with_the_first_process(layout: Layout, proc: Proc) -> None:
    proc.process(7, "sshd", parent=1)
    proc.process(8, "python3", parent=7)
    assert processes.ancestry(layout, 8) == [8, 7, 1]
    assert processes.ancestry(layout, 99) == [99]


def test_the_beginning_of_a_process_is_read_past_brackets_in_its_name(layout: Layout, proc: Proc) -> None:
    proc.process(7, "evil) 1 2 3", started=4711)
    assert processes.started(layout, 7) == 4711
    assert processes.started(layout, 8) == 0
