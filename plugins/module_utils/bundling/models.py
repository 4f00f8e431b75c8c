# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Models of many files in a bundle: where they are, whether they are complete, and what gets them.

A `hub` has repositories, each with a folder of its own. The models of a `library` have files in common, and one folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..fetching import hub
from ..fetching.download import bytes_in
from ..ollama import library
from ..releases import file_list

FOLDER, HUB, LIBRARY = "models", "hub", "library"
KINDS = (HUB, LIBRARY)
# {kind, name, revision, digests}: the repository with its commit, or a model with the digests that it must have.
Model = Mapping[str, Any]


def id_of(model: Model) -> str:
    """`Qwen/Qwen2.5-7B-Instruct-AWQ@<commit>`, or `llama3.1:8b`."""
    return f"{model['name']}@{model['revision']}" if model["kind"] == HUB else str(model["name"])


def place_of(model: Model) -> str:
    """The folder of its files in a bundle."""
    if model["kind"] == HUB:
        return os.path.join(FOLDER, HUB, model["name"].replace("/", "--"), model["revision"])
    return os.path.join(FOLDER, LIBRARY)


def complete(folder: str, model: Model) -> bool:
    return bool(files_of(folder, model))


def files_of(folder: str, model: Model) -> list[tuple[str, str]]:
    """(path below its folder, SHA-256) of each file of a model that is complete in a bundle, sorted; else none."""
    path = os.path.join(folder, place_of(model))
    if model["kind"] == HUB:
        listed = (file_list.read(path) or {"files": {}})["files"]
        whole = all(bytes_in(os.path.join(path, name)) == entry[0] for name, entry in listed.items())
        return sorted((name, entry[2]) for name, entry in listed.items()) if whole else []
    return sorted((one["name"], one["sha256"]) for one in library.there(path, model["name"], model["digests"]))


def get(folder: str, model: Model, mirror: dict[str, str], environment: dict[str, str], token: str, work: str) -> None:
    """Get it into the bundle; the folder `work` shows how far that is and how it ended."""
    path = os.path.join(folder, place_of(model))
    if model["kind"] == HUB:
        repository: hub.Request = {
            "repo": model["name"],
            "revision": model["revision"],
            "path": path,
            "mirror": mirror,
            "environment": environment,
            "token": token,
        }
        hub.run(repository, work)
        return
    wanted: library.Request = {
        "name": model["name"],
        "digests": list(model["digests"]),
        "path": path,
        "mirror": mirror,
        "environment": environment,
    }
    library.run(wanted, work)


def rows_of(folder: str, models: Sequence[Model]) -> list[dict[str, Any]]:
    """A row {path, sha256} for each file of these models, each once: some have files in common."""
    found = {
        os.path.join(place_of(model), name): sha256 for model in models for name, sha256 in files_of(folder, model)
    }
    return [{"path": path, "sha256": sha256} for path, sha256 in sorted(found.items())]
