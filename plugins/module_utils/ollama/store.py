# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The models of an Ollama server on disk. Each release has its own manifests, and all share the blobs.

`<provider>/blobs/sha256-<digest>` are the layers of all models. `<provider>/<hash>` is what OLLAMA_MODELS names for the
releases with these models: `manifests/<host>/<namespace>/<model>/<tag>`, and a link to the blobs. A rollback starts the
server with the manifests of its release, so each name is the model that it was then.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..host.layout import ARTIFACT_MARKER, Layout, folders_in, names_in, read_json, read_text, write_atomic
from ..releases.file_list import sha256_of
from ..releases.releases import manifest_of
from .server import OllamaError

BLOBS = "blobs"
MANIFESTS = "manifests"
DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}")
LIBRARY = ("registry.ollama.ai", "library")


def manifests(store: str) -> dict[str, str]:
    """{name with its tag: path of its manifest} of the models of a store."""
    found = {}
    top = os.path.join(store, MANIFESTS)
    for folder, _folders, files in os.walk(top):
        for tag in files:
            path = os.path.join(folder, tag)
            parts = os.path.relpath(path, top).split(os.sep)
            if len(parts) == 4 and os.path.isfile(path) and not os.path.islink(path):
                found[name_of(parts)] = path
    return dict(sorted(found.items()))


def name_of(parts: list[str]) -> str:
    """The name as Ollama lists it: the usual host and namespace are left out."""
    host, namespace, model, tag = parts
    short = [] if (host, namespace) == LIBRARY else [namespace] if host == LIBRARY[0] else [host, namespace]
    return f"{'/'.join([*short, model])}:{tag}"


def parts_of(name: str) -> list[str]:
    """[host, namespace, model, tag] of a name with its tag; the usual host and namespace may be left out."""
    model, _colon, tag = name.rpartition(":")
    parts = model.split("/")
    return [*LIBRARY[: 3 - len(parts)], *parts, tag]


def path_of(name: str) -> str:
    """The path of a model's manifest below a store, by its name with its tag."""
    return os.path.join(MANIFESTS, *parts_of(name))


def layers(manifest: str) -> list[str]:
    """Names of the blobs of a model, by the text of its manifest; none where it can't be read."""
    try:
        content = json.loads(manifest)
        digests = [str(layer["digest"]) for layer in [content["config"], *content["layers"]]]
    except (ValueError, KeyError, TypeError):
        return []
    return [digest.replace(":", "-") for digest in digests if DIGEST.fullmatch(digest)]


def current(layout: Layout, instance: str, parent: str) -> str:
    """The store of the release that an instance runs; empty where it has none."""
    manifest = manifest_of(layout, instance)
    stores = (os.path.dirname(path) for path in (manifest or {"requires": []})["requires"])
    return next((path for path in stores if os.path.dirname(path) == parent), "")


def specs_of(store: str) -> list[Mapping[str, Any]]:
    """What a complete store was made for."""
    content = read_json(os.path.join(store, ARTIFACT_MARKER))
    found = content.get("specs") if isinstance(content, dict) else None
    return found if isinstance(found, list) else []


def differing(store: str, specs: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a new store has to get compared with another one, in words."""
    there, known = manifests(store) if store else {}, specs_of(store) if store else []
    lines = []
    for spec in specs:
        if spec in known and spec["name"] in there:
            continue
        if spec["pull"] != spec["name"]:
            lines.append(f"make {spec['name']} from {spec['file'] or spec['pull']}")
        elif spec["name"] not in there or not sha256_of(there[spec["name"]]).startswith(spec["digest"]):
            lines.append(f"pull {spec['name']}")
    return lines


def texts_of(store: str, keep: Collection[str] | None = None) -> dict[str, str]:
    """{path below a store: text} of its manifests, all or those of the names in `keep`; others write these files."""
    found = {}
    for name, path in manifests(store).items():
        text = read_text(path) or ""
        if layers(text) and (keep is None or name in keep):
            found[os.path.relpath(path, store)] = text
    return found


def prepare(store: str, texts: Mapping[str, str]) -> None:
    """Make the folders of a store, and the manifests that it begins with: path below it to text."""
    os.makedirs(os.path.join(os.path.dirname(store), BLOBS), exist_ok=True)
    os.makedirs(os.path.join(store, MANIFESTS), exist_ok=True)
    link = os.path.join(store, BLOBS)
    if not os.path.islink(link):
        os.symlink(os.path.join("..", BLOBS), link)
    for path, text in texts.items():
        if not os.path.exists(os.path.join(store, path)):
            write_atomic(os.path.join(store, path), text)


def leftovers(store: str, keep: Iterable[str]) -> tuple[list[str], list[str]]:
    """(names of the models that are not in `keep`, paths that go with them) of a store and those next to it.

    A store that is not there yet begins with what those next to it have.
    """
    parent, kept = os.path.dirname(store), set(keep)
    others = [os.path.join(parent, name) for name in folders_in(parent) if name not in (BLOBS, os.path.basename(store))]
    rows = [(name, path) for each in [store, *others] for name, path in manifests(each).items()]
    used_in = [store] if os.path.isdir(store) else others
    served = [path for each in used_in for name, path in manifests(each).items() if name in kept]
    used = {layer for path in served for layer in layers(read_text(path) or "")}
    blobs = os.path.join(parent, BLOBS)
    unused = [os.path.join(blobs, name) for name in names_in(blobs) if name not in used]
    return sorted({name for name, _path in rows} - kept), others + unused


def remove(paths: Iterable[str]) -> None:
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def from_bundle(
    specs: Iterable[Mapping[str, Any]], before: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """{path: text} of the manifests that a store takes from a bundle. What it has already and is right stays.

    before, given: path below a store to text, of the store and of the bundle. Raises OllamaError for a model that the
    bundle does not have, or has with another digest.
    """
    taken = {}
    for spec in specs:
        path = path_of(spec["pull"]) if spec["pull"] else ""
        if not path or fits(before.get(path), spec):
            continue
        if not fits(given.get(path), spec):
            other = f"one with the digest {digest_of(given[path])}, not {spec['digest']}" if path in given else "none"
            raise OllamaError(
                f"the registry names {spec['pull']}, and the bundle has {other}: it was made for another registry. "
                "Make it again where there is a network. Nothing was switched"
            )
        taken[path] = given[path]
    return taken


def digest_of(manifest: str) -> str:
    return hashlib.sha256(manifest.encode("utf-8")).hexdigest()


def fits(manifest: str | None, spec: Mapping[str, Any]) -> bool:
    """Whether it is a manifest of what a spec names."""
    return manifest is not None and digest_of(manifest).startswith(spec["digest"])


def marker_text(specs: object, digests: Mapping[str, str]) -> str:
    return json.dumps({"specs": specs, "models": digests}, indent=2, sort_keys=True) + "\n"
