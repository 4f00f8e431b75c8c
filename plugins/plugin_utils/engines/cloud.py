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
        return {"base_url": cls.BASE_URL, "requires_api_key": True, "env_var": cls.ENV_VAR, **data}

    @model_validator(mode="after")
    def _needs_a_key(self) -> Cloud:
        if not self.requires_api_key:
            raise refused("secrets", "requires_api_key is false, but this cloud always needs a key → remove it")
        return self
