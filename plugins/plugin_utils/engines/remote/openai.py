# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OpenAI's own API."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..cloud import Cloud
from ..model import OneOpenAi


class OpenAI(Cloud):
    """OpenAI's own API."""

    BASE_URL: ClassVar[str] = "https://api.openai.com/v1"
    ENV_VAR: ClassVar[str] = "OPENAI_API_KEY"
    RESPONSES: ClassVar[bool] = True
    type: Literal["openai"]
    """The kind of provider."""
    models: tuple[OneOpenAi, ...] = ()
    """Models, each a name or a mapping."""
