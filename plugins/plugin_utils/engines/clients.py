# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""LiteLLM's clients: the prefix of a model's name chooses one, and each needs the address in its own form."""

from __future__ import annotations

from urllib.parse import urlsplit

ANTHROPIC = "anthropic"
OLLAMA = "ollama_chat"
# The only one that embeds with Ollama, and it does nothing else as well as the other.
OLLAMA_EMBEDDING = "ollama"
OPENAI = "openai"
# Uses OpenAI's API too, and lists no models of its own.
VLLM = "hosted_vllm"


def api_base(prefix: str, base: str) -> str:
    """The address for LiteLLM's client: the start of OpenAI's API, or the plain server for Ollama and Anthropic."""
    if prefix in (OLLAMA, OLLAMA_EMBEDDING):
        return base.removesuffix("/v1").removesuffix("/api")
    if prefix == ANTHROPIC:
        return base.removesuffix("/messages").removesuffix("/v1")
    return f"{base.removesuffix('/api')}/v1" if urlsplit(base).path in ("", "/api") else base
