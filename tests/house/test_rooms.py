"""The rooms of both libraries: each imports those above it in its table, never those below; no circle in any."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

from checkout import short, tracked
from toolcache import ROOT

# What the filters come through sees every room.
LIBRARIES = {
    "plugin_utils": (
        (
            "findings",
            "data",
            "schema",
            "engines",
            "routing",
            "registry",
            "litellm",
            "monitoring",
            "plan",
            "preview",
            "validation",
            "importing",
            "editing",
        ),
        ("entries.py", "guard.py"),
    ),
    "module_utils": (
        (
            "host",
            "releases",
            "fetching",
            "probes",
            "switching",
            "rollback",
            "inspection",
            "measuring",
            "ollama",
            "model_files",
            "bundling",
            "records",
        ),
        (),
    ),
}
FILES = {name: tracked(f"plugins/{name}/*.py") for name in LIBRARIES}
ROOMS = [(library, room) for library, (rooms, _doors) in LIBRARIES.items() for room in rooms]


def imported(path: pathlib.Path, library: str) -> Iterator[tuple[str, ...]]:
    """(room, module) or (module,) of each import from the library, those for types alone among them."""
    package = path.relative_to(ROOT / "plugins" / library).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and 0 < node.level <= len(package) + 1:
            above = package[: len(package) - node.level + 1]
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                yield (*above, *name.split("."))


@pytest.mark.parametrize(
    ("library", "path"), [(name, path) for name, files in FILES.items() for path in files], ids=str
)
def test_a_file_stands_in_a_room_and_imports_from_the_rooms_above(library: str, path: pathlib.Path) -> None:
    rooms, doors = LIBRARIES[library]
    room, *rest = path.relative_to(ROOT / "plugins" / library).parts
    if not rest:
        assert room in doors
        return
    below = {*rooms[rooms.index(room) + 1 :], *(door.removesuffix(".py") for door in doors)}
    assert not {target[0] for target in imported(path, library)} & below


@pytest.mark.parametrize(("library", "room"), ROOMS)
def test_no_import_goes_round_inside_a_room(library: str, room: str) -> None:
    below = ROOT / "plugins" / library
    files = {path.relative_to(below).with_suffix("").parts: path for path in FILES[library]}
    files = {name: path for name, path in files.items() if name[0] == room}
    assert files
    left = {name: set(imported(path, library)) & files.keys() for name, path in files.items()}
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:
            del left[name]
    assert not left, f"{', '.join(map('/'.join, sorted(left)))} import each other"


@pytest.mark.parametrize("path", FILES["plugin_utils"], ids=short)
def test_of_the_hosts_library_the_controllers_takes_the_layout_alone(path: pathlib.Path) -> None:
    """So folders, units and secret files have one name, and the library needs nothing of a host."""
    package = path.relative_to(ROOT / "plugins").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == len(package) + 1:
            assert node.module == "module_utils.host.layout"


@pytest.mark.parametrize("path", tracked("plugins/*/__init__.py"), ids=short)
def test_a_room_has_no_code_of_its_own(path: pathlib.Path) -> None:
    """A filter that needs one file of a library must not load the others."""
    assert path.read_text() == ""
