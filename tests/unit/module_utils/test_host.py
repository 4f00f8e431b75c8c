"""What a host is told to be, and what is written there."""

from __future__ import annotations

import os
import pathlib
import socket
import struct
import time

import pytest
from host_stand_in import NOBODY, FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host import secret_files
from ansible_collections.lab.ai_backend.plugins.module_utils.host import state as host_state
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd, SystemdError, run_command
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection import status as reporting
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import generations
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change, Note
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import removal
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching
from ansible_collections.lab.ai_backend.plugins.modules import tiny_model


def test_the_facts_of_this_machine_are_those_of_its_own_files() -> None:
    facts = host_state.describe(Layout(), "/nowhere/python", run_command)
    assert facts["architecture"] == os.uname().machine
    assert facts["python"] == ""
    assert facts["free_bytes"] > 0
    assert facts["cores"] > 0
    assert facts["memory_bytes"] > 10**8


def test_folders_are_made_once_and_the_secret_one_is_closed(layout: Layout) -> None:
    host_state.make_folders(layout, host_state.missing_folders(layout))
    assert host_state.missing_folders(layout) == []
    assert os.stat(layout.secrets).st_mode & 0o777 == 0o700


def test_each_service_wants_one_user() -> None:
    wanted = host_state.missing_users(["litellm@blue", "litellm@green", "redis"])
    assert wanted == ["ai-backend-litellm", "ai-backend-redis"]
    refused = host_state.make_users(["ai-backend-x"], run=lambda argv: (9, "exists"))
    assert refused == ["useradd ai-backend-x: exists"]


def test_a_foreign_listener_on_a_port_of_ours_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = host_state.foreign_listeners(Layout(), {"redis": port, "edge": 1})
    assert (found["port"], found["instance"], found["pid"]) == (port, "redis", os.getpid())


def test_a_listener_of_our_own_units_is_not_foreign(tmp_path: pathlib.Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/7/fd").mkdir(parents=True)
    row = "0: 0100007F:18EB 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n"
    (tmp_path / "proc/net/tcp").write_text("header\n" + row)
    (tmp_path / "proc/7/fd/3").symlink_to("socket:[4711]")
    group = tmp_path / "proc/7/cgroup"
    group.write_text("0::/system.slice/ai-backend-redis.service\n")
    assert host_state.foreign_listeners(Layout(str(tmp_path)), {"redis": 6379}) == []
    group.write_text("0::/system.slice/redis-server.service\n")
    (found,) = host_state.foreign_listeners(Layout(str(tmp_path)), {"redis": 6379})
    assert found["unit"] == "redis-server.service"


def test_code_that_an_older_state_had_on_the_host_goes_and_nothing_else_does(layout: Layout) -> None:
    library = pathlib.Path(layout.library)
    for name in ("package/probes.py", "package/probes/prove.py", "package/notes.txt", "theirs.py"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).touch()
    today = {"package/probes/prove.py": "", "package/probes/__init__.py": "", "package/host/state.py": ""}
    assert host_state.left_tools(layout, today) == [str(library / "package/probes.py")]
    lacking = {str(library / name) for name in ("package/probes/__init__.py", "package/host/state.py")}
    assert host_state.stale_tools(layout, today, {}).keys() == lacking
    assert host_state.left_tools(layout, {}) == [], "a caller without code takes none away"


def test_secret_files_are_written_closed_and_only_when_they_differ(layout: Layout) -> None:
    files = {"litellm.env": {"KEY": "A"}, "redis.conf": {"requirepass": "B", "user x on ~*": "B"}}
    values = {"A": "one", "B": "two"}
    secret_files.write(layout, secret_files.stale(layout, files, values))
    redis = pathlib.Path(layout.secrets) / "redis.conf"
    assert (redis.read_text(), redis.stat().st_mode & 0o777) == ('requirepass "two"\nuser x on ~* ">two"\n', 0o600)
    assert secret_files.stale(layout, files, values) == {}
    redis.chmod(0o644)
    assert list(secret_files.stale(layout, files, values)) == ["redis.conf"]


@pytest.mark.parametrize("value", ["", "a\nb"])
def test_a_secret_that_would_break_its_file_is_refused_without_showing_it(layout: Layout, value: str) -> None:
    with pytest.raises(secret_files.SecretError, match="secret A") as refused:
        secret_files.stale(layout, {"x.env": {"KEY": "A"}}, {"A": value})
    assert not value or value not in str(refused.value)


FILES = {
    "litellm.env": {name: name for name in ("LITELLM_MASTER_KEY", "REDIS_PASSWORD")},
    "redis.conf": {"requirepass": "REDIS_PASSWORD"},
}
HELD = {"LITELLM_MASTER_KEY": "old", "REDIS_PASSWORD": "pass"}  # pragma: allowlist secret


def test_a_host_says_which_of_the_secrets_it_holds_and_nothing_of_their_values(layout: Layout) -> None:
    assert secret_files.held(layout, FILES, list(HELD)) == {}
    secret_files.write(layout, secret_files.stale(layout, FILES, HELD))
    assert secret_files.held(layout, FILES, ["REDIS_PASSWORD", "OTHER"]) == dict([*HELD.items()][1:])
    shown = secret_files.fingerprint("run", "pass")
    assert shown == secret_files.fingerprint("run", "pass")
    assert len({shown, secret_files.fingerprint("other run", "pass"), secret_files.fingerprint("run", "word")}) == 3


def test_what_is_held_counts_as_right_where_the_value_is_not_known(layout: Layout) -> None:
    secret_files.write(layout, secret_files.stale(layout, FILES, HELD))
    unknown = dict.fromkeys(HELD, "stand-in")
    assert secret_files.stale(layout, FILES, unknown, list(HELD)) == {}
    assert list(secret_files.stale(layout, FILES, unknown, ["REDIS_PASSWORD"])) == ["litellm.env"]


def test_a_rotated_key_counts_until_its_time_in_a_file_of_its_own(layout: Layout) -> None:
    secret_files.write(layout, secret_files.stale(layout, FILES, HELD))
    until = int(time.time()) + 60
    secret_files.keep_before(layout, FILES, "new", "LITELLM_MASTER_KEY", until)
    before = pathlib.Path(layout.secrets) / "litellm-before.env"
    assert before.read_text() == f'LITELLM_MASTER_KEY_BEFORE="old"\nLITELLM_MASTER_KEY_BEFORE_UNTIL="{until}"\n'
    assert before.stat().st_mode & 0o777 == 0o600
    assert secret_files.accepted_before(layout, FILES) == {"LITELLM_MASTER_KEY": until}
    assert secret_files.outdated(layout) == []


def test_the_keys_of_a_file_are_rotated_each_in_its_time(layout: Layout) -> None:
    client = "AI_BACKEND_CLIENT_CI"
    files = {"litellm.env": {name: name for name in ("LITELLM_MASTER_KEY", client)}}
    values = {"LITELLM_MASTER_KEY": "old", client: "sha256:old"}  # pragma: allowlist secret
    secret_files.write(layout, secret_files.stale(layout, files, values))
    soon, later = int(time.time()) + 60, int(time.time()) + 3600
    secret_files.keep_before(layout, files, "new", "LITELLM_MASTER_KEY", soon)
    secret_files.keep_before(layout, files, "sha256:new", client, later)
    assert secret_files.accepted_before(layout, files) == {"LITELLM_MASTER_KEY": soon, client: later}
    secret_files.keep_before(layout, files, "newer", "LITELLM_MASTER_KEY", int(time.time()) - 1)
    # The file stays as long as one of its keys is valid, and whoever reads it compares the times.
    assert secret_files.outdated(layout) == []
    assert secret_files.accepted_before(layout, files) == {client: later}
    # Ended at once, as for a key that has leaked.
    secret_files.keep_before(layout, files, "sha256:new", client, 0)
    assert secret_files.accepted_before(layout, files) == {}
    assert secret_files.outdated(layout) == ["litellm-before.env"]


ENGINE = {"llama-cpp.env": {"LLAMA_API_KEY": "AI_BACKEND_ENGINE_KEY"}}
GATEWAY = {"litellm.env": {"AI_BACKEND_ENGINE_KEY": "AI_BACKEND_ENGINE_KEY"}}
LINE = {"file": "llama-cpp.env", "name": "LLAMA_API_KEY"}


def engine_key(layout: Layout, value: str) -> None:
    values = {"AI_BACKEND_ENGINE_KEY": value}
    secret_files.write(layout, secret_files.stale(layout, {**ENGINE, **GATEWAY}, values))


def test_an_engine_is_started_with_both_keys_until_the_one_before_ends(layout: Layout) -> None:
    engine_key(layout, "old")
    until = int(time.time()) + 60
    secret_files.keep_before(layout, {**ENGINE, **GATEWAY}, "new", "AI_BACKEND_ENGINE_KEY", until)
    engine_key(layout, "new")
    folder = pathlib.Path(layout.secrets)
    assert (folder / "llama-cpp.env").read_text() == 'LLAMA_API_KEY="new,old"\n'
    assert (folder / "litellm.env").read_text() == 'AI_BACKEND_ENGINE_KEY="new"\n'
    assert not (folder / "litellm-before.env").exists(), "the gateway has the new one alone"
    assert secret_files.accepted(layout, LINE) == ["new", "old"]
    assert secret_files.secret(layout, LINE) == "new"
    assert secret_files.held(layout, ENGINE, ["AI_BACKEND_ENGINE_KEY"]) == {"AI_BACKEND_ENGINE_KEY": "new"}
    assert secret_files.accepted_before(layout, ENGINE) == {"AI_BACKEND_ENGINE_KEY": until}
    # Any deploy meanwhile leaves both; the last step of the rotation ends the old one.
    assert secret_files.stale(layout, ENGINE, {"AI_BACKEND_ENGINE_KEY": "new"}) == {}
    secret_files.keep_before(layout, ENGINE, "new", "AI_BACKEND_ENGINE_KEY", 0)
    engine_key(layout, "new")
    assert secret_files.accepted(layout, LINE) == ["new"]


def test_the_key_before_of_a_rotation_that_died_ends_with_its_time(layout: Layout) -> None:
    engine_key(layout, "old")
    secret_files.keep_before(layout, ENGINE, "new", "AI_BACKEND_ENGINE_KEY", int(time.time()) - 1)
    engine_key(layout, "new")
    assert secret_files.accepted(layout, LINE) == ["new"]
    assert secret_files.outdated(layout) == ["llama-cpp-before.env"]


def test_two_rotations_at_a_time_do_not_disturb_each_other(layout: Layout) -> None:
    both = ("AI_BACKEND_ENGINE_KEY", "LITELLM_MASTER_KEY")
    files = {**ENGINE, "litellm.env": {name: name for name in both}}
    secret_files.write(layout, secret_files.stale(layout, files, dict.fromkeys(both, "old")))
    until = int(time.time()) + 60
    for name in both:
        secret_files.keep_before(layout, files, "new", name, until)
    assert secret_files.accepted_before(layout, files) == dict.fromkeys(both, until)
    secret_files.keep_before(layout, files, "new", "AI_BACKEND_ENGINE_KEY", 0)
    assert secret_files.accepted_before(layout, files) == {"LITELLM_MASTER_KEY": until}


def test_a_key_that_the_host_has_already_is_not_its_own_predecessor(layout: Layout) -> None:
    secret_files.write(layout, secret_files.stale(layout, FILES, HELD))
    secret_files.keep_before(layout, FILES, "old", "LITELLM_MASTER_KEY", int(time.time()) + 60)
    assert sorted(os.listdir(layout.secrets)) == ["litellm.env", "redis.conf"]


def test_a_host_remembers_when_each_secret_was_rotated(layout: Layout) -> None:
    assert secret_files.rotations(layout) == {}
    for name, at in (("LITELLM_MASTER_KEY", 1000), ("REDIS_PASSWORD", 2000), ("LITELLM_MASTER_KEY", 3000)):
        secret_files.note_rotation(layout, name, at)
    assert secret_files.rotations(layout) == {"LITELLM_MASTER_KEY": 3000, "REDIS_PASSWORD": 2000}
    assert secret_files.outdated(layout) == []


def test_a_key_of_before_goes_when_its_time_is_over_or_at_once(layout: Layout) -> None:
    secret_files.write(layout, secret_files.stale(layout, FILES, HELD))
    secret_files.keep_before(layout, FILES, "new", "LITELLM_MASTER_KEY", int(time.time()) - 1)
    assert secret_files.accepted_before(layout, FILES) == {}
    assert secret_files.outdated(layout) == ["litellm-before.env"]
    secret_files.delete(layout, secret_files.outdated(layout))
    secret_files.keep_before(layout, FILES, "new", "LITELLM_MASTER_KEY", int(time.time()) + 60)
    secret_files.keep_before(layout, FILES, "newer", "LITELLM_MASTER_KEY", 0)
    assert not (pathlib.Path(layout.secrets) / "litellm-before.env").exists()


def test_a_generation_is_opened_closed_and_protects_its_releases(layout: Layout) -> None:
    release_id = made(layout, manifest(package="redis-server"))
    switching.point(layout, "redis", release_id)
    write_atomic(layout.active_slot("redis"), "active blue\n")
    host = Host(layout, Systemd(run=lambda argv: (0, "7.0")), NOBODY)
    generations.record(host, Change(2, "hash"), Note(summary=["one"]))
    closed = generations.record(host, Change(2), Note(complete=True))
    assert (closed["registry"], closed["summary"], closed["complete"]) == ("hash", ["one"], True)
    assert closed["instances"]["redis"]["package_version"] == "7.0"
    assert closed["slots"] == {"redis": "blue"}
    assert generations.protected_releases(layout, 10) == ({"redis": {release_id}}, [])


@pytest.mark.parametrize("value", ['say "x"', "back\\slash\\", "it's", "50%", '"', "a=b c", '\\"'])
@pytest.mark.parametrize(("file", "line"), [("a.env", "NAME={}"), ("a.conf", "NAME {}")])
def test_any_secret_of_one_line_comes_back_as_it_was_given(value: str, file: str, line: str) -> None:
    text = secret_files.render(file, {"NAME": "THE_SECRET"}, {"THE_SECRET": value})
    assert text.startswith(line.format('"'))
    assert text.count("\n") == 1
    assert secret_files.values(text) == {"NAME": value}


def test_a_secret_of_two_lines_is_refused_by_name() -> None:
    with pytest.raises(secret_files.SecretError, match=r"^secret THE_SECRET holds a line break$"):
        secret_files.render("a.env", {"NAME": "THE_SECRET"}, {"THE_SECRET": "a\nb"})  # pragma: allowlist secret


def test_a_report_of_an_empty_host_says_so(host: Host) -> None:
    report = reporting.report(host, "gpu1")
    assert (report["generation"], report["rows"][0]["service"]) == (0, "(nothing managed)")


def test_a_report_tells_down_from_ok_and_active_from_idle(host: Host, layout: Layout, systemctl: FakeSystemctl) -> None:
    release_id = made(layout, manifest("litellm", slotted=True, probes=[{"kind": "http", "path": "/", "status": 200}]))
    for slot in ("blue", "green"):
        switching.install(host, f"litellm@{slot}", release_id)
    write_atomic(layout.active_slot("litellm"), "active blue\n")
    rows = {row["service"]: row for row in reporting.report(host, "gpu1")["rows"]}
    assert rows["litellm@blue"]["health"] == "down"
    assert rows["litellm@green"]["unit"] == "idle slot"
    systemctl.active["ai-backend-litellm@blue.service"] = 5
    (row,) = [row for row in reporting.report(host, "gpu1")["rows"] if row["service"] == "litellm@blue"]
    assert "refused" in row["health"]


def test_a_removal_names_all_that_goes_and_keeps_models(
    host: Host, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "our_users", lambda: ["ai-backend-redis"])
    host_state.make_folders(layout, host_state.missing_folders(layout))
    switching.switch(host, "redis", made(layout, manifest()))
    write_atomic(os.path.join(layout.etc, "masked", "redis-server.service"), "")
    os.symlink("/dev/null", layout.unit("redis-server.service"))
    model = pathlib.Path(layout.models) / "a.gguf"
    model.write_text("x")
    for folder in (layout.refused, layout.changing):
        os.makedirs(folder, exist_ok=True)
    lines = removal.inventory(layout, [])
    assert {"instance redis", "hold on redis-server.service", "user ai-backend-redis"} <= set(lines)
    removal.remove(host, [])
    assert model.exists()
    assert not any(os.path.exists(folder) for folder in (layout.opt, layout.refused, layout.changing))
    assert not os.path.lexists(layout.unit("redis-server.service"))
    removal.remove(host, ["models"])
    assert not model.exists()


def test_a_systemctl_that_fails_is_told_with_its_words() -> None:
    with pytest.raises(SystemdError, match=r"systemctl enable x failed \(1\): nope"):
        Systemd(run=lambda argv: (1, "nope")).call("enable", "x")
    assert Systemd(run=lambda argv: (127, "")).unit("x").stopped
    assert run_command(["/nowhere/systemctl"])[0] == 127


def test_the_tiny_model_is_the_same_each_time_and_a_whole_gguf() -> None:
    content = tiny_model.build("lab-tiny", 7)
    assert content == tiny_model.build("lab-tiny", 7)
    assert content != tiny_model.build("other", 8)
    magic, version, tensors, pairs = struct.unpack("<4sIQQ", content[:24])
    assert (magic, version, tensors, pairs) == (b"GGUF", 3, len(tiny_model.shapes()), len(tiny_model.metadata("x")))
    assert len(content) < 1_000_000
