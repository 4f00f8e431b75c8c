#!/usr/bin/python3
"""A stand-in for Grafana: it reads a real configuration, its provisioning and its dashboards, and shows their list.

After Grafana's documentation of 2026-08: `$__file{…}`, the socket and its mode, the folders of provisioning, the home
folder without which it does not start, sign-in by Basic, health, search and metrics. It draws nothing.
"""

from __future__ import annotations

import argparse
import base64
import configparser
import http.server
import json
import os
import pathlib
import re
import socketserver
import sys
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import yaml

# Sections and keys of the configuration that the collection uses.
KNOWN = {
    "paths": {"data", "plugins", "provisioning", "logs"},
    "server": {"protocol", "socket", "socket_mode", "root_url", "http_addr", "http_port"},
    "security": {"admin_user", "admin_password", "cookie_secure", "cookie_samesite", "disable_gravatar"},
    "auth.anonymous": {"enabled"},
    "users": {"allow_sign_up"},
    "analytics": {"reporting_enabled", "check_for_updates", "check_for_plugin_updates"},
    "plugins": {"preinstall_disabled"},
    "log": {"mode", "level"},
    "metrics": {"enabled"},
    "dashboards": {"default_home_dashboard_path"},
}
FILE = re.compile(r"\$__file\{(.+)\}")


def settings(path: pathlib.Path) -> dict[str, dict[str, str]]:
    """The configuration, with the content of files in place of their names."""
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes=(";", "#"))
    parser.read_string(path.read_text())
    found: dict[str, dict[str, str]] = {}
    for section in parser.sections():
        for key, value in parser[section].items():
            if key not in KNOWN.get(section, ()):
                sys.exit(f"the stand-in does not know [{section}] {key}")
            file = FILE.fullmatch(value)
            found.setdefault(section, {})[key] = pathlib.Path(file[1]).read_text().strip() if file else value
    return found


def provisioned(folder: pathlib.Path, kind: str, key: str) -> list[dict[str, Any]]:
    """The entries of all files of a kind."""
    files = sorted((folder / kind).glob("*.yml"))
    return [entry for file in files for entry in yaml.safe_load(file.read_text())[key]]


def dashboards(folder: pathlib.Path) -> list[dict[str, str]]:
    """{uid, title} of each that a provider of files finds."""
    paths = [pathlib.Path(one["options"]["path"]) for one in provisioned(folder, "dashboards", "providers")]
    boards = [json.loads(file.read_text()) for path in paths for file in sorted(path.glob("*.json"))]
    return [{"uid": board["uid"], "title": board["title"], "type": "dash-db"} for board in boards]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """On a Unix socket."""

    daemon_threads = True
    settings: dict[str, dict[str, str]]


class Handler(http.server.BaseHTTPRequestHandler):
    """Its HTTP interface."""

    server: Server

    def do_GET(self) -> None:
        paths = self.server.settings["paths"]
        security = self.server.settings["security"]
        path = urlsplit(self.path).path
        if path == "/api/health":
            self.answer(200, {"database": "ok"})
        elif path == "/metrics":
            self.answer(200, "grafana_build_info 1\n", "text/plain; version=0.0.4")
        elif self.headers.get("Authorization") != _basic(security["admin_user"], security["admin_password"]):
            self.answer(401, {"message": "Unauthorized"})
        elif path == "/api/search":
            self.answer(200, dashboards(pathlib.Path(paths["provisioning"])))
        elif path == "/api/datasources":
            self.answer(200, provisioned(pathlib.Path(paths["provisioning"]), "datasources", "datasources"))
        else:
            self.answer(404, {"message": "Not found"})

    def answer(self, status: int, content: Any, kind: str = "application/json") -> None:
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "-"

    def log_message(self, *_words: object) -> None:
        """At level `warn` it writes no line for a request."""


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["server"])
    parser.add_argument("--homepath", type=pathlib.Path, required=True)
    parser.add_argument("--config", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    if not (arguments.homepath / "conf/defaults.ini").exists():
        sys.exit("Grafana-server Init Failed: Could not find config defaults, make sure homepath command line "
                 "parameter is set or working directory is homepath")  # fmt: skip
    found = settings(arguments.config)
    (pathlib.Path(found["paths"]["data"]) / "grafana.db").write_text("")
    pathlib.Path(found["dashboards"]["default_home_dashboard_path"]).read_text()
    socket = pathlib.Path(found["server"]["socket"])
    socket.unlink(missing_ok=True)
    server = Server(str(socket), Handler)
    os.chmod(socket, int(found["server"]["socket_mode"], 8))
    server.settings = found
    server.serve_forever()


if __name__ == "__main__":
    main()
