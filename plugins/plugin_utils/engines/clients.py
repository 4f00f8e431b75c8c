# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""LiteLLM's clients: the prefix of a model's name chooses one, and each needs the address in its own form."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

ANTHROPIC = "anthropic"
OLLAMA = "ollama_chat"
OLLAMA_EMBEDDING = "ollama"
OPENAI = "openai"
# Uses OpenAI's API too, and lists no models of its own.
VLLM = "hosted_vllm"
# Its API begins at the root of its address, where others have /v1.
PERPLEXITY = "perplexity"
# What the usual client of an engine can't do, and another one can: {(usual client, ability): client}.
_BESIDES = {(OLLAMA, "embedding"): OLLAMA_EMBEDDING, (OPENAI, "rerank"): VLLM}


def client_for(usual: str, abilities: Collection[str] | None) -> str:
    """The client for a model, by the one ability that it has, if it has only one."""
    (only,) = abilities if abilities is not None and len(abilities) == 1 else ("",)
    return _BESIDES.get((usual, only), usual)


def api_base(prefix: str, base: str) -> str:
    """The address for LiteLLM's client: the start of OpenAI's API, or the plain server for Ollama and Anthropic."""
    if prefix in (OLLAMA, OLLAMA_EMBEDDING):
        return base.removesuffix("/v1").removesuffix("/api")
    if prefix == ANTHROPIC:
        return base.removesuffix("/messages").removesuffix("/v1")
    if prefix == PERPLEXITY:
        return base
    return f"{base.removesuffix('/api')}/v1" if urlsplit(base).path in ("", "/api") else base
