# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HAProxy's admin socket: one command a connection, plain text back."""

from __future__ import annotations

import csv
import os
import socket


class AdminError(Exception):
    pass


class AdminSocket:
    def __init__(self, path: str, timeout: float = 10) -> None:
        self.path = path
        self.timeout = timeout

    @property
    def present(self) -> bool:
        return os.path.exists(self.path)

    def ask(self, command: str) -> str:
        """The answer to one command. Raises AdminError where nobody listens."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self.timeout)
                connection.connect(self.path)
                connection.sendall((command + "\n").encode("utf-8"))
                parts = []
                while True:
                    part = connection.recv(65536)
                    if not part:
                        break
                    parts.append(part)
        except OSError as error:
            raise AdminError(f"{self.path}: {error}") from error
        return b"".join(parts).decode("utf-8", "replace").strip()

    def order(self, command: str) -> None:
        """A command that is answered by silence. Raises AdminError with what HAProxy answers instead."""
        answer = self.ask(command)
        if answer:
            raise AdminError(f"{command}: {answer}")

    def server(self, backend: str, server: str) -> dict[str, str]:
        """One server's row of `show stat` as a dict (`status`, `scur` = open sessions …), empty where it is unknown."""
        rows = csv.DictReader(self.ask("show stat").lstrip("# ").splitlines())
        return next((row for row in rows if row["pxname"] == backend and row["svname"] == server), {})

    def map_value(self, path: str, key: str) -> str:
        """The value HAProxy holds now for a key of a map file, or an empty string."""
        for line in self.ask(f"show map {path}").splitlines():
            words = line.split()
            if len(words) == 3 and words[1] == key:
                return words[2]
        return ""

    def set_map(self, path: str, key: str, value: str) -> None:
        """Set a key of a map at run time and read it back. The file is the caller's: a restart reads only that."""
        verb = "set" if self.map_value(path, key) else "add"
        answer = self.ask(f"{verb} map {path} {key} {value}")
        if self.map_value(path, key) != value:
            raise AdminError(f"{verb} map {path} {key} {value}: {answer or 'not taken'}")
