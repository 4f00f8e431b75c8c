"""Roles keep their word: what they declare is what they default to, and they stay small."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.data.row import Row
from checkout import load, roles, short, tasks, tracked

ROLES = pytest.mark.parametrize("role", roles(), ids=lambda role: role.name)
# What a plain run of a role does, and all that it may include when it is asked to.
TASKS_AT_MOST = 6
WITH_INCLUDED_AT_MOST = 20
# `service` holds the mechanism, `host` the preflight, so that the others only say what is theirs.
GENERIC = {"service", "host"}
GENERIC_WITH_INCLUDED_AT_MOST = 24
SCALAR_DEFAULTS_AT_MOST = 15


def specs(role: pathlib.Path) -> list[dict[str, Any]]:
    """The argument spec of each entry point of a role."""
    found = load(role / "meta/argument_specs.yml")["argument_specs"]
    assert all(spec.get("short_description") for spec in found.values())
    return list(found.values())


def options(role: pathlib.Path) -> dict[str, list[dict[str, Any]]]:
    """What each entry point that takes an option says of it."""
    merged: dict[str, list[dict[str, Any]]] = {}
    for spec in specs(role):
        for name, option in (spec.get("options") or {}).items():
            merged.setdefault(name, []).append(option)
    assert [name for name, said in merged.items() if len({option.get("type") for option in said}) > 1] == []
    return merged


def defaults(role: pathlib.Path) -> dict[str, Any]:
    """The default values of a role."""
    file = role / "defaults/main.yml"
    return (load(file) if file.exists() else None) or {}


@ROLES
def test_every_default_is_declared(role: pathlib.Path) -> None:
    optional = {name for name, said in options(role).items() if not all(option.get("required") for option in said)}
    assert set(defaults(role)) == optional


@ROLES
def test_declared_defaults_are_the_real_ones(role: pathlib.Path) -> None:
    """A default that is a template is declared for a text alone: tools check declared ones by their types."""
    real = defaults(role)
    for name, said in options(role).items():
        for option in (option for option in said if not option.get("required")):
            template = isinstance(real[name], str) and "{{" in real[name]
            if template and (option["type"] not in ("path", "raw", "str") or "choices" in option):
                assert "default" not in option, name
            else:
                assert "default" in option and option["default"] == real[name], name


@ROLES
def test_every_option_is_described(role: pathlib.Path) -> None:
    def missing(level: dict[str, dict[str, Any]], prefix: str = "") -> list[str]:
        found = []
        for name, option in level.items():
            if not (option.get("description") and "type" in option):
                found.append(prefix + name)
            found += missing(option.get("options", {}), f"{prefix}{name}.")
        return found

    assert [name for spec in specs(role) for name in missing(spec.get("options") or {})] == []


@ROLES
def test_variables_carry_the_roles_name(role: pathlib.Path) -> None:
    internal = role / "vars/main.yml"
    names = [*defaults(role), *((load(internal) or {}) if internal.exists() else {})]
    for file in sorted(role.glob("tasks/*.yml")):
        for task in tasks(load(file)):
            names += [key for key in task.get("ansible.builtin.set_fact", {}) if key != "cacheable"]
            names += [task["register"]] if "register" in task else []
    # Facts that one role hands to the others carry the collection's name.
    allowed = re.compile(rf"(__)?{role.name}(_\w+)?|ai_backend_\w+")
    assert [name for name in names if not allowed.fullmatch(name)] == []


def size(role: pathlib.Path, file: str = "main.yml", follow: str = "import include") -> int:
    """How many tasks stand in a file, and in those of the role that it imports or includes."""
    count = 0
    for task in tasks(load(role / "tasks" / file)):
        found = [task.get(f"ansible.builtin.{verb}_tasks") for verb in follow.split()]
        names = [entry["file"] if isinstance(entry, dict) else entry for entry in found if entry]
        inside = [name for name in names if "{{" not in name]
        count += sum(size(role, name, follow) for name in inside) or 1
    return count


@ROLES
def test_the_role_stays_small(role: pathlib.Path) -> None:
    scalars = [name for name, value in defaults(role).items() if not isinstance(value, dict | list)]
    assert len(scalars) <= SCALAR_DEFAULTS_AT_MOST, scalars
    begun = [name for name in ("main.yml", "install.yml") if (role / "tasks" / name).exists()]
    at_most = GENERIC_WITH_INCLUDED_AT_MOST if role.name in GENERIC else WITH_INCLUDED_AT_MOST
    assert sum(size(role, name) for name in begun) <= at_most
    if role.name not in GENERIC:
        assert 0 < size(role, follow="import") <= TASKS_AT_MOST


@ROLES
def test_the_role_has_a_readme(role: pathlib.Path) -> None:
    assert (role / "README.md").is_file(), f"run make docs: {short(role)} has no README.md"


SERVICES = [role for role in roles() if "ai_backend_service" in options(role) and role.name != "service"]


def test_only_the_role_plan_reads_the_registry() -> None:
    reads = {file.parents[1].name for file in tracked("roles/*/*/*.yml") if "ai_backend_routing |" in file.read_text()}
    assert reads == {"plan"}


@pytest.mark.parametrize("role", SERVICES, ids=lambda role: role.name)
def test_a_service_role_is_one_task_with_its_name_as_a_tag(role: pathlib.Path) -> None:
    (task,) = load(role / "tasks/main.yml")
    assert task["ansible.builtin.import_role"] == {"name": "lab.ai_backend.service"}
    assert task["tags"] == [role.name]


@pytest.mark.parametrize("role", SERVICES, ids=lambda role: role.name)
def test_a_service_role_takes_its_row_and_shows_a_play_with_one(role: pathlib.Path) -> None:
    row = options(role)["ai_backend_service"][0]
    assert row["required"] and set(row["options"]) == set(Row.__annotations__)
    (play,) = load(role / "examples/play.yml")
    example = play["vars"]["ai_backend_service"]
    assert set(example) == set(Row.__annotations__)
    assert set(row["options"]["config"]["options"]) == set(example["config"])
    assert example["role"] == f"lab.ai_backend.{role.name}" in [entry.get("role", "") for entry in play["roles"]]


# What the role of the host reads of its part of the plan, without a default.
READ_OF_THE_SLICE = {
    key
    for file in tracked("roles/host/*/*.yml")
    for key, default in re.findall(r"host_slice\.(\w+)(\s*\|\s*default)?", file.read_text())
    if not default
}


@pytest.mark.parametrize("role", SERVICES, ids=lambda role: role.name)
def test_the_play_of_a_service_role_prepares_the_host_with_all_that_this_reads(role: pathlib.Path) -> None:
    (play,) = load(role / "examples/play.yml")
    (host,) = (entry for entry in play["roles"] if entry.get("role") == "lab.ai_backend.host")
    assert set(host["vars"]["host_slice"]) >= READ_OF_THE_SLICE


def test_packages_are_installed_in_one_role_so_that_a_bundle_knows_them() -> None:
    installs = {
        file.parents[1].name for file in tracked("roles/*/*/*.yml") if "ansible.builtin.apt:" in file.read_text()
    }
    assert installs == {"service"}
