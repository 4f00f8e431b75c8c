"""Rules for tasks and plays that no linter checks the way we mean them."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator

import pytest
import yaml

from checkout import ROOT, load, module_of, short, task_files, tasks, tracked

FILES = pytest.mark.parametrize("file", task_files(), ids=short)
PLAYBOOKS = pytest.mark.parametrize("file", tracked("playbooks/*.yml"), ids=short)
BUILTIN = "ansible.builtin."
ADDRESSES = ("http://", "https://", "ftp://")
PLAYBOOK_LINES = 40


def scalars(node: yaml.Node, key: str) -> Iterator[yaml.ScalarNode]:
    """The scalar values that stand under a key anywhere in a YAML tree."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key and isinstance(value, yaml.ScalarNode):
                yield value
            yield from scalars(value, key)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from scalars(item, key)


@FILES
def test_modules_are_named_in_full(file: pathlib.Path) -> None:
    assert [module_of(task) for task in tasks(load(file)) if module_of(task).count(".") < 2] == []


@FILES
def test_tasks_are_named(file: pathlib.Path) -> None:
    assert [task for task in tasks(load(file)) if not task.get("name")] == []


@FILES
def test_no_name_of_a_task_has_the_variable_of_its_loop(file: pathlib.Path) -> None:
    """The name is printed once, before the loop begins: it would be another thing of that name, or an error."""
    for task in tasks(load(file)):
        if "loop" in task:
            variable = task.get("loop_control", {}).get("loop_var", "item")
            assert not re.search(rf"{{{{[^}}]*\b{variable}\b", task["name"]), task["name"]


@FILES
def test_nothing_pauses_or_ignores_errors(file: pathlib.Path) -> None:
    for task in tasks(load(file)):
        # To ask is no pause.
        asks = set(task.get(f"{BUILTIN}pause") or {}) == {"prompt"}
        assert asks or module_of(task) != f"{BUILTIN}pause", task
        assert "ignore_errors" not in task, task


@FILES
def test_downloads_are_checked(file: pathlib.Path) -> None:
    for task in tasks(load(file)):
        module = module_of(task)
        if module == f"{BUILTIN}get_url":
            assert task[module].get("checksum"), task
        if module == f"{BUILTIN}unarchive":
            source = str(task[module]["src"])
            assert not source.startswith(ADDRESSES), f"unarchive checks nothing: get_url first: {task}"
        if module in (f"{BUILTIN}uri", f"{BUILTIN}apt"):
            assert "dest" not in task[module], f"use get_url, which checks: {task}"
            assert not str(task[module].get("deb", "")).startswith(ADDRESSES), f"get_url first: {task}"


@pytest.mark.parametrize("file", tracked("roles/**/*.yml", "playbooks/*.yml"), ids=short)
def test_modes_are_quoted(file: pathlib.Path) -> None:
    for document in yaml.compose_all(file.read_text()):
        if document is not None:
            plain = [node for node in scalars(document, "mode") if node.style is None and node.value[:1].isdigit()]
            assert plain == []


@PLAYBOOKS
def test_playbooks_are_short(file: pathlib.Path) -> None:
    assert len(file.read_text().splitlines()) <= PLAYBOOK_LINES


@PLAYBOOKS
def test_playbooks_validate_first(file: pathlib.Path) -> None:
    """All that act on the registry; the ways in, back and out must work when it is not whole or can't be parsed."""
    exempt = {
        "apply.yml",
        "ask.yml",
        "cache.yml",
        "engine_source.yml",
        "import.yml",
        "init.yml",
        "managed_hosts.yml",
        "prepare.yml",
        "remove.yml",
        "requests.yml",
        "rollback.yml",
        "sbom.yml",
        "status.yml",
        "validate.yml",
        "verify_observability.yml",
    }
    if file.name in exempt:
        assert "validate.yml" not in file.read_text()
    else:
        assert load(file)[0].get(f"{BUILTIN}import_playbook") == "validate.yml"


def test_collections_used_are_declared() -> None:
    """In galaxy.yml what users need, in the tools what only the tests need."""
    declared = {"ansible.builtin", "lab.ai_backend", *load(ROOT / "galaxy.yml")["dependencies"]}
    shipped = tracked("roles/*/tasks/*.yml", "playbooks/*.yml")
    used = {module_of(task).rpartition(".")[0] for file in shipped for task in tasks(load(file))}
    assert used <= declared
