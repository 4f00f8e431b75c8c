# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API of an Ollama server, as far as its models need it (docs/api.md of Ollama, 2026-08)."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

# A server with a large library has to read it first.
ANSWER_SECONDS = 60
# The sum of a large model is computed without a word; Ollama itself notices a download that stalls.
SILENCE_SECONDS = 3600
PIECE = 1 << 20


class OllamaError(Exception):
    pass


class Server:
    """An Ollama server at `http://host:port`. seconds: how long a short answer may take."""

    def __init__(self, url: str, seconds: float = ANSWER_SECONDS) -> None:
        self.url = url
        self.seconds = seconds
        self.place = urlsplit(url).netloc

    def version(self) -> str:
        return str(self.answer("GET", "/api/version")["version"])

    def models(self) -> dict[str, str]:
        """{name with its tag: digest} of what the server has."""
        listed = self.answer("GET", "/api/tags")["models"] or []
        return {entry["name"]: entry["digest"].removeprefix("sha256:") for entry in listed}

    def license(self, name: str) -> str:
        """The text of a model's licenses; empty where it has none."""
        return str(self.answer("POST", "/api/show", {"model": name}).get("license") or "")

    def copy(self, source: str, destination: str) -> None:
        self.answer("POST", "/api/copy", {"source": source, "destination": destination})

    def delete(self, name: str) -> None:
        """Remove a model, and of its files those that no other model of this server has."""
        self.answer("DELETE", "/api/delete", {"model": name})

    def upload(self, path: str, digest: str) -> None:
        """Give the server a file; one that it has already is not sent again."""
        blob = f"/api/blobs/sha256:{digest}"
        status, _text = self.request("HEAD", blob)
        if status == 200:
            return
        with open(path, "rb") as content:
            headers = {"Content-Length": str(os.path.getsize(path)), "Content-Type": "application/octet-stream"}
            status, text = self.request("POST", blob, content, headers)
        if status not in (200, 201):
            raise OllamaError(f"{path} was refused: {reason(status, text)}")

    def answer(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        """The object of one short answer. Raises OllamaError."""
        status, text = self.request(method, path, None if body is None else json.dumps(body).encode("utf-8"))
        if status != 200:
            raise OllamaError(reason(status, text))
        return parsed(text) if text.strip() else {}

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """(status, text). Raises OllamaError where nobody answers."""
        connection = http.client.HTTPConnection(
            self.place, timeout=SILENCE_SECONDS if headers else self.seconds, blocksize=PIECE
        )
        try:
            connection.request(method, path, body, headers or {"Content-Type": "application/json"})  # type: ignore[arg-type]
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise OllamaError(f"{self.url} does not answer: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def lines(self, path: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The lines of a long answer as they come; it has to end with `success`. Raises OllamaError."""
        connection = http.client.HTTPConnection(self.place, timeout=SILENCE_SECONDS)
        last = ""
        try:
            connection.request("POST", path, json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise OllamaError(reason(answer.status, answer.read().decode("utf-8", "replace")))
            for text in iter(answer.readline, b""):
                line = parsed(text.decode("utf-8", "replace"))
                if "error" in line:
                    raise OllamaError(str(line["error"]))
                last = line.get("status", last)
                yield line
        except (OSError, http.client.HTTPException) as error:
            raise OllamaError(f"{self.url} ended the answer: {error or type(error).__name__}") from error
        finally:
            connection.close()
        if last != "success":
            raise OllamaError(f"{self.url} ended the answer after '{last}'")


def parsed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise OllamaError(f"the answer can't be read: {' '.join(text.split())[:200]}") from error
    if not isinstance(found, dict):
        raise OllamaError(f"the answer is not an object: {' '.join(text.split())[:200]}")
    return found


def reason(status: int, text: str) -> str:
    """What an answer reports of its error."""
    try:
        words = json.loads(text).get("error") or text
    except (ValueError, AttributeError):
        words = text
    return f"{' '.join(str(words).split())[:500] or 'no reason'} (status {status})"
