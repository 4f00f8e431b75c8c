# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which kind of server answers at an address, and which models it has, from its answers to a few questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ..data.plain import Plain
from ..engines.catalog import provider_types
from ..findings.findings import Finding, RegistryError

# The end of an address -> (HTTP status, or -1 without an answer; the JSON that came, or None).
Answers: TypeAlias = Mapping[str, "tuple[int, Any]"]
MODELS = "/v1/models"


def recognised(url: str, answers: Answers) -> dict[str, Plain]:
    """The provider `{type, base_url, managed, models}` that answered; its models may be an empty list.

    Raises RegistryError if nothing answered, or nothing that is known.
    """
    base = url.rstrip("/").removesuffix("/v1")
    rows = _list(answers, MODELS, "data", "id")
    for kind, provider in provider_types().items():
        own = _list(answers, provider.OWN_LIST, "models", "name")
        if own is None and provider.OWNER and any(row.get("owned_by") == provider.OWNER for row in rows or ()):
            own = rows
        if own is not None:
            models = [provider.offered(row) for row in own]
            return {"type": kind, "managed": False, "base_url": base, "models": models}
    if rows is not None:
        return {"type": "openai_compatible", "base_url": f"{base}/v1", "models": [str(row["id"]) for row in rows]}
    raise RegistryError([_unknown(url, answers)])


def _list(answers: Answers, end: str, key: str, name: str) -> list[dict[str, Any]] | None:
    """The rows of a list of models; None if it did not come."""
    status, body = answers.get(end, (-1, None))
    rows = body.get(key) if status == 200 and isinstance(body, dict) else None
    if not isinstance(rows, list):
        return None
    return [row for row in rows if isinstance(row, dict) and name in row]


def _unknown(url: str, answers: Answers) -> Finding:
    statuses = {status for status, _body in answers.values()}
    if statuses <= {-1}:
        return Finding("url", f"nothing answers at {url}", "start the server, or write the address that it has")
    if statuses & {401, 403}:
        problem = f"the server at {url} names its models only to those who have a key"
        remedy = "write -e type=openai_compatible -e models=… -e env_var=<name of its key>"
        return Finding("url", problem, remedy)
    problem = f"the server at {url} has neither Ollama's API nor OpenAI's"
    return Finding("url", problem, "write the address before `/v1/chat/completions`")
