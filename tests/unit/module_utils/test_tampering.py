# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was changed on a host outside of the releases is found, in words that name path, problem and remedy."""

from __future__ import annotations

import os
import pathlib
import socket
from collections.abc import Callable

import pytest
from host_stand_in import FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host import ownership
from ansible_collections.lab.ai_backend.plugins.module_utils.host import state as host_state
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection import tampering
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import file_list
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching
from ansible_collections.lab.ai_backend.plugins.modules import release as release_module

CODE = "lib/site-packages/code.py"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
pytestmark = pytest.mark.usefixtures("environments")


@pytest.fixture
def there(host: Host, layout: Layout) -> str:
    """A host with one service that runs from an artifact and a model; returns its release."""
    host_state.make_folders(layout, host_state.missing_folders(layout))
    artifact, model = pathlib.Path(layout.artifacts, "engine-1"), pathlib.Path(layout.models, "a.gguf")
    (artifact / CODE).parent.mkdir(parents=True)
    (artifact / CODE).write_text("print(1)\n")
    (artifact / "python").symlink_to("/usr/bin/python3")
    model.write_bytes(b"GGUF")
    file_list.write(str(artifact), file_list.make(str(artifact)))
    file_list.write(str(model), file_list.make(str(model)))
    content = manifest("redis", artifact=str(artifact), requires=[f"{artifact}/.complete", str(model)])
    release_id = made(layout, content)
    switching.switch(host, "redis", release_id)
    return release_id


def found(layout: Layout, sums: bool = False) -> list[tuple[str, str]]:
    """(severity, message) of all findings."""
    rows = tampering.tampering_findings(layout, "gpu1", sums)
    assert {row["check"] for row in rows} <= {"integrity"}
    assert all(row["path"] == "host.gpu1" and row["hint"] for row in rows)
    return [(row["severity"], row["message"]) for row in rows]


def artifact(layout: Layout, name: str = "") -> pathlib.Path:
    return pathlib.Path(layout.artifacts, "engine-1", name)


def test_a_host_as_deployed_has_none(layout: Layout, there: str) -> None:
    assert found(layout, sums=True) == []
    assert tampering.changed_since(layout, "gpu1") == []
    assert tampering.unlisted(layout) == []


def same_size(path: pathlib.Path) -> None:
    path.write_text("print(2)\n")


def same_size_and_time(path: pathlib.Path) -> None:
    before = path.stat()
    path.write_text("print(2)\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.write_text("print(11)\n"), f"{CODE} has 10 bytes instead of 9"),
        (same_size, f"{CODE} was written again"),
        (lambda path: path.with_name("sitecustomize.py").touch(), "lib/site-packages/sitecustomize.py was added"),
        (pathlib.Path.unlink, f"{CODE} is gone"),
        (lambda path: path.chmod(0o666), f"{CODE} can be written by others (mode 0666)"),
        (lambda path: path.parent.chmod(0o777), "lib/site-packages can be written by others (mode 0777)"),
        pytest.param(lambda path: os.chown(path, 12345, 0), f"{CODE} belongs to user 12345", marks=as_root),
        (lambda path: os.mkfifo(path.with_name("pipe")), "lib/site-packages/pipe was added"),
    ],
)
def test_a_changed_artifact_stops_a_deploy(
    layout: Layout, there: str, change: Callable[[pathlib.Path], None], words: str
) -> None:
    change(artifact(layout, CODE))
    message = f"{artifact(layout)} is not what was installed: {words}"
    assert found(layout) == [("critical", message)]
    assert [row["message"] for row in tampering.changed_since(layout, "gpu1")] == [message]


def test_another_link_is_found(layout: Layout, there: str) -> None:
    artifact(layout, "python").unlink()
    artifact(layout, "python").symlink_to("/tmp/python")
    assert found(layout) == [("critical", f"{artifact(layout)} is not what was installed: python is another link")]


def test_the_same_size_and_time_are_found_by_the_sums_alone(layout: Layout, there: str) -> None:
    same_size_and_time(artifact(layout, CODE))
    assert found(layout) == []
    ((severity, message),) = found(layout, sums=True)
    assert (severity, f"{CODE} has another SHA-256" in message) == ("critical", True)
    assert tampering.changed_since(layout, "gpu1") == []
    assert [row["message"] for row in tampering.changed_since(layout, "gpu1", sums=True)] == [message]


def test_of_many_changes_some_are_named_and_the_rest_is_counted(layout: Layout, there: str) -> None:
    for number in range(5):
        artifact(layout, f"new-{number}").touch()
    ((_severity, message),) = found(layout)
    assert (message.count("was added"), message.endswith("; and 2 more")) == (3, True)
    for number in range(300):
        artifact(layout, f"newer-{number}").touch()
    ((_severity, message),) = found(layout)
    assert message.endswith("; and 97 or more")


def test_a_changed_model_is_found_and_one_replaced_on_purpose_is_listed_again(layout: Layout, there: str) -> None:
    model = pathlib.Path(layout.models, "a.gguf")
    model.write_bytes(b"other")
    ((severity, message),) = found(layout)
    assert (severity, message.startswith(f"model {model} is not the file")) == ("critical", True)
    (row,) = tampering.changed_since(layout, "gpu1")
    kept = row["hint"].rpartition("remove ")[2]
    os.unlink(kept)
    assert tampering.unlisted(layout) == [str(model)]
    file_list.note([str(model)])
    assert found(layout) == []


@pytest.mark.parametrize("gone", ["", ".complete"])
def test_an_artifact_that_was_moved_away_is_for_the_next_installation(layout: Layout, there: str, gone: str) -> None:
    artifact(layout, gone).rename(layout.path("evidence"))
    assert found(layout) == []
    assert tampering.unlisted(layout) == []


def test_what_was_installed_without_a_list_is_a_warning_until_a_deploy_makes_it(layout: Layout, there: str) -> None:
    marker = artifact(layout, ".complete")
    marker.write_text("")
    os.utime(marker, (1, 1))
    ((severity, message),) = found(layout)
    assert (severity, "without a list" in message) == ("warning", True)
    assert tampering.changed_since(layout, "gpu1") == []
    file_list.note(tampering.unlisted(layout))
    assert (found(layout), marker.stat().st_mtime) == ([], 1), "a process must not look older than its artifact"


@pytest.mark.parametrize("damage", ["release", "artifact", "model"])
def test_what_read_a_changed_file_is_restarted_once_it_was_put_right(
    host: Host, layout: Layout, systemctl: FakeSystemctl, there: str, damage: str
) -> None:
    assert not switching.switch(host, "redis", there)["changed"]
    place = {
        "release": f"{layout.release('redis', there)}/manifest.json",
        "artifact": str(artifact(layout, ".complete")),
        "model": f"{layout.models}/.a.gguf.list",
    }[damage]
    os.utime(place, (4e9, 4e9))
    systemctl.clock = 0
    reasons = switching.switch(host, "redis", there, check=True)["reasons"]
    assert any("is newer than the process" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("name", "mode", "right"), [("secrets", 0o755, 0o700), ("instances", 0o777, 0o755), ("generations", 0o757, 0o755)]
)
def test_a_folder_with_another_mode_is_found_and_put_right(
    layout: Layout, there: str, name: str, mode: int, right: int
) -> None:
    folder = getattr(layout, name)
    os.chmod(folder, mode)
    ((severity, message),) = found(layout)
    assert (severity, message.startswith(folder), f"mode {mode:04o}" in message) == ("critical", True, True)
    ownership.put_right(ownership.wrong(layout))
    assert (found(layout), os.stat(folder).st_mode & 0o777) == ([], right)


@as_root
def test_a_release_of_another_owner_is_found_and_put_right(layout: Layout, there: str) -> None:
    folder = layout.release("redis", there)
    for path in (folder, f"{folder}/files/a.conf", layout.instance("redis")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    assert sorted(message for _severity, message in found(layout)) == sorted(
        f"{path} belongs to user 12345" for path in (folder, f"{folder}/files/a.conf", layout.instance("redis"))
    )
    ownership.put_right(ownership.wrong(layout))
    assert found(layout) == []


def test_a_secret_that_others_can_read_is_found(layout: Layout, there: str) -> None:
    path = pathlib.Path(layout.secrets, "x.env")
    path.touch(0o644)
    assert found(layout) == [("critical", f"{path} is open to others (mode 0644)")]


@pytest.mark.parametrize(
    "place",
    [
        "etc/systemd/system/ai-backend-redis.service.d/override.conf",
        "etc/systemd/system/ai-backend-redis@.service.d/release.conf",
        "run/systemd/system/ai-backend-redis.service.d/release.conf",
        "usr/lib/systemd/system/ai-backend-.service.d/any.conf",
    ],
)
def test_a_dropin_that_no_release_has_is_found(layout: Layout, there: str, place: str) -> None:
    path = pathlib.Path(layout.path(place))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[Service]\nExecStartPre=/bin/true\n")
    assert found(layout) == [("critical", f"{path} changes a managed unit, and no release has it")]
    assert tampering.changed_since(layout, "gpu1")


def test_dropins_of_the_collection_and_of_others_are_not(layout: Layout, there: str) -> None:
    for place in (
        "run/systemd/system/ai-backend-redis.service.d/candidate.conf",
        "etc/systemd/system/cron.service.d/x.conf",
    ):
        path = pathlib.Path(layout.path(place))
        path.parent.mkdir(parents=True)
        path.touch()
    assert found(layout) == []


def test_a_link_that_leads_past_the_releases_is_found(layout: Layout, there: str) -> None:
    link = layout.instance("redis")
    os.unlink(link)
    os.symlink(f"/srv/{there}", link)
    assert found(layout) == [("critical", f"{link} leads to /srv/{there}, which is no release of redis")]
    assert tampering.changed_since(layout, "gpu1")


def test_strays_are_warnings_with_names_that_can_be_printed(layout: Layout, there: str) -> None:
    odd = b"caf\xe9\n"
    for folder in (layout.instances, layout.releases, layout.artifacts, layout.generations, f"{layout.releases}/redis"):
        pathlib.Path(os.fsdecode(os.path.join(os.fsencode(folder), odd))).write_bytes(odd)
    pathlib.Path(layout.generations, "9.json").mkdir()
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(f"{layout.instances}/socket")
    rows = found(layout)
    assert [severity for severity, _message in rows] == ["warning"] * 7
    assert sum(r"caf\xe9\n does not belong there" in message for _severity, message in rows) == 5
    assert all(message.isprintable() for _severity, message in rows)


def test_a_changed_release_file_is_named(layout: Layout, there: str) -> None:
    files = {"files/a.conf": "right", "files/b.conf": "b"}
    assert release_module.differing({"files/a.conf": "x", "files/b.conf": "b", "new": ""}, files) == [
        "files/a.conf",
        "new",
    ]
    assert release_module.differing({}, files) == []
