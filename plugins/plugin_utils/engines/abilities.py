# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a model can do. The gateway refuses a request for anything else before it asks the engine.

roles/litellm/files/ai_backend_requests.py reads the same words out of a request.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Ability: TypeAlias = Literal[
    "chat",
    "completion",
    "embedding",
    "rerank",
    "moderation",
    "speech",
    "transcription",
    "image",
    "vision",
    "audio",
    "tools",
]
# Of the APIs of OpenAI and Anthropic: chat with or without pictures and tools.
CHAT: frozenset[Ability] = frozenset({"chat", "vision", "tools"})
TEXT: frozenset[Ability] = frozenset({"chat", "completion", "tools"})
