# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Get the files of a model from Hugging Face's hub, at one commit: each is compared with what the hub lists for it.

The hub lists the SHA-256 of large files, and the name that git has for small ones, a SHA-1 of length and content.
"""

from __future__ import annotations

import json
import os
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NotRequired, TypedDict, cast

from ..host.layout import ARTIFACT_MARKER
from ..releases import file_list
from .download import STALLED_SECONDS, DownloadError, SameServer, ask, from_mirror, reason_of
from .listed_files import File, check_room, get_one
from .progress import size
from .state import DONE, FAILED, Reporter, take_request

HUB = "https://huggingface.co/"
# Weights in other forms: other engines read them, or they may contain code.
OTHER_WEIGHTS = (".bin", ".ckpt", ".gguf", ".h5", ".msgpack", ".npz", ".onnx", ".ot", ".pickle", ".pkl", ".pt", ".pth")
FOR_PEOPLE = (".gif", ".jpeg", ".jpg", ".md", ".mp4", ".pdf", ".png", ".webp")
WEIGHTS = ".safetensors"
# The answer of the hub about a repository with some thousand files.
LONGEST_LIST = 50_000_000


class Request(TypedDict):
    """`environment` are proxies and the like. Without a token the hub is asked as anybody."""

    repo: str
    revision: str
    path: str
    mirror: dict[str, str]
    environment: dict[str, str]
    token: NotRequired[str]


def address(request: Request, path: str) -> str:
    return from_mirror(HUB + urllib.parse.quote(path), request["mirror"])


def listed(request: Request) -> list[File]:
    """What the repository has at the commit. Raises DownloadError."""
    url = address(request, f"api/models/{request['repo']}/revision/{request['revision']}") + "?blobs=true"
    asked = ask(url, request.get("token", ""), {})
    try:
        with urllib.request.build_opener(SameServer()).open(asked, timeout=STALLED_SECONDS) as answer:
            return files_of(json.loads(answer.read(LONGEST_LIST)), request["revision"])
    except OSError as error:
        raise DownloadError(f"{url}: {reason_of(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{url} does not answer as the hub does ({type(error).__name__})") from error


def files_of(found: Mapping[str, Any], revision: str) -> list[File]:
    """The files in the hub's answer. Raises DownloadError for another commit, KeyError for another shape."""
    if found["sha"] != revision:
        raise DownloadError(f"the hub answers with the commit {found['sha']}")
    return [
        {
            "name": str(one["rfilename"]),
            "bytes": int(one["size"]),
            "sha256": str((one.get("lfs") or {}).get("sha256", "")),
            "blob": str(one["blobId"]),
        }
        for one in found["siblings"]
    ]


def wanted(files: Iterable[File]) -> list[File]:
    """Those that a server reads, sorted by name: weights as safetensors, and what is not weights.

    Raises DownloadError if there are no such weights, or for a name that leaves the folder.
    """
    kept = []
    for one in sorted(files, key=lambda one: one["name"]):
        name = one["name"]
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or "" in parts:
            raise DownloadError(f"the repository has a file with the name {name!r}")
        # Some repositories have the same weights again, in the form of their maker.
        again = len(parts) > 1 and name.endswith(WEIGHTS)
        if not (again or name.startswith(".") or name.lower().endswith((*OTHER_WEIGHTS, *FOR_PEOPLE))):
            kept.append(one)
    if not any(one["name"].endswith(WEIGHTS) for one in kept):
        raise DownloadError("the repository has no weights as safetensors: choose another one")
    return kept


def complete(path: str) -> bool:
    return os.path.exists(os.path.join(path, ARTIFACT_MARKER))


def fetch(request: Request, report: Callable[[object], None]) -> int:
    """All files of the model, with the list that completes the folder. Returns their bytes. Raises DownloadError."""
    path = request["path"]
    os.makedirs(path, mode=0o755, exist_ok=True)
    files = wanted(listed(request))
    check_room(path, files)
    for number, one in enumerate(files, start=1):
        url = address(request, f"{request['repo']}/resolve/{request['revision']}/{one['name']}")
        get_one(path, one, url, request.get("token", ""), counted(report, number, len(files)))
    names = {one["name"] for one in files}
    for name in strays(path, names):
        os.unlink(os.path.join(path, name))
    content = file_list.make(path, sums=False)
    for one in files:
        content["files"][one["name"]][2] = one["sha256"] or file_list.sha256_of(os.path.join(path, one["name"]))
    file_list.write(path, content)
    return sum(one["bytes"] for one in files)


def counted(report: Callable[[object], None], number: int, count: int) -> Callable[[object], None]:
    """A report about one of several files."""
    return lambda words: report(f"file {number} of {count}: {words}")


def strays(path: str, names: Iterable[str]) -> Iterator[str]:
    """What is in the folder besides: parts of files of an older choice."""
    known = {*names, ARTIFACT_MARKER}
    yield from [
        name for name, _place, _status in file_list.entries(path) if name not in known and not os.path.isdir(_place)
    ]


def main(folder: str) -> None:
    """Get what the folder's request names."""
    run(cast(Request, take_request(folder)), folder)


def run(request: Request, folder: str) -> None:
    """Get what is asked for; the folder's state shows how far that is and how it ended."""
    reporter = Reporter(folder)
    os.environ.update(request["environment"])
    try:
        there = fetch(request, lambda words: reporter(str(words)))
    except (DownloadError, OSError) as error:
        reporter.state(FAILED, f"{request['repo']}: {error}")
    else:
        reporter.state(DONE, f"{request['repo']} {size(there)}")
