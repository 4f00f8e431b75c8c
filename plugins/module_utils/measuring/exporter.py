# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exporter of the collection: measurements of this host at one path, for Prometheus on loopback."""

from __future__ import annotations

import http.server
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..host.host import Host
from .card_readings import card_readings
from .collection import collection
from .families import Family, Histogram, exposition
from .follow import Followed
from .operator_key import OperatorKey
from .served import Status, handler
from .status_data import picture
from .status_page import SECONDS, failure, page
from .tally import Tally
from .window import Window

# Prometheus asks each 15 seconds; two who ask at once get the same.
FRESH_SECONDS = 3
POLL_SECONDS = 0.5
# What gives families, by the name under which it is reported.
Collectors = Mapping[str, Callable[[], Iterable[Family | Histogram]]]


class Exporter:
    """What is measured on a host. watched: {host, record, models, providers, first_token_seconds} of its file."""

    def __init__(self, host: Host, watched: Mapping[str, Any], more: Collectors | None = None) -> None:
        self.tally = Tally(watched["models"], watched["providers"], watched["first_token_seconds"])
        # A record that never comes must be missed too.
        self.tally.last.set(time.time())
        self.followed = Followed(watched["record"]) if watched["record"] else None
        self.window = Window() if watched["record"] else None
        self.layout, self.watched = host.layout, watched
        self.collectors: Collectors = {
            "collection": lambda: collection(host, watched["providers"]),
            "cards": lambda: card_readings(host.layout, host.systemd.run),
            **(more or {}),
        }
        self.lock = threading.Lock()
        self.made, self.text, self.status = 0.0, "", ""

    def follow(self) -> None:
        """Count new lines of the record, without an end."""
        while self.followed is not None:
            self.count()
            time.sleep(POLL_SECONDS)

    def count(self) -> None:
        """Count the lines that are new."""
        if self.followed is not None:
            with self.lock:
                for line in self.followed.lines():
                    self.tally.take(line)
                    if self.window is not None:
                        self.window.take(line)

    def show(self) -> None:
        """Make the status page again and again, without an end."""
        while True:
            time.sleep(SECONDS)
            self.look()

    def look(self) -> None:
        """Make the status page."""
        try:
            with self.lock:
                providers = self.watched["providers"]
                seen = picture(self.watched["host"], self.layout, providers, self._families(), self.window)
            self.status = page(seen)
        except Exception as error:  # an old page would look like a good one
            sys.stderr.write(f"the status page could not be made: {type(error).__name__}: {error}\n")
            self.status = failure(self.watched["host"], time.time(), error)

    def page(self) -> str:
        """The text of all measurements."""
        with self.lock:
            if time.monotonic() - self.made > FRESH_SECONDS:
                self.text, self.made = exposition(self._families()), time.monotonic()
            return self.text

    def _families(self) -> Iterator[Family | Histogram]:
        up = Family("ai_backend_collector_up", "gauge", "Whether a part of the exporter works.")
        for name, collect in self.collectors.items():
            try:
                found = list(collect())
            except Exception:  # the other parts still count, and an alert tells of this one
                found = []
                up.set(0, collector=name)
            else:
                up.set(1, collector=name)
            yield from found
        if self.followed is not None:
            yield from self.tally.families()
        yield up


def serve(exporter: Exporter, port: int, key: str = "") -> None:
    """Answer on loopback, without an end. key: the operator's, for the status page; empty on a host without one."""
    threading.Thread(target=exporter.follow, daemon=True).start()
    status = None
    if key:
        status = Status(OperatorKey(key), lambda: exporter.status)
        exporter.look()
        threading.Thread(target=exporter.show, daemon=True).start()
    http.server.ThreadingHTTPServer(("127.0.0.1", port), handler(exporter.page, status)).serve_forever()


def read_watched(path: str) -> dict[str, Any]:
    """The exporter's own file."""
    with open(path, encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found
