"""Requests of the clients of a scenario, and the record of the host."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
from fleet import Client, Machine, wait

PLACE = "/var/log/ai-backend/requests.jsonl"
SECRETS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets"


def ask(client: Client, name: str = "ci", model: str = "lab-tiny", **more: Any) -> httpx.Response:
    """The answer to a chat of a client, with an id of its own."""
    key = (SECRETS / f"AI_BACKEND_CLIENT_{name.upper()}").read_text().strip()
    body = {"model": model, "max_tokens": 3, "messages": [{"role": "user", "content": os.urandom(6).hex()}], **more}
    headers = {"Authorization": f"Bearer {key}", "x-request-id": f"test-{os.urandom(6).hex()}"}
    return httpx.post(f"{client.base}/v1/chat/completions", json=body, headers=headers, timeout=60)


def records(machine: Machine) -> list[dict[str, Any]]:
    """What is in all files."""
    return [json.loads(line) for line in machine.run(f"cat $(ls {PLACE}.[0-9]*) {PLACE}").splitlines()]


def record(machine: Machine, identifier: str) -> dict[str, Any]:
    """The one line with an id."""
    wait(lambda: [one for one in records(machine) if one.get("id") == identifier], 15)
    (found,) = [one for one in records(machine) if one.get("id") == identifier]
    return found
