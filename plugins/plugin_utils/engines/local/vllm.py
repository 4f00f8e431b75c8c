# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vLLM."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..clients import VLLM
from ..model import OneRemote
from ..provider import Provider


class Vllm(Provider):
    """A vLLM server. It serves the model that it was started with."""

    MANY_MODELS: ClassVar[bool] = False
    LOCAL: ClassVar[bool] = True
    CLIENT: ClassVar[str] = VLLM
    HEALTH: ClassVar[str] = "/health"
    REMEDY: ClassVar[str] = "start it with that model"
    type: Literal["vllm"]
    """The kind of provider."""
    models: tuple[OneRemote, ...] = ()
    """Models, each a name or a mapping."""
