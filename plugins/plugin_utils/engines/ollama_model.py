# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model of Ollama, on a host or in its cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from ..schema.base import AlsoSpelled, Context
from .abilities import Ability
from .load import BATCH, OUTPUT_BYTES, Load
from .memory import GGUF_BITS, Need
from .model import ModelEntry, by_name
from .ollama_options import duration
from .request_options import PenaltyOptions

# Ollama's own default; other engines use the whole context of the model, which is not known here.
_CONTEXT = 4096
# Ollama uses this tag for a name without one.
TAG = "latest"
# Endings that a local Ollama uses for models of the cloud.
CLOUD = ("-cloud", ":cloud")


def full_name(name: str) -> str:
    """A model's name as Ollama lists it: with a tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:{TAG}"


class OllamaOptions(PenaltyOptions):
    """Ollama's own request options (https://docs.ollama.com/modelfile), sent with each request."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        word: why for word, why in PenaltyOptions.REFUSED.items() if word != "top_k"
    }
    num_ctx: Context | None = None
    """Context, in tokens."""
    num_gpu: Annotated[int, Field(ge=0)] | None = None
    """Layers on the GPU."""
    num_thread: Annotated[int, Field(ge=1)] | None = None
    """Threads."""
    top_k: Annotated[int, Field(ge=1)] | None = None
    """Candidates to sample from."""
    repeat_penalty: Annotated[float, Field(ge=0)] | None = None
    """Penalty for repeating."""
    keep_alive: str | int | None = None
    """How long the model stays loaded (`5m`, -1 for ever)."""

    @field_validator("keep_alive", mode="before")
    @classmethod
    def _duration(cls, value: object) -> object:
        return duration(value)


class OllamaModel(ModelEntry):
    """A model of an Ollama server; `name` is its tag, such as `llama3.1:8b`."""

    USUAL_BITS: ClassVar[float] = GGUF_BITS

    options: OllamaOptions = OllamaOptions()
    """Defaults for requests that do not set them."""

    @field_validator("abilities")
    @classmethod
    def _one_client(cls, value: tuple[Ability, ...] | None) -> tuple[Ability, ...] | None:
        """LiteLLM has a client for chats and another one for embeddings."""
        if value is not None and "embedding" in value and set(value) != {"embedding"}:
            raise ValueError("names embedding and something else → write [embedding] for an embedding model of Ollama")
        return value

    @property
    def in_cloud(self) -> bool:
        """Whether the name is that of a model in Ollama's cloud."""
        return full_name(self.name).endswith(CLOUD)

    def estimate(self, context: int, share: float) -> Need | None:
        """Memory by its name and size. Of a model in the cloud, nothing is on the host."""
        return None if self.in_cloud else super().estimate(context, share)

    def load(self, path: str) -> Load:
        """How Ollama loads it."""
        own: Load = super().load(path)
        return {**own, "batch": BATCH, "mask": True, "outputs": BATCH, "output_bytes": OUTPUT_BYTES}

    @property
    def context(self) -> int:
        """Tokens of context that the engine reserves memory for."""
        return self.options.num_ctx or self.context_length or _CONTEXT

    @property
    def request_parameters(self) -> dict[str, Any]:
        """What the gateway adds to each request. Without a length Ollama cuts a prompt at its own default."""
        length = {} if self.context_length is None else {"num_ctx": self.context_length}
        return {**length, **self.options.model_dump(mode="json", exclude_none=True)}


OneOllama = Annotated[OllamaModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
