#!/usr/bin/python3
"""A stand-in for Alloy: it reads a real configuration, refuses what Alloy's reference does not have, and ships lines.

The components are those that the collection uses, with all their arguments, after Alloy's reference of 2026-08. Lines
go to Loki as JSON, which it takes as well as Alloy's Protobuf. Positions in files are kept over a restart, as Alloy
keeps them; the journal is read from now on. Metrics are one.
"""

from __future__ import annotations

import argparse
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

from alloy_syntax import Block, Reference, WrongError, parse

# {component: (required, other arguments)}; a block stands as {its name: its arguments}.
RULE = ("source_labels", "target_label", "action", "regex", "replacement", "separator", "modulus")
ENDPOINT = ("url", "name", "batch_size", "batch_wait", "remote_timeout", "headers", "bearer_token_file", "tenant_id")
KNOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "logging": ((), ("level", "format", "write_to"), {}),
    "local.file_match": (("path_targets",), ("sync_period", "ignore_older_than"), {}),
    "loki.source.file": (
        ("forward_to", "targets"),
        ("encoding", "legacy_positions_file", "on_positions_file_error", "tail_from_end"),
        {"file_watch": ("min_poll_frequency", "max_poll_frequency")},
    ),
    "loki.source.journal": (
        ("forward_to",),
        ("format_as_json", "labels", "matches", "max_age", "path", "relabel_rules"),
        {},
    ),
    "loki.relabel": (("forward_to",), ("max_cache_size",), {"rule": RULE}),
    "loki.write": ((), ("external_labels", "max_streams"), {"endpoint": ENDPOINT}),
}
EXPORTS = {"local.file_match": ("targets",), "loki.relabel": ("rules", "receiver"), "loki.write": ("receiver",)}


def check(block: Block) -> None:
    """Refuse what is not in the reference, and references to what is not there."""
    there = {f"{one.kind}.{one.label}.{name}" for one in block.blocks for name in EXPORTS.get(one.kind, ())}
    if block.attributes:
        raise WrongError(f"{min(block.attributes)} stands in no component")
    for one in block.blocks:
        if one.kind not in KNOWN:
            raise WrongError(f"cannot find the definition of component name {one.kind!r}")
        required, others, inner = KNOWN[one.kind]
        _check_names(one, required, others)
        for child in one.blocks:
            if child.kind not in inner:
                raise WrongError(f"{one.kind}: unrecognized block name {child.kind!r}")
            _check_names(child, (), inner[child.kind])
        for name in references(list(one.attributes.values())):
            if name not in there:
                raise WrongError(f"component {name!r} does not exist or is out of scope")


def _check_names(block: Block, required: tuple[str, ...], others: tuple[str, ...]) -> None:
    for name in required:
        if name not in block.attributes:
            raise WrongError(f'{block.kind}: missing required attribute "{name}"')
    for name in block.attributes:
        if name not in (*required, *others):
            raise WrongError(f'{block.kind}: unrecognized attribute name "{name}"')


def references(value: Any) -> Iterator[str]:
    if isinstance(value, Reference):
        yield value.name
    elif isinstance(value, (list, dict)):
        for each in value if isinstance(value, list) else value.values():
            yield from references(each)


class Shipper:
    """Follows what the configuration names, and brings it to Loki."""

    def __init__(self, config: Block, storage: pathlib.Path) -> None:
        self.config, self.storage, self.sent = config, storage, 0
        (write,) = [one for one in config.blocks if one.kind == "loki.write"]
        (endpoint,) = [one for one in write.blocks if one.kind == "endpoint"]
        self.url, self.outer = endpoint.attributes["url"], write.attributes.get("external_labels", {})

    def run(self) -> None:
        for one in self.config.blocks:
            if one.kind == "local.file_match":
                for target in one.attributes["path_targets"]:
                    threading.Thread(target=self.follow, args=(target,), daemon=True).start()
            if one.kind == "loki.source.journal":
                threading.Thread(target=self.journal, args=(one,), daemon=True).start()

    def send(self, labels: dict[str, str], lines: list[str]) -> None:
        """Until Loki takes them."""
        values = [[str(time.time_ns() + number), line] for number, line in enumerate(lines)]
        body = json.dumps({"streams": [{"stream": {**labels, **self.outer}, "values": values}]}).encode()
        while True:
            asked = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
            try:
                urllib.request.urlopen(asked, timeout=10).close()
                self.sent += len(lines)
                return
            except OSError as error:
                print(f"level=warn msg={str(error)!r} url={self.url}", flush=True)
                time.sleep(1)

    def follow(self, target: dict[str, str]) -> None:
        """One file, from where the last run stopped. A shorter file is a new one."""
        path, kept = pathlib.Path(target["__path__"]), self.storage / "positions.json"
        labels = {name: text for name, text in target.items() if not name.startswith("__")}
        at = json.loads(kept.read_text()) if kept.exists() else 0
        while True:
            if path.exists():
                at = at if path.stat().st_size >= at else 0
                with path.open(encoding="utf-8") as file:
                    file.seek(at)
                    lines = file.read().splitlines()
                    at = file.tell()
                if lines:
                    self.send({**labels, "filename": str(path)}, lines)
                    kept.write_text(json.dumps(at))
            time.sleep(0.5)

    def journal(self, source: Block) -> None:
        rules = [rule.attributes for one in self.config.blocks if one.kind == "loki.relabel" for rule in one.blocks]
        command = ["journalctl", "--follow", "--lines=0", "--output=json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                entry = json.loads(line)
                fields = {f"__journal_{name.lower()}": str(text) for name, text in entry.items()}
                found = {rule["target_label"]: fields.get(rule["source_labels"][0], "") for rule in rules}
                labels = {name: text for name, text in found.items() if text}
                self.send({**source.attributes.get("labels", {}), **labels}, [str(entry.get("MESSAGE", ""))])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--server.http.listen-addr", dest="listen", required=True)
    parser.add_argument("--storage.path", dest="storage", type=pathlib.Path, required=True)
    parser.add_argument("--disable-reporting", action="store_true")
    arguments = parser.parse_args()
    try:
        config = parse(arguments.file.read_text())
        check(config)
    except WrongError as error:
        sys.exit(f"Error: {arguments.file}: {error}")
    arguments.storage.mkdir(parents=True, exist_ok=True)
    shipper = Shipper(config, arguments.storage)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {"/-/ready": "Alloy is ready.\n", "/metrics": f"loki_write_sent_entries_total {shipper.sent}\n"}
            self.send_response(200 if self.path in known else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(known.get(self.path, "").encode())

        def log_message(self, *_words: object) -> None:
            pass

    address, _colon, port = arguments.listen.rpartition(":")
    server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
    shipper.run()
    server.serve_forever()


if __name__ == "__main__":
    main()
