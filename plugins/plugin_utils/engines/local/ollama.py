# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ollama."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..abilities import CHAT, Ability
from ..clients import OLLAMA, api_base
from ..ollama_model import TAG, OneOllama
from ..provider import Provider


class Ollama(Provider):
    """An Ollama server. `name` of a model is its tag."""

    LOCAL: ClassVar[bool] = True
    CLIENT: ClassVar[str] = OLLAMA
    ABILITIES: ClassVar[frozenset[Ability] | None] = CHAT | {"completion", "embedding"}
    DEFAULT_ABILITIES: ClassVar[frozenset[Ability] | None] = CHAT | {"completion"}
    # It has no keys.
    MANAGED_KEY: ClassVar[str] = ""
    HEALTH: ClassVar[str] = "/api/version"
    TAG: ClassVar[str] = TAG
    REMEDY: ClassVar[str] = "run `ollama pull {model}` there"
    type: Literal["ollama"]
    """The kind of provider."""
    models: tuple[OneOllama, ...] = ()
    """Models, each a name or a mapping."""

    def models_url(self, base: str) -> str:
        """The URL of its list of models."""
        return f"{api_base(OLLAMA, base)}/api/tags"
