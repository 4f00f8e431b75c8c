# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""validate.yml as people and pipelines run it: its report, its scopes, its exit code."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
INVENTORY = """
all:
  vars:
    ansible_connection: ssh
    ansible_host: 192.0.2.1
    ansible_ssh_executable: /nonexistent/ssh
    llama_cpp_archive_url: https://llm.example.com/llama.tar.gz
    llama_cpp_archive_sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
  hosts: {gpu1: }
  children: {gateway: {hosts: {gpu1: }}, redis: {hosts: {gpu1: }}, llama_cpp: {hosts: {gpu1: }}}
"""
LITERAL = "sk-live-0123456789abcdefghijklmnopqrstuvwx"  # pragma: allowlist secret
SOUND = """\
ai_backend_providers:
  native:
    type: llama_cpp
    hosts: llama_cpp
    models: [{name: lab-tiny, source: tiny}]
  spare:
    type: openai_compatible
    base_url: https://llm.example.com/v1
    status: inactive
    models: [spare-model]
ai_backend_ports: {services: {native: 8080}}
ai_backend_routing:
  fallback_chains:
    lab-tiny: [spare]
"""


def play(
    folder: pathlib.Path, text: str | None, *arguments: str, playbook: str = "validate", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a playbook with the findings callback on a host that nobody can reach."""
    (folder / "hosts.yml").write_text(INVENTORY)
    (folder / "group_vars").mkdir(exist_ok=True)
    if text is not None:
        (folder / "group_vars" / "all.yml").write_text(text)
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", *arguments]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_STDOUT_CALLBACK": "lab.ai_backend.findings",
        **settings,
    }
    environment.pop("ANSIBLE_CONFIG", None)
    return subprocess.run(
        [*command, f"lab.ai_backend.{playbook}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The document: nothing else may stand on standard output."""
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_warnings_are_reported_and_stop_nothing(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND)
    document = report(done)
    assert done.returncode == 0
    assert (document["schema"], document["critical"], document["warning"]) == (1, 0, 1)
    (row,) = document["findings"]
    assert (row["check"], row["severity"], row["path"]) == ("routes", "warning", "ai_backend_providers.spare")
    assert (row["file"], row["line"]) == ("group_vars/all.yml", 6)


def test_a_critical_finding_has_an_exit_code_and_its_line(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND.replace("[spare]", "[nobody]"), "-e", "ai_backend_validate_only=critical")
    (row,) = report(done)["findings"]
    assert done.returncode == 2
    assert (row["check"], row["path"], row["line"]) == (
        "references",
        "ai_backend_routing.fallback_chains.lab-tiny[0]",
        14,
    )


def test_tags_do_not_skip_the_refusal(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND.replace("[spare]", "[nobody]"), "--tags", "edge", playbook="deploy")
    assert done.returncode == 2
    assert report(done)["critical"] == 1


@pytest.mark.parametrize("playbook", ["deploy", "reload", "explain"])
@pytest.mark.parametrize("option", ["--tags", "--skip-tags"])
def test_a_tag_that_no_role_has_is_refused_with_those_there_are(
    tmp_path: pathlib.Path, playbook: str, option: str
) -> None:
    done = play(tmp_path, SOUND, option, "edge,nosuch", playbook=playbook)
    assert done.returncode == 2
    assert "no role has the tag nosuch. The tags are edge, litellm, live, llama_cpp, redis" in done.stderr
    assert "192.0.2.1" not in done.stderr


def test_a_tag_of_a_users_own_playbook_is_none_of_our_business(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND, "--tags", "house", "-e", '{"ai_backend_own_tags": ["house"]}')
    assert (done.returncode, report(done)["critical"]) == (0, 0)


def test_a_scope_that_leaves_the_mistake_out_ends_well(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND.replace("[spare]", "[nobody]"), "-e", "ai_backend_validate_only=ports,secrets")
    assert (done.returncode, report(done)["findings"]) == (0, [])


def test_a_mistyped_variable_is_critical_wherever_it_stands_and_no_value_is_looked_at(tmp_path: pathlib.Path) -> None:
    touched = tmp_path / "touched"
    text = f"""{SOUND}ai_backend_gatway: {{bind: "{{{{ lookup('ansible.builtin.pipe', 'touch {touched}') }}}}"}}
litellm_timout: 3
ai_backend_house_models: [a]
mine: "{{{{ ai_backend_house_models }}}}"
"""
    done = play(tmp_path, text, "-e", "ai_backend_adress=10.0.0.1")
    rows = report(done)["findings"]
    assert done.returncode == 2
    assert [(row["path"], row["line"]) for row in rows if row["severity"] == "critical"] == [
        ("ai_backend_adress", None),
        ("ai_backend_gatway", 15),
        ("litellm_timout", 16),
    ]
    assert not touched.exists()


def test_a_value_that_a_role_would_refuse_on_the_host_is_refused_here(tmp_path: pathlib.Path) -> None:
    text = SOUND + "llama_cpp_gpu: nvidia\nlitellm_timeout: soon\nlitellm_soak_seconds: '5'\n"
    rows = report(play(tmp_path, text))["findings"]
    assert [(row["path"], row["line"], row["hint"]) for row in rows if row["severity"] == "critical"] == [
        ("litellm_timeout", 16, "write a whole number, such as 240"),
        ("llama_cpp_gpu", 15, "write cuda for it (possible are none, cuda, vulkan)"),
    ]


@pytest.mark.parametrize(
    ("url", "path", "message"),
    [
        ("", "llama_cpp_archive_url", "is empty, so llama.cpp could not be installed on host 'gpu1'"),
        ("file:///nowhere/llama.tar.gz", "llama_cpp_archive_url", "is not a file on the machine that runs Ansible"),
    ],
)
def test_an_archive_that_is_not_there_is_known_before_any_host_is_asked(
    tmp_path: pathlib.Path, url: str, path: str, message: str
) -> None:
    rows = report(play(tmp_path, SOUND + f'llama_cpp_archive_url: "{url}"\n'))["findings"]
    found = [(row["severity"], row["path"], row["message"]) for row in rows if row["path"] == path]
    assert found == [("warning", path, message)]


def test_a_key_that_stands_twice_is_critical_although_ansible_goes_on(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND + "    lab-tiny: []\n")
    rows = report(done)["findings"]
    assert done.returncode == 2
    assert [(row["check"], row["path"], row["line"]) for row in rows] == [
        ("yaml", "ai_backend_routing.fallback_chains.lab-tiny", 15)
    ]


def test_a_variable_in_two_files_is_one_finding_that_names_both_and_the_one_that_counts(tmp_path: pathlib.Path) -> None:
    (tmp_path / "group_vars" / "all").mkdir(parents=True)
    (tmp_path / "group_vars" / "all" / "a.yml").write_text(SOUND)
    (tmp_path / "group_vars" / "all" / "more.yml").write_text("---\nai_backend_providers: {}\n")
    done = play(tmp_path, None)
    (row,) = report(done)["findings"]
    assert done.returncode == 2
    assert (row["check"], row["file"], row["line"]) == ("yaml", "group_vars/all/more.yml", 2)
    folder = "group_vars/all"
    assert f"{folder}/a.yml:1 and in {folder}/more.yml:2; {folder}/more.yml:2 is used" in row["message"]


def test_a_file_that_is_no_yaml_is_in_the_document_too(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND + "    broken: [\n")
    (row,) = report(done)["findings"]
    assert done.returncode != 0
    assert (row["check"], row["file"], row["line"]) == ("yaml", "group_vars/all.yml", 16)


@pytest.mark.parametrize("playbook", ["validate", "deploy", "status", "rollback", "remove"])
def test_every_verb_names_the_file_and_line_that_is_no_yaml_and_nothing_of_its_text(
    tmp_path: pathlib.Path, playbook: str
) -> None:
    done = play(tmp_path, f"house_key: {LITERAL}\nx: [1, {LITERAL}\ny: 2\n", playbook=playbook)
    assert "group_vars/all.yml:3" in done.stderr
    assert LITERAL not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bytes.yml", b"a: 1\nb: caf\xe9\n", "bytes.yml:2"),
        ("notes", b"remember the milk\n", "notes:1"),
    ],
)
def test_a_stray_file_among_the_variables_is_named(
    tmp_path: pathlib.Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / "group_vars" / "all").mkdir(parents=True)
    (tmp_path / "group_vars" / "all" / "a.yml").write_text(SOUND)
    (tmp_path / "group_vars" / "all" / name).write_bytes(content)
    (tmp_path / "group_vars" / "all" / "empty.yml").mkdir()
    done = play(tmp_path, None)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert report(done)["critical"] == 1


def test_a_template_that_fails_is_a_finding_beside_the_others_and_shows_no_line_around_it(
    tmp_path: pathlib.Path,
) -> None:
    text = SOUND + f'house_key: {LITERAL}\nai_backend_cache: {{ttl: "{{{{ nosuch }}}}", databse: 1}}\n'
    done = play(tmp_path, text)
    rows = [row for row in report(done)["findings"] if row["severity"] == "critical"]
    assert [(row["path"], row["line"]) for row in rows] == [
        ("ai_backend_cache.databse", 16),
        ("ai_backend_cache.ttl", 16),
    ]
    assert rows[1]["message"] == "cannot be rendered: 'nosuch' is undefined"
    assert LITERAL not in done.stdout + done.stderr


def test_a_question_about_a_provider_that_there_is_none_of_is_answered_in_a_line(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND, "-e", "model=lab-tiny", "-e", "down=nosuch", playbook="explain")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if "nosuch" in line]
    assert line == "gpu1: down: 'nosuch' is not a provider → known: native, spare"


def test_the_report_may_be_written_to_a_file_even_in_check_mode(tmp_path: pathlib.Path) -> None:
    wanted = tmp_path / "findings.json"
    done = play(tmp_path, SOUND, "--check", "-e", f"ai_backend_output_file={wanted}")
    assert json.loads(wanted.read_text()) == report(done)


@pytest.mark.parametrize("scope", ["true", "critical"])
def test_deploy_ends_after_the_check_and_touches_no_host(tmp_path: pathlib.Path, scope: str) -> None:
    done = play(tmp_path, SOUND, "-e", f"ai_backend_validate_only={scope}", playbook="deploy")
    assert done.returncode == 0
    assert report(done)["critical"] == 0
    assert "192.0.2.1" not in done.stderr
    assert "unreachable" not in done.stderr.lower()


def test_without_the_scope_deploy_would_have_gone_there(tmp_path: pathlib.Path) -> None:
    done = play(tmp_path, SOUND, "-e", "ai_backend_validate_only=false", playbook="deploy")
    assert done.returncode != 0
    assert "gpu1" in done.stderr


@pytest.mark.parametrize("shown_as", ["json", "yaml"])
def test_each_finding_is_a_line_of_its_own_also_without_our_ansible_cfg(tmp_path: pathlib.Path, shown_as: str) -> None:
    settings = {"ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_CALLBACK_RESULT_FORMAT": shown_as}
    done = play(tmp_path, SOUND.replace("[spare]", "[nobody]"), **settings)
    (line,) = [line for line in done.stdout.splitlines() if "chain item 'nobody'" in line]
    assert line.strip(' ",').startswith("ai_backend_routing.fallback_chains.lab-tiny[0]: "), done.stdout
