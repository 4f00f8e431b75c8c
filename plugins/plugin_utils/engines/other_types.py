# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Providers without a type of their own, and how each is written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .remote.well_known import CLOUDS

# Others that answer OpenAI's API, and their addresses.
_COMPATIBLE: Mapping[str, str] = {
    "azure": "https://RESOURCE.openai.azure.com/openai/v1",
    "bedrock": "https://bedrock-runtime.REGION.amazonaws.com/openai/v1",
    "litellm": "http://HOST:4000/v1",
    "lmstudio": "http://HOST:1234/v1",
    "localai": "http://HOST:8080/v1",
    "sglang": "http://HOST:30000/v1",
    "tgi": "http://HOST:8080/v1",
}
# Other words for types that exist.
_SAME: Mapping[str, str] = {
    "chatgpt": "openai",
    "claude": "anthropic",
    "gguf": "llama_cpp",
    "gpt": "openai",
    "llamacpp": "llama_cpp",
    "llamacpppython": "llama_cpp",
    "llamaserver": "llama_cpp",
    "openaicompatible": "openai_compatible",
    "openaicompat": "openai_compatible",
    "custom": "openai_compatible",
}
_ALSO = {"azureopenai": "azure", "google": "gemini", "googleai": "gemini", "grok": "xai", "hf": "huggingface"}
_ENDINGS = re.compile(r"(ai|api|cloud)$")


def how_to_write(kind: str) -> str:
    """What to write instead of an unknown type; empty if nothing is known about it."""
    word = re.sub(r"[^a-z]", "", kind.lower())
    if word in _SAME:
        return f"write {_SAME[word]}"
    words = [name for name in (_ALSO.get(word), word, _ENDINGS.sub("", word)) if name is not None]
    cloud = next((name for name in words if name in CLOUDS), None)
    if cloud is not None:
        return f"write {cloud}"
    name = next((name for name in words if name in _COMPATIBLE), None)
    if name is None:
        return ""
    address = _COMPATIBLE[name]
    key = "" if address.startswith("http:") else f" and `env_var: {name.upper()}_API_KEY`"
    return f"write `type: openai_compatible` with `base_url: {address}`{key}"
