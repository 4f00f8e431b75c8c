# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_clients`: who uses the endpoint, and how much of it. Each client has a name, a key and limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, field_validator

from ...module_utils.host.layout import CLIENT_KEYS
from .base import Described, Words
from .pydantic_findings import refused

CLIENT_NAME = re.compile(r"[a-z][a-z0-9_]*")
# The key of a client has its name, and these are the names of other keys of the gateway.
_TAKEN = re.compile(r"master|.*_before(_until)?")


def secret_of(client: str) -> str:
    """Name of the secret that is the key of a client."""
    return CLIENT_KEYS + client.upper()


def wrong_name(client: str) -> tuple[str, str] | None:
    """(problem, remedy) of a client's name, or None."""
    if not CLIENT_NAME.fullmatch(client):
        return "is not a client's name", "use a-z, 0-9 and _, starting with a letter (its secret has it in capitals)"
    if _TAKEN.fullmatch(client):
        return "is the name of another key of the gateway", "use another name"
    return None


def matches(pattern: str, name: str) -> bool:
    """Whether an entry of `models` allows a name: `*` stands for any text, and both ends are fixed."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) is not None


def _models(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("is empty → name the models, or leave `models` out for all of them")
    return value


Limit = Annotated[int, Field(ge=1, le=1_000_000_000)]


class Client(Described):
    """A client of the endpoint. Without a key here nothing is limited; `{}` is a client that may do everything."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "budget": "budgets need LiteLLM's database, which this collection does not run; write `tokens_per_minute`",
        "max_budget": "budgets need LiteLLM's database, which this collection does not run; write `tokens_per_minute`",
        "rpm": "write `requests_per_minute`",
        "rpm_limit": "write `requests_per_minute`",
        "tpm": "write `tokens_per_minute`",
        "tpm_limit": "write `tokens_per_minute`",
        "max_parallel_requests": "write `parallel`",
        **dict.fromkeys(
            ("api_key", "key"), "the deployment makes it, or give AI_BACKEND_CLIENT_<NAME> in ai_backend_secrets"
        ),
        "env_var": "its name is AI_BACKEND_CLIENT_<NAME>; remove it",
    }

    models: Annotated[Words, AfterValidator(_models)] | None = None
    """Names that it may ask for; `*` stands for any text. Default: all."""
    requests_per_minute: Limit | None = None
    """Requests in a minute of the clock."""
    tokens_per_minute: Limit | None = None
    """Tokens in a minute of the clock, of prompts and answers; the request that exceeds it is still answered."""
    parallel: Limit | None = None
    """Requests at the same time."""
    log_content: bool = False
    """Whether its prompts and answers are in the record of requests, for everybody who reads that."""

    @field_validator("models")
    @classmethod
    def _names(cls, value: Any) -> Any:
        for name in value or ():
            if not name or re.search(r"\s", name) or not name.isprintable():
                remedy = "write names without blanks, or globs such as `qwen*`"
                raise refused("names", f"holds a name that is empty or has blanks → {remedy}")
        return value

    @property
    def limited(self) -> bool:
        """Whether something of it is counted."""
        return any((self.requests_per_minute, self.tokens_per_minute, self.parallel))

    def may(self, name: str) -> bool:
        """Whether it may ask for a name."""
        return self.models is None or any(matches(pattern, name) for pattern in self.models)
