# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a model can do. The gateway refuses a request for anything else before it asks the engine.

roles/litellm/files/ai_backend_requests.py reads the same words out of a request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
# What a model is asked to prove that it works, and where; see module_utils/probes/checks.py.
PROOFS: Mapping[str, str] = {
    "chat": "/v1/chat/completions",
    "embedding": "/v1/embeddings",
    "rerank": "/v1/rerank",
}


def proof_of(known: Iterable[Collection[str] | None]) -> str:
    """The kind of PROOFS for a name, by the abilities of the models behind it; `chat` if they are not known.

    An empty string means that no short question can prove it.
    """
    of_each = list(known)
    if None in of_each:
        return "chat"
    can = {ability for abilities in of_each for ability in abilities or ()}
    return next((kind for kind in PROOFS if kind in can), "")
