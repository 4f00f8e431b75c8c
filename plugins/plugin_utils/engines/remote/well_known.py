# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clouds that differ only in LiteLLM's prefix, their address and the name of their key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ..clients import OPENAI, PERPLEXITY
from ..cloud import Cloud
from ..model import OneOpenAi


class Known(NamedTuple):
    """LiteLLM's prefix, the part of the address before `/chat/completions`, and the usual name of the key."""

    prefix: str
    base_url: str
    env_var: str


# Each has OpenAI's API at its address. The prefix, where LiteLLM has one, corrects what a cloud does in another way.
CLOUDS: Mapping[str, Known] = {
    "cerebras": Known("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "cohere": Known(OPENAI, "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "deepseek": Known("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "fireworks": Known("fireworks_ai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "gemini": Known(OPENAI, "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "groq": Known("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "huggingface": Known(OPENAI, "https://router.huggingface.co/v1", "HF_TOKEN"),
    "mistral": Known("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "openrouter": Known("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "perplexity": Known(PERPLEXITY, "https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
    "together": Known("together_ai", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "xai": Known("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
}


class WellKnown(Cloud):
    """A cloud with OpenAI's API; its address and the name of its key are known."""

    type: Literal[
        "cerebras",
        "cohere",
        "deepseek",
        "fireworks",
        "gemini",
        "groq",
        "huggingface",
        "mistral",
        "openrouter",
        "perplexity",
        "together",
        "xai",
    ]
    """The kind of provider."""
    models: tuple[OneOpenAi, ...] = ()
    """Models, each a name or a mapping."""

    @classmethod
    def usual(cls, kind: str) -> tuple[str, str]:
        """Its address and the name of its key."""
        return CLOUDS[kind][1:]

    @property
    def usual_client(self) -> str:
        """The prefix that chooses LiteLLM's client."""
        return CLOUDS[self.type].prefix
