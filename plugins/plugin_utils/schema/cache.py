# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_cache`: answers that are kept in Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from .base import Seconds, Strict

# Redis' own default; one belongs to the cache, another to the router's state.
DATABASES = 16
# Redis' user for gateways.
USER = "gateway"
# The user of the exporter, which reads no key.
READER = "monitoring"


class Cache(Strict):
    """Answers kept in Redis. LiteLLM's key holds no API key: keys share answers."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "type": "the cache is Redis; remove it",
        "host": "Redis runs on the inventory group `ai_backend_redis`",
        "port": "write it in ai_backend_ports.services.redis",
        "password": "the deployment makes it (REDIS_PASSWORD in ai_backend_secrets overrides it)",
        "semantic": "it needs RediSearch, which Debian's Redis has not; the cache is by exact request",
        "similarity_threshold": "it needs RediSearch, which Debian's Redis has not; the cache is by exact request",
        "ttl_seconds": "write `ttl`",
    }
    # The inventory group it runs on.
    GROUP: ClassVar[str] = "redis"
    # Its port where the registry names none.
    PORTS: ClassVar[Mapping[str, int]] = {"redis": 6379}

    enabled: bool = True
    """Whether answers are kept; without it no Redis is installed."""
    ttl: Seconds = 3600
    """Seconds an answer is kept."""
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")] = "litellm"
    """Prefix of the keys."""
    database: Annotated[int, Field(ge=0, lt=DATABASES)] = 1
    """Redis database; the one after it is the router's."""
    maxmemory: Annotated[str, Field(pattern=r"^[1-9][0-9]*(kb|mb|gb)$")] = "256mb"
    """Memory of Redis; the oldest answers go first."""

    @field_validator("namespace", mode="before")
    @classmethod
    def _no_colon(cls, value: Any) -> Any:
        """LiteLLM adds the colon itself: `litellm:` would give `litellm::key`."""
        return value.removesuffix(":") if isinstance(value, str) else value

    @property
    def router_database(self) -> int:
        """Where LiteLLM's router keeps its keys, which no namespace separates from the cache's."""
        return (self.database + 1) % DATABASES
