# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache: one Redis, on the host of its group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....module_utils.host.layout import Layout
from ...data.row import Row
from ...schema.cache import DATABASES, READER, USER
from ...schema.secrets import CACHE_KEY

if TYPE_CHECKING:
    from ..fleet import Fleet

STAGE = "backend"
NAME = "redis"
# What LiteLLM and the limits of clients use: values, scripts, messages. LiteLLM asks for the version with `info`, which
# Redis counts as dangerous.
RIGHTS = "~* &* +@read +@write +@connection +@transaction +@scripting +@pubsub -@admin -@dangerous +info"
# What an exporter asks for: numbers about Redis, and about no key.
READER_RIGHTS = (
    "resetkeys resetchannels -@all +info +ping +client|setname +config|get +latency|latest +slowlog|len +slowlog|get"
)


def rows(fleet: Fleet, host: str, there: Sequence[Row]) -> list[Row]:
    """One row on the host of the cache."""
    if host != fleet.place.cache:
        return []
    return [
        {
            "service": NAME,
            "instance": NAME,
            "provider": "",
            "role": "lab.ai_backend.redis",
            "stage": STAGE,
            "ports": {NAME: fleet.registry.port_of(NAME) or 0},
            "sockets": {NAME: Layout().socket(NAME, NAME)},
            "slots": [],
            # The password of the default user is for older releases, which have no other user.
            "secrets": {f"{NAME}.conf": {"requirepass": CACHE_KEY, **dict.fromkeys(_users(fleet), CACHE_KEY)}},
            "publish": {
                "name": NAME,
                "mode": "tcp",
                "here": host in fleet.place.gateways,
                "abroad": "gateways",
                "retries": 0,
            },
            "config": {"maxmemory": fleet.registry.cache.maxmemory, "databases": DATABASES, "user": USER},
        }
    ]


def _users(fleet: Fleet) -> list[str]:
    """The lines of Redis' users, without their password."""
    reader = [f"user {READER} on {READER_RIGHTS}"] if fleet.place.monitoring is not None else []
    return [f"user {USER} on {RIGHTS}", *reader]
