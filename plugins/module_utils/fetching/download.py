# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Download one file: from where an interrupted one ended, checked, and under its name only when it is right."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, cast
from urllib.parse import urlsplit

from ..host.layout import sync_folder
from ..releases.file_list import sha256_of
from .progress import Progress, size
from .state import DONE, FAILED, Reporter, take_request

PIECE = 1 << 20
# Without a byte in this time the server is asked again, from where it stopped.
STALLED_SECONDS = 30
# Attempts in a row that bring nothing, and the longest pause between two.
ATTEMPTS = 6
LONGEST_PAUSE_SECONDS = 30
# What a file system keeps for other files.
RESERVE_BYTES = 200_000_000
WHOLE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)$")
# Answers that another attempt may change (RFC 9110, section 15).
PASSING = (408, 425, 429, 500, 502, 503, 504)
PASSING_ERRORS = (ConnectionError, TimeoutError, ssl.SSLError)
REASONS = {401: "it needs a login", 403: "it refuses", 404: "it has no such file", 410: "it has no such file any more"}


class Request(TypedDict):
    """`environment` are proxies and the like. `token` is for the server of the address alone, and may be empty."""

    url: str
    path: str
    sha256: str
    token: str
    environment: dict[str, str]


class DownloadError(Exception):
    pass


class SameServer(urllib.request.HTTPRedirectHandler):
    """Keeps the headers of a request with a key where a server sends it on to itself, and nowhere else."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        sent_on = super().redirect_request(req, fp, code, msg, headers, newurl)
        if sent_on is not None and urlsplit(newurl)[:2] == urlsplit(req.full_url)[:2]:
            for name, value in req.unredirected_hdrs.items():
                if name == "Authorization":
                    sent_on.add_unredirected_header(name, value)
        return sent_on


def part_of(path: str) -> str:
    """Where what has come so far is."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.part")


def bytes_in(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def check_room(path: str, lacking: int) -> None:
    free = shutil.disk_usage(os.path.dirname(path)).free
    if lacking + RESERVE_BYTES > free:
        raise DownloadError(
            f"{os.path.basename(path)} needs {size(lacking)} more in {os.path.dirname(path)}, and {size(free)} are "
            "free: free some space. What has come so far is kept"
        )


def expected(answer: http.client.HTTPResponse, have: int) -> tuple[int, int]:
    """(bytes that count of those that are here, bytes of the whole file, 0 if the server does not tell)."""
    length = int(answer.headers.get("Content-Length") or 0)
    found = WHOLE.match(answer.headers.get("Content-Range", ""))
    if answer.status == 206 and found and found[1] and int(found[1]) == have:
        return have, int(found[2])
    return 0, length


def ask(url: str, token: str, headers: Mapping[str, str], method: str = "GET") -> urllib.request.Request:
    """A request that a server may not answer packed: the length would be another one."""
    asked = urllib.request.Request(url, headers={"Accept-Encoding": "identity", **headers}, method=method)  # noqa: S310
    if token:
        # Not sent on: a publisher sends its clients to storage of others.
        asked.add_unredirected_header("Authorization", f"Bearer {token}")
    return asked


def attempt(request: Request, progress: Progress, report: Callable[[object], None]) -> None:
    """Get what is lacking, in one answer. Raises OSError where it ends early."""
    part = part_of(request["path"])
    have = bytes_in(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    asked = ask(request["url"], request["token"], headers)
    # Without Ansible's open_url, because there is no Ansible on a host.
    with urllib.request.build_opener(SameServer()).open(asked, timeout=STALLED_SECONDS) as answer:
        have, total = expected(answer, have)
        check_room(request["path"], max(0, total - have))
        with open(part, "r+b" if have else "wb") as target:
            target.seek(have)
            while piece := answer.read1(PIECE):
                target.write(piece)
                have += len(piece)
                progress.take({"digest": "file", "total": total, "completed": have})
                report(progress)
            target.flush()
            os.fsync(target.fileno())
    if have < total:
        raise OSError(f"the connection ended after {size(have)} of {size(total)}")


def reason_of(error: Exception) -> str:
    """Why an attempt failed, in a few words. Raises DownloadError where another one can't help."""
    if isinstance(error, urllib.error.HTTPError):
        if error.code not in PASSING:
            words = REASONS.get(error.code, "")
            raise DownloadError(f"the server answers {error.code}{': ' if words else ''}{words}") from error
        return f"the server answers {error.code}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return "no byte came in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__


def get(request: Request, report: Callable[[object], None], sleep: Callable[[float], object] = time.sleep) -> None:
    """Attempts until all is here. One that brought something does not count. Raises DownloadError."""
    part, failed = part_of(request["path"]), 0
    # One for all attempts: the rate is known as soon as the next one begins.
    progress = Progress(os.path.basename(request["path"]))
    while True:
        have = bytes_in(part)
        try:
            attempt(request, progress, report)
            return
        except urllib.error.HTTPError as error:
            if error.code == 416 and have:
                # It has no more: either all is here, which the checksum tells, or this is a part of another file.
                found = WHOLE.match(error.headers.get("Content-Range", ""))
                if found and int(found[2]) == have:
                    return
                os.unlink(part)
                continue
            reason = reason_of(error)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno is not None and not isinstance(error, PASSING_ERRORS):
                raise DownloadError(f"{error.strerror}: {error.filename or request['path']}") from error
            reason = reason_of(error)
        failed = 1 if bytes_in(part) > have else failed + 1
        if failed >= ATTEMPTS:
            raise DownloadError(f"{reason}, {failed} times in a row. What has come so far is kept: run it again")
        report(f"{os.path.basename(request['path'])} {reason}; asking again")
        sleep(min(2**failed, LONGEST_PAUSE_SECONDS))


def download(request: Request, report: Callable[[object], None]) -> None:
    """The file under its name, with its checksum. Raises DownloadError, and then nothing has that name."""
    path = request["path"]
    part = part_of(path)
    get(request, report)
    report(f"{os.path.basename(path)} is checked")
    found = sha256_of(part)
    if found != request["sha256"]:
        os.unlink(part)
        raise DownloadError(f"it has the sha256 {found}, not {request['sha256']}. Nothing of it was kept")
    os.chmod(part, 0o644)
    os.rename(part, path)
    sync_folder(os.path.dirname(path))


def main(folder: str) -> None:
    """Download what the folder's request names."""
    run(cast(Request, take_request(folder)), folder)


def run(request: Request, folder: str) -> None:
    """Download what is asked for; the folder's state shows how far that is and how it ended."""
    reporter = Reporter(folder)
    os.environ.update(request["environment"])
    try:
        download(request, lambda words: reporter(str(words)))
    except (DownloadError, OSError) as error:
        reporter.state(FAILED, f"{request['url']}: {error}")
    else:
        reporter.state(DONE, f"{os.path.basename(request['path'])} {size(os.path.getsize(request['path']))}")


def from_mirror(url: str, mirror: Mapping[str, Any]) -> str:
    """An address with the beginning that a mirror has in its place; of several the longest counts."""
    start = max((start for start in mirror if url.startswith(start)), key=len, default="")
    return f"{mirror[start]}{url[len(start) :]}" if start else url
