# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The types of providers: every provider class in the files of `local/` (hosts of the inventory) and `remote/`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import get_args

from ..data.folder_modules import modules_in
from .provider import Provider

_HERE = Path(__file__).parent
FOLDERS = (_HERE / "local", _HERE / "remote")


def provider_types() -> dict[str, type[Provider]]:
    """`type` -> its class, sorted."""
    return _found(FOLDERS)


@cache
def _found(folders: tuple[Path, ...]) -> dict[str, type[Provider]]:
    return dict(sorted(row for module in modules_in(folders) for row in _classes(module)))


def _classes(module: ModuleType) -> Iterator[tuple[str, type[Provider]]]:
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Provider) and found.__module__ == module.__name__:
            yield from ((kind, found) for kind in get_args(found.model_fields["type"].annotation))
