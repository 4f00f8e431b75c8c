# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The models of a provider: what every entry of `models:` has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from ..schema.base import AlsoSpelled, Context, Described, ModelName, Strict, Text, Words, text_list
from ..schema.sizes import declared_size, named_size
from .abilities import Ability
from .load import BATCHED_TOKENS, SAMPLER_BYTES, SEQUENCES, Load
from .memory import SIXTEEN_BITS, Need, cache_bits, need
from .request_options import OpenAiRequestOptions, RequestOptions


class Cost(Strict):
    """Price of 1000 tokens, in the currency of your reports (LiteLLM names it USD)."""

    input: Annotated[float, Field(ge=0)]
    """Price of 1000 tokens of the prompt."""
    output: Annotated[float, Field(ge=0)]
    """Price of 1000 tokens of the answer."""


class RateLimits(Strict):
    """Limits of one deployment; the gateway answers 429 above them."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "concurrent_requests": "LiteLLM has no such limit for one model; write `requests_per_minute`",
        "requests_per_day": "LiteLLM counts per minute; write `requests_per_minute`",
    }
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    """Requests per minute."""
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    """Tokens per minute, prompt and answer."""


def _one_price(value: object) -> object:
    """`0.002` means the same price in both directions."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return {"input": value, "output": value}
    return value


class ModelEntry(Described):
    """What is known about a model of any provider."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "provider": "a model belongs to the provider that contains it; move it there",
        "fallback": "chains are routing: write them in ai_backend_routing.fallback_chains",
        "fallback_chain": "chains are routing: write them in ai_backend_routing.fallback_chains",
        "capabilities": "write `abilities`; a name for a purpose is in ai_backend_routing.capability_routing",
        "max_budget": "budgets need LiteLLM's database, which this collection does not run; write `rate_limits`",
    }
    # Bits per weight if neither `quantization` nor the name contains them.
    USUAL_BITS: ClassVar[float] = SIXTEEN_BITS

    name: ModelName
    """The name that a client asks for, which is also the provider's own name for the model."""
    size: Text | None = None
    """Parameters, for example 8B; for people and GET /model/info."""
    quantization: Text | None = None
    """For example Q4_K_M; for people and GET /model/info."""
    specialty: Text | None = None
    """What it is good at; for people and GET /model/info."""
    context_length: Context | None = None
    """Tokens of context. A managed vLLM is started with it, and a llama.cpp, whose `parallel` requests share it."""
    abilities: Annotated[tuple[Ability, ...], BeforeValidator(text_list)] | None = None
    """What it can do, e.g. `[chat, vision, tools]`; requests for anything else are refused. Default: by engine."""
    tags: Words = ()
    """Words for people and GET /model/info."""
    cost_per_1k_tokens: Annotated[Cost, BeforeValidator(_one_price), AlsoSpelled({"type": "number"})] | None = None
    """One price, or `input` and `output`; LiteLLM uses it for costs."""
    rate_limits: RateLimits | None = None
    """Limits of this model at this provider."""

    @property
    def billions(self) -> float | None:
        """Parameters in billions: from `size`, else from the name; None if neither contains them."""
        declared = declared_size(self.size) if self.size is not None else None
        return declared if declared is not None else named_size(self.name)

    @property
    def context(self) -> int:
        """Tokens of context that the engine reserves memory for; 0 if this is not known."""
        return self.context_length or 0

    @property
    def sleeps_after(self) -> int | None:
        """Seconds without a request after which it leaves the memory, until the next one; None if it stays."""
        return None

    @property
    def request_context(self) -> int:
        """Tokens of context of one request; 0 if this is not known."""
        return self.context

    @property
    def cache_share(self) -> float:
        """Size of the KV cache, relative to one in 16 bits."""
        return 1.0

    @property
    def need(self) -> Need | None:
        """Memory that it needs by its name and size, or None if its size is not known."""
        return self.estimate(self.context, self.cache_share)

    def estimate(self, context: int, share: float) -> Need | None:
        """The same with a context of so many tokens, and a cache of another size relative to one in 16 bits."""
        if self.billions is None:
            return None
        return need(self.billions, self.quantization or self.name, self.USUAL_BITS, context, share)

    def load(self, path: str) -> Load:
        """How an engine loads it; `path` is its place in the registry. One with the name of a folder is there."""
        guess = self.need
        return {
            "path": path,
            "model": self.name,
            "file": self.name if self.name.startswith("/") else "",
            "draft": "",
            "parts": [],
            "context": self.context,
            "sequences": 1,
            "shared": True,
            "windows": True,
            "cache_bits": cache_bits(None, None),
            "layers": -1,
            "experts": 0,
            "cached": True,
            "batch": BATCHED_TOKENS,
            "flash": True,
            "mask": False,
            "outputs": SEQUENCES,
            "output_bytes": SAMPLER_BYTES,
            "estimate": guess.total if guess is not None else 0,
        }

    @property
    def request_parameters(self) -> dict[str, Any]:
        """What the gateway adds to each request."""
        return {}


class RemoteModel(ModelEntry):
    """A model of a cloud."""

    options: RequestOptions = RequestOptions()
    """Defaults for requests that do not set them."""

    @property
    def request_parameters(self) -> dict[str, Any]:
        """What the gateway adds to each request."""
        return self.options.model_dump(mode="json", exclude_none=True)


class OpenAiModel(RemoteModel):
    """A model of a cloud or a server with OpenAI's API."""

    options: OpenAiRequestOptions = OpenAiRequestOptions()
    """Defaults for requests that do not set them."""


def by_name(value: object) -> object:
    """A model may be written as its name only."""
    return {"name": value} if isinstance(value, str) else value


OneRemote = Annotated[RemoteModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
OneOpenAi = Annotated[OpenAiModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
