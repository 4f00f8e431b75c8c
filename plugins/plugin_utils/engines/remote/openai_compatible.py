# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Any other server with OpenAI's API."""

from __future__ import annotations

from typing import Literal

from ..model import OneOpenAi
from ..provider import Provider


class OpenAICompatible(Provider):
    """Any other server with OpenAI's API. `base_url` is the part before `/chat/completions`."""

    type: Literal["openai_compatible"]
    """The kind of provider."""
    models: tuple[OneOpenAi, ...] = ()
    """Models, each a name or a mapping."""
