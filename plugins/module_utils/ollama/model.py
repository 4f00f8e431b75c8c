# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One model of an Ollama server: what it lacks to be as wanted, and how it gets it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypedDict

from ..fetching.progress import Progress
from ..releases.file_list import sha256_of
from .server import OllamaError, Server

Report = Callable[[str], object]


class Spec(TypedDict):
    """A model as the plan describes it, names with their tags.

    `pull` is the model of a library that it is, or that it is made from; empty for one from the GGUF file `file`.
    `digest` is that of the pulled model, or its beginning, or empty. `recipe` = {parameters, template, system}.
    """

    name: str
    pull: str
    file: str
    digest: str
    recipe: dict[str, Any]
    aliases: list[str]


def full_name(name: str) -> str:
    """A name as Ollama lists it: with a tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def is_made(spec: Spec) -> bool:
    """Whether it is made here, from a file or another model."""
    return spec["name"] != spec["pull"]


def note_of(spec: Spec, origin: str) -> str:
    """What a model that is made here has among its licenses: from what it was made, and how.

    The digest of the result does not show this: it depends on the version of Ollama.
    """
    text = json.dumps(spec["recipe"], sort_keys=True, separators=(",", ":"))
    recipe = hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]
    return f"Made by lab.ai_backend from {origin}, recipe {recipe}. The license is that of its publisher."


def origin_of(spec: Spec, models: Mapping[str, str]) -> str:
    """From what a model is made, with its sum; a file that is gone has none."""
    if spec["file"]:
        there = os.path.isfile(spec["file"])
        return f"a GGUF file with sha256 {sha256_of(spec['file']) if there else 'unknown'}"
    return f"{spec['pull']} with digest {models.get(spec['pull'], 'unknown')}"


def lacking(server: Server, spec: Spec) -> list[str]:
    """What has to be done for a model, in words; none where it is as wanted. Changes nothing."""
    models = server.models()
    reasons = list(of_the_pull(spec, models))
    if is_made(spec):
        made = f"make {spec['name']} from {spec['file'] or spec['pull']}"
        if spec["name"] not in models or reasons:
            reasons.append(made)
        elif note_of(spec, origin_of(spec, models)) not in server.license(spec["name"]):
            reasons.append(f"{made} again: it was made in another way")
    # What is about to change is copied again.
    wanted = "" if reasons else models[spec["name"]]
    stale = [alias for alias in spec["aliases"] if not wanted or models.get(alias) != wanted]
    return reasons + [f"copy {spec['name']} to {alias}" for alias in stale]


def of_the_pull(spec: Spec, models: Mapping[str, str]) -> Iterator[str]:
    if not spec["pull"]:
        return
    found = models.get(spec["pull"])
    if found is None:
        yield f"pull {spec['pull']}"
    elif not found.startswith(spec["digest"]):
        yield f"pull {spec['pull']} again: it has digest {found[:12]}, not {spec['digest'][:12]}"


def bring(server: Server, spec: Spec, report: Report = lambda text: None) -> list[str]:
    """Give a server the model. Returns what was done, in words. Raises OllamaError or OSError."""
    reasons = lacking(server, spec)
    if any(reason.startswith("pull ") for reason in reasons):
        pull(server, spec, report)
    if any(reason.startswith("make ") for reason in reasons):
        make(server, spec, report)
    for alias in spec["aliases"]:
        if f"copy {spec['name']} to {alias}" in reasons:
            server.copy(spec["name"], alias)
    return reasons


def pull(server: Server, spec: Spec, report: Report) -> None:
    """Download a model; Ollama continues one that was interrupted. Raises OllamaError, also for another digest."""
    name, progress = spec["pull"], Progress(spec["pull"])
    try:
        for line in server.lines("/api/pull", {"model": name}):
            progress.take(line)
            report(str(progress))
    except OllamaError as error:
        raise OllamaError(f"{name} can't be pulled: {error}") from error
    found = server.models().get(name, "")
    if not found.startswith(spec["digest"]):
        raise OllamaError(
            f"{name} has the digest {found}, but the registry names {spec['digest']}: what its publisher offers under "
            "this name has changed. Write the new digest if you want that, or the name of another version"
        )


def make(server: Server, spec: Spec, report: Report) -> None:
    """Make a model from a file or from another one. Raises OllamaError."""
    name = spec["name"]
    body: dict[str, Any] = {"model": name, **spec["recipe"]}
    if spec["file"]:
        if not os.path.isfile(spec["file"]):
            remedy = "put it there, or give the model `url` and `sha256`"
            raise OllamaError(f"{name} is made from {spec['file']}, which isn't on this host: {remedy}")
        report(f"{name} sha256 of {spec['file']}")
        digest = sha256_of(spec["file"])
        origin = f"a GGUF file with sha256 {digest}"
        report(f"{name} copy of {spec['file']}")
        server.upload(spec["file"], digest)
        body["files"] = {"model.gguf": f"sha256:{digest}"}
    else:
        origin = origin_of(spec, server.models())
        body["from"] = spec["pull"]
    body["license"] = note_of(spec, origin)
    try:
        for line in server.lines("/api/create", body):
            report(f"{name} {line.get('status', '')}")
    except OllamaError as error:
        raise OllamaError(f"{name} can't be made from {spec['file'] or spec['pull']}: {error}") from error
