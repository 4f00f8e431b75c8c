# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Defaults of a model's requests: what the gateway adds where a client does not set it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from ..schema.base import Strict, text_list

_NOT_EVERY = "not every engine of this type has it; clients send it with their requests"
# What a request consists of.
_OF_THE_CLIENT = ("input", "messages", "model", "prompt", "stream", "stream_options", "tools")


class RequestOptions(Strict):
    """Defaults that the gateway adds to a request that does not set them."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("response_format", "tools", "tool_choice"),
            "clients send it with their requests; the gateway adds none",
        ),
        **dict.fromkeys(("thinking", "think"), "write `reasoning_effort: none`, `low`, `medium` or `high`"),
        **dict.fromkeys(
            ("frequency_penalty", "presence_penalty", "top_k", "min_p", "extra_body", "chat_template_kwargs"),
            _NOT_EVERY,
        ),
        "system_prompt": "clients send it as the first message; the gateway changes no messages",
        "num_predict": "write `max_tokens`",
    }
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Sampling temperature."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the probability mass to sample from."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Longest answer, in tokens."""
    seed: int | None = None
    """Seed of the sampling."""
    stop: Annotated[tuple[str, ...], Field(max_length=4), BeforeValidator(text_list)] | None = None
    """Texts at which an answer ends, four at most."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    """How much a model thinks first; LiteLLM translates it. Chats alone: a completion is asked without it."""


class PenaltyOptions(RequestOptions):
    """The same, of engines that have penalties."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        word: why for word, why in RequestOptions.REFUSED.items() if not word.endswith("_penalty")
    }
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    """Penalty for words by how often they were used."""
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    """Penalty for words that were used."""


class OpenAiRequestOptions(PenaltyOptions):
    """Defaults that the gateway adds to a request that does not set them."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        **{word: why for word, why in RequestOptions.REFUSED.items() if why != _NOT_EVERY},
        **{
            word: f"write it in `extra_body`, which the engine gets as it is: `extra_body: {{{word}: …}}`"
            for word in ("chat_template_kwargs", "min_p", "top_k")
        },
    }
    extra_body: dict[str, Any] | None = None
    """What the engine reads and OpenAI's API does not have, such as `{top_k: 40}`. A client that sends it wins."""

    @field_validator("extra_body")
    @classmethod
    def _no_word_of_its_own(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        for name in sorted(value or {}):
            if name in cls.model_fields:
                raise ValueError(f"{name} has a key of its own → write `{name}` next to extra_body")
            if name in _OF_THE_CLIENT:
                raise ValueError(f"{name} is the client's → remove it")
        return value
