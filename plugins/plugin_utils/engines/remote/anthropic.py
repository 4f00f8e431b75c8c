# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Anthropic's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from ..abilities import CHAT, Ability
from ..clients import ANTHROPIC, api_base
from ..cloud import Cloud
from ..model import OneRemote


class Anthropic(Cloud):
    """Anthropic's API."""

    CLIENT: ClassVar[str] = ANTHROPIC
    OPENAI_API: ClassVar[bool] = False
    ABILITIES: ClassVar[frozenset[Ability] | None] = CHAT
    BASE_URL: ClassVar[str] = "https://api.anthropic.com/v1"
    ENV_VAR: ClassVar[str] = "ANTHROPIC_API_KEY"
    HEADERS: ClassVar[Mapping[str, str]] = {"x-api-key": "{key}", "anthropic-version": "2023-06-01"}
    # It lists models with their dates, and accepts other names for them.
    ALIASES: ClassVar[bool] = True
    type: Literal["anthropic"]
    """The kind of provider."""
    models: tuple[OneRemote, ...] = ()
    """Models, each a name or a mapping."""

    def models_url(self, base: str) -> str:
        """The URL of its list of models."""
        return f"{api_base(ANTHROPIC, base)}/v1/models"
