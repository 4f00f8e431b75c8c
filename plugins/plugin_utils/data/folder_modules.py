# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Python files of some folders, as modules: a new file is found without a list of files."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

_LIBRARY = Path(__file__).parent.parent


@cache
def modules_in(folders: tuple[Path, ...]) -> list[ModuleType]:
    """The modules of all `*.py` in these folders, by name within each; a folder may be outside of the collection.

    A file outside imports the library by the collection's full name. Raises ImportError for one that can't be loaded.
    """
    return [_module(path) for folder in folders for path in sorted(folder.glob("*.py"))]


def _module(path: Path) -> ModuleType:
    if path.is_relative_to(_LIBRARY):
        library = (__package__ or "").rpartition(".")[0]
        return importlib.import_module(".".join((library, *path.relative_to(_LIBRARY).with_suffix("").parts)))
    spec = importlib.util.spec_from_file_location(f"ai_backend_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # pydantic searches there for the names in the annotations of a file.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
