# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Get a model from the library that Ollama pulls from, without an Ollama: its manifest, and the files that this names.

The folder is laid out as OLLAMA_MODELS is. Requests and files are those of Ollama's source of 2026-08 (images.go and
download.go in server, manifest/manifest.go): a manifest is kept as it comes, and its SHA-256 is the digest that `ollama
list` shows; a blob is named by its SHA-256, and the library may send a client on to another place for it.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import urllib.request
from collections.abc import Callable, Iterable
from typing import TypedDict

from ..fetching.download import STALLED_SECONDS, DownloadError, SameServer, ask, from_mirror, reason_of
from ..fetching.listed_files import File, bytes_there, check_room, get_one
from ..fetching.progress import Progress, size
from ..fetching.state import DONE, FAILED, Reporter
from ..host.layout import read_text, write_atomic
from ..releases.file_list import sha256_of
from .store import BLOBS, DIGEST, parts_of, path_of

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
# A manifest has a line for each layer; the largest models have some thousand.
LONGEST_MANIFEST = 10_000_000


class Request(TypedDict):
    """`name` has a tag. `digests` are those that the manifest must have, whole or their beginnings."""

    name: str
    digests: list[str]
    path: str
    mirror: dict[str, str]
    environment: dict[str, str]


def address(request: Request, kind: str, name: str) -> str:
    host, namespace, model, _tag = parts_of(request["name"])
    return from_mirror(f"https://{host}/v2/{namespace}/{model}/{kind}/{name}", request["mirror"])


def published(request: Request) -> str:
    """The text of the manifest. Raises DownloadError, also for another digest than the wanted ones."""
    url = address(request, "manifests", parts_of(request["name"])[-1])
    try:
        asked = ask(url, "", {"Accept": MANIFEST_TYPE})
        with urllib.request.build_opener(SameServer()).open(asked, timeout=STALLED_SECONDS) as answer:
            data = answer.read(LONGEST_MANIFEST)
        text = str(data, "utf-8")
        files_of(text)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url}: {reason_of(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{url} does not answer as the library does ({type(error).__name__})") from error
    found = hashlib.sha256(data).hexdigest()
    for digest in request["digests"]:
        if not found.startswith(digest):
            raise DownloadError(
                f"it has the digest {found}, but the registry names {digest}: what its publisher offers under this "
                "name has changed. Write the new digest if you want that, or the name of another version"
            )
    return text


def files_of(manifest: str) -> list[File]:
    """The files that a manifest names, each once. Raises ValueError, KeyError or TypeError for another shape."""
    content = json.loads(manifest)
    found: dict[str, File] = {}
    for layer in [*content["layers"], content["config"]]:
        if not DIGEST.fullmatch(layer["digest"]):
            raise ValueError(layer["digest"])
        digest = layer["digest"][-64:]
        name = f"{BLOBS}/sha256-{digest}"
        found[name] = {"name": name, "bytes": int(layer["size"]), "sha256": digest, "blob": ""}
    return list(found.values())


def there(path: str, name: str, digests: Iterable[str] = ()) -> list[File]:
    """The manifest of a model in the folder and the files that it names; none if one is missing or another model."""
    place = path_of(name)
    manifest = os.path.join(path, place)
    text = read_text(manifest)
    found = sha256_of(manifest) if text is not None else ""
    if text is None or not all(found.startswith(digest) for digest in digests):
        return []
    own: File = {"name": place, "bytes": os.path.getsize(manifest), "sha256": found, "blob": ""}
    try:
        files = [own, *files_of(text)]
    except (ValueError, KeyError, TypeError):
        return []
    return files if all(whole(os.path.join(path, one["name"]), one) for one in files) else []


def whole(path: str, one: File) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) == one["bytes"]


def fetch(request: Request, report: Callable[[object], None]) -> int:
    """All files of the model, its manifest last. Returns their bytes. Raises DownloadError."""
    path = request["path"]
    os.makedirs(path, mode=0o755, exist_ok=True)
    text = published(request)
    files = files_of(text)
    check_room(path, files)
    progress = Progress(request["name"])
    progress.layers |= {one["name"]: (bytes_there(path, one), one["bytes"]) for one in files}
    for one in files:
        url = address(request, BLOBS, f"sha256:{one['sha256']}")
        get_one(path, one, url, "", in_sum(report, progress, one))
    write_atomic(os.path.join(path, path_of(request["name"])), text)
    return sum(one["bytes"] for one in files)


def in_sum(report: Callable[[object], None], progress: Progress, one: File) -> Callable[[object], None]:
    """A report about a file of a model, as a part of the whole."""

    def told(words: object) -> None:
        if isinstance(words, Progress):
            progress.take({"digest": one["name"], "total": one["bytes"], "completed": words.done})
            report(progress)
        else:
            report(f"{progress.name}: {words}")

    return told


def run(request: Request, folder: str) -> None:
    """Get what is asked for; the folder's state shows how far that is and how it ended."""
    reporter = Reporter(folder)
    os.environ.update(request["environment"])
    try:
        count = fetch(request, lambda words: reporter(str(words)))
    except (DownloadError, OSError) as error:
        reporter.state(FAILED, f"{request['name']}: {error}")
    else:
        reporter.state(DONE, f"{request['name']} {size(count)}")
