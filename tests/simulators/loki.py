#!/usr/bin/python3
"""A stand-in for Loki: it reads a real configuration, refuses what Loki's reference does not have, and keeps lines.

Known keys are those that the collection uses and their neighbours, after Loki's reference of 2026-08. It takes lines as
JSON and answers queries of equal labels, and of words that a line contains. Lines are lost at its end.
"""

from __future__ import annotations

import argparse
import http.server
import json
import pathlib
import re
import sys
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

import yaml

# {section: its keys}; None where a value stands.
KNOWN: dict[str, Any] = {
    "auth_enabled": None,
    "analytics": {"reporting_enabled": None, "usage_stats_url": None},
    "server": {
        "http_listen_address": None,
        "http_listen_port": None,
        "grpc_listen_address": None,
        "grpc_listen_port": None,
        "log_level": None,
        "log_format": None,
    },
    "common": {
        "path_prefix": None,
        "replication_factor": None,
        "instance_addr": None,
        "ring": {"kvstore": {"store": None, "prefix": None}},
        "storage": {"filesystem": {"chunks_directory": None, "rules_directory": None}},
    },
    "schema_config": {
        "configs": {
            "from": None,
            "store": None,
            "object_store": None,
            "schema": None,
            "index": {"prefix": None, "period": None, "path_prefix": None},
        }
    },
    "limits_config": {"retention_period": None, "allow_structured_metadata": None, "reject_old_samples": None},
    "compactor": {
        "working_directory": None,
        "retention_enabled": None,
        "delete_request_store": None,
        "compaction_interval": None,
    },
}
SELECTOR = re.compile(r'\{(?P<labels>[^}]*)\}\s*(?:\|=\s*"(?P<word>[^"]*)")?')


def check(config: Any, known: Any, path: str = "") -> None:
    """As Loki's strict reading: a key that it does not know ends the start."""
    if isinstance(config, list):
        for each in config:
            check(each, known, path)
    elif isinstance(known, dict):
        for key, value in config.items():
            if key not in known:
                sys.exit(f"failed parsing config: field {key} not found in {path or 'the file'}")
            check(value, known[key], f"{path}.{key}".strip("."))


def writable(config: dict[str, Any]) -> None:
    """Loki makes its folders at the start, and ends if it can't."""
    storage = config["common"]["storage"]["filesystem"]
    for folder in (*storage.values(), config["compactor"]["working_directory"]):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        (pathlib.Path(folder) / "check").write_text("")
    if config["compactor"]["retention_enabled"] and not config["compactor"].get("delete_request_store"):
        sys.exit("CONFIG ERROR: invalid compactor config: compactor.delete-request-store should be configured")


class Handler(http.server.BaseHTTPRequestHandler):
    """Its HTTP interface."""

    streams: list[tuple[dict[str, str], str, str]] = []
    lock = threading.Lock()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/ready":
            self.answer(200, "ready\n", "text/plain")
        elif parts.path == "/metrics":
            text = f"loki_distributor_lines_received_total {len(self.streams)}\n"
            self.answer(200, text, "text/plain; version=0.0.4")
        elif parts.path in ("/loki/api/v1/query_range", "/loki/api/v1/query"):
            self.query(parse_qs(parts.query).get("query", [""])[0])
        else:
            self.answer(404, "404 page not found\n", "text/plain")

    def query(self, expression: str) -> None:
        match = SELECTOR.fullmatch(expression.strip())
        if not match:
            self.answer(400, f"parse error: {expression}\n", "text/plain")
            return
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', match["labels"]))
        found: dict[str, Any] = {}
        with self.lock:
            for labels, at, line in self.streams:
                if wanted.items() <= labels.items() and (match["word"] or "") in line:
                    entry = found.setdefault(json.dumps(labels), {"stream": labels, "values": []})
                    entry["values"].append([at, line])
        data = {"resultType": "streams", "result": list(found.values())}
        self.answer(200, json.dumps({"status": "success", "data": data}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/loki/api/v1/push":
            self.answer(404, "404 page not found\n", "text/plain")
            return
        with self.lock:
            for stream in json.loads(body)["streams"]:
                self.streams += [(stream["stream"], at, line) for at, line in stream["values"]]
        self.answer(204, "")

    def answer(self, status: int, text: str, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_words: object) -> None:
        """Loki writes no line for a request."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-config.file", dest="file", type=pathlib.Path, required=True)
    config = yaml.safe_load(parser.parse_args().file.read_text())
    check(config, KNOWN)
    writable(config)
    server = config["server"]
    address = (server["http_listen_address"], server["http_listen_port"])
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()


if __name__ == "__main__":
    main()
