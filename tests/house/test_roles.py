"""Roles keep their word: what they declare is what they default to, and they stay small."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from checkout import ROOT, load, roles, short, tasks

ROLES = pytest.mark.parametrize("role", roles(), ids=lambda role: role.name)
# A plain run of a role; what it only includes when asked (other ways to install, say) is not counted.
TASKS_AT_MOST = 6
# `service` holds the mechanism, `host` the preflight, so that the others only say what is theirs.
GENERIC = {"service", "host"}
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
    real = defaults(role)
    for name, said in options(role).items():
        for option in said:
            assert option.get("required") or ("default" in option and option["default"] == real[name]), name


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


def plain_run(role: pathlib.Path, file: str = "main.yml") -> int:
    """How many tasks stand in a file and in those it imports."""
    count = 0
    for task in tasks(load(role / "tasks" / file)):
        imported = task.get("ansible.builtin.import_tasks")
        name = imported["file"] if isinstance(imported, dict) else imported
        count += plain_run(role, name) if name else 1
    return count


@ROLES
def test_the_role_stays_small(role: pathlib.Path) -> None:
    scalars = [name for name, value in defaults(role).items() if not isinstance(value, dict | list)]
    assert len(scalars) <= SCALAR_DEFAULTS_AT_MOST, scalars
    if role.name not in GENERIC:
        assert 0 < plain_run(role) <= TASKS_AT_MOST


@ROLES
def test_the_role_has_a_readme(role: pathlib.Path) -> None:
    assert (role / "README.md").is_file(), f"run make docs: {short(role)} has no README.md"


def test_every_role_that_reads_the_registry_reads_the_same() -> None:
    """A role's variables do not reach the next play, so they stand in each."""
    parts = load(ROOT / "roles" / "plan" / "vars" / "main.yml")["__plan_registry"]
    assert load(ROOT / "roles" / "explain" / "vars" / "main.yml")["__explain_registry"] == parts
    assert load(ROOT / "roles" / "look" / "vars" / "main.yml")["__look_parts"] == parts


def test_the_tags_that_are_known_are_those_of_the_plays() -> None:
    plays = [play for file in ("apply", "validate") for play in load(ROOT / "playbooks" / f"{file}.yml")]
    parts = [part for play in plays for part in (play, *play.get("roles", [])) if isinstance(part, dict)]
    used = {tag for part in parts for tag in part.get("tags", [])} - {"always", "never"}
    assert used == set(load(ROOT / "roles" / "plan" / "vars" / "main.yml")["__plan_tags"])
