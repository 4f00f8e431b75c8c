# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A variable in two files: both are named, and which one counts."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import Finding
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.variable_files import in_two_files

CACHE = "ai_backend_cache"


def found(folder: pathlib.Path, files: dict[str, str], counts: str = "") -> list[Finding]:
    """What is found of files (path -> text); `counts` is file:line of the value that counts."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    read = [str(folder / next(iter(files)))]
    value = f"{folder / counts}" if counts else ""
    return list(in_two_files(read, lambda name: name.startswith("ai_"), {CACHE: value}, {"all", "gpu", "one"}))


def test_both_places_are_named_and_which_one_counts(tmp_path: pathlib.Path) -> None:
    files = {"group_vars/all/a.yml": "x: 1\nai_backend_cache: {}\n", "group_vars/all/b.yml": "ai_backend_cache: {}\n"}
    (finding,) = found(tmp_path, files, "group_vars/all/b.yml:1")
    first, last = (f"{tmp_path}/group_vars/all/{file}" for file in ("a.yml:2", "b.yml:1"))
    assert finding.problem == f"is defined in {first} and in {last}; {last} is used"
    assert (finding.path, finding.where, finding.severity, finding.check) == (CACHE, last, "critical", "yaml")


def test_of_a_folder_and_a_file_of_one_name_the_folder_counts(tmp_path: pathlib.Path) -> None:
    files = {"group_vars/all/a.yml": "ai_backend_cache: {}\n", "group_vars/all.yml": "ai_backend_cache: {}\n"}
    (finding,) = found(tmp_path, files)
    assert finding.where == f"{tmp_path}/group_vars/all/a.yml:1"


def test_where_neither_counts_that_is_said(tmp_path: pathlib.Path) -> None:
    files = {"group_vars/all/a.yml": "ai_backend_cache: {}\n", "group_vars/all/b.yml": "ai_backend_cache: {}\n"}
    (finding,) = found(tmp_path, files, "elsewhere.yml:1")
    assert "neither is used" in finding.problem


@pytest.mark.parametrize("other", ["group_vars/gpu.yml", "host_vars/one/x.yml"])
def test_a_registry_for_a_group_alone_is_a_warning(tmp_path: pathlib.Path, other: str) -> None:
    files = {"group_vars/all/a.yml": "ai_backend_cache: {}\n", other: "ai_backend_cache: {}\n"}
    (finding,) = found(tmp_path, files, f"{other}:1")
    assert (finding.severity, finding.where) == ("warning", f"{tmp_path}/{other}:1")


@pytest.mark.parametrize(
    "other",
    [
        # Read by nobody, or not of ours, or meant for each host.
        {"group_vars/nobody.yml": "ai_backend_cache: {}\n"},
        {"group_vars/all/b.yml~": "ai_backend_cache: {}\n"},
        {"group_vars/all/b.txt": "ai_backend_cache: {}\n"},
        {"group_vars/all/b.yml": "# ai_backend_cache: {}\nother:\n  ai_backend_cache: {}\nmine: 1\n"},
        {"host_vars/one.yml": "ai_backend_address: 10.0.0.1\n", "group_vars/gpu.yml": "ai_backend_address: 10.0.0.2\n"},
    ],
)
def test_nothing_is_said_of_what_stands_once(tmp_path: pathlib.Path, other: dict[str, str]) -> None:
    assert found(tmp_path, {"group_vars/all/a.yml": "mine: 1\nai_backend_cache: {}\n", **other}) == []
