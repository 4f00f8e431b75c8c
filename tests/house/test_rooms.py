"""The library's rooms: each imports those above it in this table, never those below, and no circle is inside one."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

from checkout import short, tracked
from toolcache import ROOT

LIBRARY = ROOT / "plugins" / "plugin_utils"
ROOMS = (
    "findings",
    "data",
    "schema",
    "engines",
    "routing",
    "registry",
    "litellm",
    "plan",
    "preview",
    "validation",
    "importing",
)
# What the filters come through; both see every room.
DOORS = ("entries.py", "guard.py")
FILES = tracked("plugins/plugin_utils/*.py")


def imported(path: pathlib.Path) -> Iterator[tuple[str, ...]]:
    """(room, module) or (module,) of each import from the library, those for types alone among them."""
    package = path.relative_to(LIBRARY).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                yield (*above, *name.split("."))


@pytest.mark.parametrize("path", FILES, ids=short)
def test_a_file_stands_in_a_room_and_imports_from_the_rooms_above(path: pathlib.Path) -> None:
    room, *rest = path.relative_to(LIBRARY).parts
    if not rest:
        assert room in DOORS
        return
    below = {*ROOMS[ROOMS.index(room) + 1 :], *(door.removesuffix(".py") for door in DOORS)}
    assert not {target[0] for target in imported(path)} & below


@pytest.mark.parametrize("room", ROOMS)
def test_no_import_goes_round_inside_a_room(room: str) -> None:
    files = {path.stem: path for path in FILES if path.parent == LIBRARY / room}
    assert files
    left = {name: {t[1] for t in imported(path) if t[0] == room and len(t) > 1} for name, path in files.items()}
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:
            del left[name]
    assert not left, f"{', '.join(sorted(left))} import each other"
