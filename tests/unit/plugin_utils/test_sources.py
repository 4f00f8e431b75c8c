# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry's own files: where keys stand, and which stand there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.yaml_files import (
    Sources,
    read_files,
    read_texts,
    twice_in,
)


def read(text: str | bytes) -> Sources:
    return read_texts([("a.yml", text)])


def said(text: str | bytes) -> list[str]:
    return [str(finding) for finding in read(text).findings]


def test_variables_lose_their_prefix_and_others_are_left_alone() -> None:
    assert read("ai_backend_cache: {ttl: 60}\nother: 1\n").registry == {"cache": {"ttl": 60}}


def test_every_key_and_item_has_its_line() -> None:
    places = read('ai_backend_providers:\n  ollama:\n    models:\n      - name: "a:1"\n      - b\n').places
    assert places["ai_backend_providers"] == "a.yml:1"
    assert places["ai_backend_providers.ollama.models"] == "a.yml:3"
    assert places["ai_backend_providers.ollama.models[0].name"] == "a.yml:4"
    assert places["ai_backend_providers.ollama.models[1]"] == "a.yml:5"


def test_of_a_variable_in_two_files_the_later_one_counts() -> None:
    found = read_texts(
        [("a.yml", "ai_backend_cache: {ttl: 1, namespace: x}"), ("b.yml", "\nai_backend_cache: {ttl: 2}")]
    )
    assert found.registry == {"cache": {"ttl": 2}}
    assert found.places["ai_backend_cache.ttl"] == "b.yml:2"
    assert "ai_backend_cache.namespace" not in found.places


def test_a_key_that_stands_twice_is_found_at_its_second_place() -> None:
    (finding,) = read("ai_backend_ports:\n  services:\n    redis: 1\n    vllm: 2\n    redis: 3\n").findings
    assert (finding.path, finding.where, finding.check) == ("ai_backend_ports.services.redis", "a.yml:5", "yaml")
    assert finding.problem == "is a duplicate (first in line 3)"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("ai_backend_cache: {}\nai_backend_cache: {}\n", "ai_backend_cache"),
        ("ai_backend_providers: {a: {models: [{name: x, name: y}]}}", "ai_backend_providers.a.models[0].name"),
        ('ai_backend_routing: {patterns: {"q*": a, "q*": b}}', 'ai_backend_routing.patterns["q*"]'),
        ("ai_backend_ports: {services: {8080: 1, '8080': 2}}", "ai_backend_ports.services.8080"),
    ],
)
def test_twice_is_seen_at_every_depth(text: str, path: str) -> None:
    (finding,) = read(text).findings
    assert finding.path == path


def test_merged_keys_may_be_given_again() -> None:
    text = "ai_backend_providers:\n  a: &a {type: ollama, status: active}\n  b: {<<: *a, status: inactive}\n"
    found = read(text)
    assert found.findings == ()
    assert found.registry["providers"]["b"] == {"type": "ollama", "status": "inactive"}  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ai_backend_a: [1, 2", 2),
        ("ai_backend_a:\n\tb: 1", 2),
        ("ai_backend_a: *nobody", 1),
        ("ai_backend_a: 'open", 1),
        ("ai_backend_a: b: c", 1),
    ],
)
def test_what_is_no_yaml_is_said_with_its_line(text: str, line: int) -> None:
    (finding,) = read(text).findings
    assert finding.check == "yaml"
    assert finding.problem.startswith("is not YAML: ")
    assert finding.where in (f"a.yml:{line}", "a.yml:1")


def test_no_text_of_the_file_is_quoted() -> None:
    for text in ("a: *hunter2-hunter2", "a: 'hunter2-hunter2", "%hunter2-hunter2\n", "hunter2-hunter2: b: c"):
        assert "hunter2" not in " ".join(said(text))


def test_a_key_that_is_a_secret_is_not_shown() -> None:
    key = "sk-" + "x" * 20
    (line,) = said(f"ai_backend_secrets: {{{key}: 1, {key}: 2}}")
    assert key not in line
    assert line.startswith("ai_backend_secrets: is a duplicate")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ai_backend_a: &a [*a]", "has an alias to a node that contains it"),
        ("ai_backend_a: " + "[" * 60 + "]" * 60, "is nested too deeply"),
        (b"a: \xff", "has a byte that is not UTF-8"),
        ("- a", "is not a mapping of variables"),
        ("ai_backend_a: {? [x] : 1}", "has a key that is not a plain word"),
        ("ai_backend_a: 2024-99-99", "is not a value that YAML knows"),
        ("ai_backend_a: !!int ten", "is not a value that YAML knows"),
    ],
)
def test_strange_yaml_is_a_finding_not_a_traceback(text: str | bytes, problem: str) -> None:
    (finding,) = read(text).findings
    assert (finding.check, finding.problem) == ("yaml", problem)


def test_a_small_file_that_becomes_a_huge_tree_is_refused() -> None:
    levels = ["ai_backend_a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    levels += [f"ai_backend_a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 8)]
    (finding,) = read("\n".join(levels)).findings
    assert finding.problem == "is too large with its aliases expanded"


def test_a_vaulted_value_is_a_text_and_a_vaulted_file_is_left_alone() -> None:
    assert read("ai_backend_secrets:\n  A: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    61\n").registry["secrets"]
    assert read("$ANSIBLE_VAULT;1.1;AES256\n6162\n") == Sources()


def test_files_are_read_from_disk_and_what_is_gone_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "all.yml"
    file.write_text("ai_backend_cache: {ttl: 1, ttl: 2}\n")
    assert read_files([file]).registry == {"cache": {"ttl": 2}}
    (finding,) = twice_in([str(file), str(tmp_path / "gone.yml")])
    assert (finding.path, finding.where) == ("ai_backend_cache.ttl", f"{file}:1")


def test_what_ansible_says_itself_is_not_said_again(tmp_path: Path) -> None:
    file = tmp_path / "all.yml"
    file.write_text("ai_backend_cache: [\n")
    assert twice_in([str(file)]) == []
