"""The files of the checkout, as the house rules look at them."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import yaml
from ansible.playbook.task import Task

from toolcache import ROOT

# What Ansible itself understands in a task; the one key that is left names the module.
TASK_KEYWORDS = frozenset(Task.fattributes) | {"collections"}


def tracked(*patterns: str) -> list[pathlib.Path]:
    """Files that are in git or about to be, of the given git path patterns; never none."""
    argv = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns]
    names = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split("\0")
    files = sorted({ROOT / name for name in names if name and ((ROOT / name).exists() or (ROOT / name).is_symlink())})
    assert files, f"no file matches {patterns}"
    return files


def copy_to(folder: pathlib.Path) -> None:
    """A checkout in that folder that holds what git would commit, and nothing else."""
    for path in tracked():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)


def short(path: pathlib.Path) -> str:
    """The path as a test's name."""
    return str(path.relative_to(ROOT))


def roles() -> list[pathlib.Path]:
    """The folders of all roles; never none."""
    found = sorted({path.parent.parent for path in tracked("roles/*/tasks/*.yml")})
    assert found
    return found


def task_files() -> list[pathlib.Path]:
    """Every file with a list of tasks or plays in it."""
    folders = ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml", "playbooks/*.yml", "molecule/*/*.yml")
    return [path for path in tracked(*folders) if isinstance(load(path), list)]


def tasks(node: Any) -> Iterator[dict[str, Any]]:
    """The tasks in a parsed file of tasks or plays, those inside blocks included, blocks themselves not."""
    if isinstance(node, list):
        for item in node:
            yield from tasks(item)
    elif isinstance(node, dict):
        sections = ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers")
        if any(section in node for section in sections):
            for section in sections:
                yield from tasks(node.get(section, []))
        elif "hosts" not in node and not any("import_playbook" in key for key in node):
            yield node


def module_of(task: dict[str, Any]) -> str:
    """The name of the module that a task calls."""
    (name,) = [key for key in task if key not in TASK_KEYWORDS and not key.startswith("with_")]
    return name


def load(path: pathlib.Path) -> Any:
    """A YAML file as plain data."""
    return yaml.safe_load(path.read_text())
