# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A manifest that names the blobs of a model, in the layout of a registry: manifests/… next to blobs/sha256-…."""

from __future__ import annotations

import json
import os
import re

from .facts import Facts, UnreadableError
from .gguf_layers import gguf_facts

LONGEST = 1 << 20
MANIFESTS, BLOBS = "manifests", "blobs"
DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
# Ends of the types of its layers: the model itself, and what is loaded with it.
MODEL, WITH_IT = ".image.model", (".image.projector", ".image.adapter")


def is_manifest(path: str) -> bool:
    """Whether a file is below a folder of manifests."""
    return f"{os.sep}{MANIFESTS}{os.sep}" in path


def manifest_facts(path: str) -> Facts:
    """The facts of its model, with the weights of all that is loaded with it. Raises UnreadableError and OSError."""
    top = path.rpartition(f"{os.sep}{MANIFESTS}{os.sep}")[0]
    model, more = "", []
    for kind, blob in _layers(path):
        if kind.endswith(MODEL):
            model = blob
        elif kind.endswith(WITH_IT):
            more.append(blob)
    if not model:
        raise UnreadableError("names no model")
    facts = gguf_facts(os.path.join(top, BLOBS, model))
    extra = sum(gguf_facts(os.path.join(top, BLOBS, blob))["bytes"] for blob in more)
    return {**facts, "bytes": facts["bytes"] + extra, "output_bytes": facts["output_bytes"] + extra}


def _layers(path: str) -> list[tuple[str, str]]:
    """[(type, name of the blob)]."""
    with open(path, "rb") as handle:
        text = handle.read(LONGEST + 1)
    try:
        layers = json.loads(text)["layers"]
        found = [(str(layer["mediaType"]), DIGEST.fullmatch(str(layer["digest"]))) for layer in layers]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnreadableError("is not a manifest of a model") from None
    return [(kind, f"sha256-{digest[1]}") for kind, digest in found if digest]
