# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a fetch is asked for and how far it is, in files of its folder: the unit that fetches writes, modules look."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..host.layout import read_json, write_atomic

# How often the state is written.
EVERY_SECONDS = 1.0
RUNNING, DONE, FAILED = "running", "done", "failed"
# Keys of a request that are needed only at its beginning.
SECRET_KEYS = ("token", "environment")


def request_file(folder: str) -> str:
    return os.path.join(folder, "request.json")


def take_request(folder: str) -> Any:
    """What a unit is asked for. From then on the file is without what may be secret: a token, passwords of proxies."""
    request = read_json(request_file(folder))
    kept = {key: value for key, value in request.items() if key not in SECRET_KEYS}
    write_atomic(request_file(folder), json.dumps(kept) + "\n", mode=0o600)
    return request


def state_file(folder: str) -> str:
    return os.path.join(folder, "state.json")


def state_of(folder: str) -> dict[str, Any]:
    """{state, text}: what a fetch does, or how it ended; empty before it has begun."""
    found = read_json(state_file(folder))
    return found if isinstance(found, dict) else {}


class Reporter:
    """Writes where a fetch is, at most once in a second."""

    def __init__(self, folder: str, now: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.now = now
        self.written = 0.0

    def __call__(self, text: str) -> None:
        if self.now() - self.written >= EVERY_SECONDS:
            self.state(RUNNING, text)

    def state(self, state: str, text: str) -> None:
        self.written = self.now()
        write_atomic(state_file(self.folder), json.dumps({"state": state, "text": text}) + "\n")


def may_download_by(environment: Mapping[str, str]) -> dict[str, str]:
    """Proxies and certificates for a download, out of an environment."""
    names = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ssl_cert_file", "ssl_cert_dir")
    return {name: text for name, text in environment.items() if name.lower() in names and text}
