# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A well-known cloud: its address and the name of its key are known, and it always needs a key."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import model_validator

from ..schema.pydantic_findings import refused
from .provider import Provider


class Cloud(Provider):
    """A provider whose address and key have usual names."""

    PAID: ClassVar[bool] = True
    BASE_URL: ClassVar[str]
    ENV_VAR: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        base_url, env_var = cls.usual(str(data.get("type")))
        return {"base_url": base_url, "requires_api_key": True, "env_var": env_var, **data}

    @classmethod
    def usual(cls, kind: str) -> tuple[str, str]:
        """The address and the name of the key of a type."""
        return cls.BASE_URL, cls.ENV_VAR

    @model_validator(mode="after")
    def _needs_a_key(self) -> Cloud:
        if not self.requires_api_key:
            raise refused("secrets", "requires_api_key is false, but this cloud always needs a key → remove it")
        return self
