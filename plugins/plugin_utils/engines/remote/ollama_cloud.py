# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ollama's cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from ..abilities import CHAT, Ability
from ..clients import OLLAMA, api_base
from ..cloud import Cloud
from ..ollama_model import CLOUD, TAG, OneOllama


class OllamaCloud(Cloud):
    """Ollama's cloud."""

    CLIENT: ClassVar[str] = OLLAMA
    ABILITIES: ClassVar[frozenset[Ability] | None] = CHAT | {"completion", "embedding"}
    DEFAULT_ABILITIES: ClassVar[frozenset[Ability] | None] = CHAT | {"completion"}
    BASE_URL: ClassVar[str] = "https://ollama.com"
    ENV_VAR: ClassVar[str] = "OLLAMA_API_KEY"
    ENDINGS: ClassVar[Sequence[str]] = CLOUD
    TAG: ClassVar[str] = TAG
    type: Literal["ollama_cloud"]
    """The kind of provider."""
    models: tuple[OneOllama, ...] = ()
    """Models, each a name or a mapping."""

    def models_url(self, base: str) -> str:
        """The URL of its list of models."""
        return f"{api_base(OLLAMA, base)}/api/tags"
